"""Exchange → bus: trades and tickers as they come, none lost; the exchange's own candles for what was not seen.

One event loop keeps the sockets and puts trades in order; one thread (`Publisher`) takes them to the bus. When the bus is
slow or away the queue fills, and the sockets are no longer read: the exchange's TCP waits, and status says so.
"""

import asyncio
import statistics
import threading
import time
from collections.abc import Sequence
from contextlib import aclosing, suppress
from typing import Final

import msgspec
import redis
import structlog

from pipeline import bus as buses
from pipeline import metrics, status, tracing
from pipeline.bus.base import BusUnavailable
from pipeline.bus.topics import TOPICS
from pipeline.clock import now_ms
from pipeline.collecting.duplicates import Duplicates
from pipeline.collecting.following import EVERY, Following
from pipeline.collecting.gaps import GapNotes
from pipeline.collecting.history import History
from pipeline.collecting.publisher import CAPACITY, Publisher
from pipeline.collecting.repair import Repairs
from pipeline.exchanges import open_exchange
from pipeline.exchanges.base import Event, Exchange, Health
from pipeline.exchanges.weights import Weights
from pipeline.live import LivePublisher, channel
from pipeline.model import Book, Ticker, Trade
from pipeline.settings import Settings

_log = structlog.get_logger(__name__)

NAME: Final = "collector"
#: Share of the exchange's request weight: other programs share our address, and who can wait takes less.
_SHARE: Final = 0.8
#: Seconds without any event after which we say that we wait.
QUIET: Final = 30.0
#: Seconds between two books of a symbol on the live bridge: the eye follows 4 a second.
_BOOK_EVERY: Final = 0.25
#: Seconds that the streams of other symbols may take to flow before the earlier ones end anyway.
_HAND_OVER: Final = 15.0
#: Seconds until the first look for halts and delistings, where nothing else is to be looked up: starting is busy enough.
_FIRST_LOOK: Final = 60.0
_encode = msgspec.json.Encoder(decimal_format="number").encode


def run(settings: Settings, stop: threading.Event) -> None:
    """Collect until `stop` is set. Raises SetupError for an exchange or recording that cannot be."""
    client = redis.Redis.from_url(settings.redis_url, socket_timeout=5.0, socket_connect_timeout=5.0)
    exchange = open_exchange(settings, Weights(client, settings.binance_rest_url, _SHARE))
    asyncio.run(Collector(settings, exchange).run(stop))
    client.close()


class Collector:
    def __init__(self, settings: Settings, exchange: Exchange) -> None:
        self._settings = settings
        self._exchange = exchange
        self._bus = buses.connect(settings)
        self._redis: redis.Redis = redis.Redis.from_url(
            settings.redis_url, socket_timeout=5.0, socket_connect_timeout=5.0
        )
        self._live = LivePublisher(self._redis)
        self._publisher = Publisher(
            self._bus, self._redis, remember=exchange.repairs, traces=tracing.connect(settings, NAME)
        )
        self._history = History(exchange, self._publisher, self._redis)
        self._following = Following(settings, exchange, self._redis)
        self._gaps = GapNotes(self._redis)
        self._duplicates = Duplicates(self._redis, exchange.label)
        self._repairs: Repairs | None = None
        self._books: dict[str, Book] = {}
        self._lags: list[int] = []
        self._last_event = time.monotonic()
        self._changed = asyncio.Event()
        self._seen_first = False
        self._finished = False

    async def run(self, stop: threading.Event) -> None:
        await self._report("starting", "connecting")
        try:
            if not await self._ready(stop):
                return
            async with asyncio.TaskGroup() as group:
                main = group.create_task(self._collect())
                others = [group.create_task(self._reports()), group.create_task(self._publish_books())]
                if self._exchange.history:
                    others += [
                        group.create_task(self._introduce(self._following.symbols)),
                        group.create_task(self._follow()),
                    ]
                while not stop.is_set():  # noqa: ASYNC110 - set on another thread
                    await asyncio.sleep(0.05)
                for task in (main, *others):
                    task.cancel()
        finally:
            with suppress(Exception):
                await self._exchange.close()
            if self._repairs:
                await self._repairs.close()
                await asyncio.to_thread(self._duplicates.note, self._repairs.duplicates)
            await self._gaps.flush()
            await self._history.close()
            await self._publisher.close()
            await self._report("stopped", "")
            self._bus.close()
            self._redis.close()

    async def _ready(self, stop: threading.Event) -> bool:
        """Wait for the bus and for Redis; False when stopped meanwhile."""
        while not stop.is_set():
            try:
                await asyncio.to_thread(self._bus.ensure_topics, TOPICS)
                remembered = await asyncio.to_thread(self._publisher.remembered, self._exchange.label)
            except (BusUnavailable, redis.RedisError) as error:
                _log.warning("waiting for the bus and Redis", error=str(error))
                await self._report("waiting", str(error))
                await asyncio.sleep(0.5)
                continue
            await self._following.first()
            if self._exchange.repairs:
                self._repairs = Repairs(self._exchange, self._publisher, remembered, self._history.mend, self._gaps.add)
            return True
        return False

    async def _collect(self) -> None:
        """The streams of what is followed; when that changes, the old ones until the new ones flow."""
        flowing = asyncio.Event()
        task = asyncio.create_task(self._read(self._following.symbols, flowing))
        try:
            while True:
                changed = asyncio.create_task(self._changed.wait())
                await asyncio.wait((task, changed), return_when=asyncio.FIRST_COMPLETED)
                if not changed.done():
                    changed.cancel()
                    await task
                    break
                self._changed.clear()
                flowing = asyncio.Event()
                fresh = asyncio.create_task(self._read(self._following.symbols, flowing))
                with suppress(TimeoutError):
                    await asyncio.wait_for(flowing.wait(), _HAND_OVER)
                await _end(task)
                task = fresh
        finally:
            await _end(task)
        await self._publisher.drained()
        self._finished = True

    async def _read(self, symbols: Sequence[str], flowing: asyncio.Event) -> None:
        async with aclosing(self._exchange.stream(symbols)) as stream:
            async for events in stream:
                flowing.set()
                self._last_event = time.monotonic()
                metrics.FEED_NEWEST.set(now_ms() / 1000, self._exchange.label)
                self._handle(events)
                await self._publisher.room()
                if self._repairs is not None:
                    await self._repairs.room()

    async def _follow(self) -> None:
        if not self._settings.quotes:
            await asyncio.sleep(_FIRST_LOOK)
        while True:
            before = set(self._following.symbols)
            if await self._following.look():
                self._changed.set()
                await self._introduce([symbol for symbol in self._following.symbols if symbol not in before])
            await asyncio.sleep(EVERY)

    async def _introduce(self, symbols: Sequence[str]) -> None:
        """What a page needs of symbols that are new here."""
        if symbols:
            await asyncio.gather(
                self._history.markets(symbols), self._history.seed(symbols, self._settings.seed_candles)
            )

    def _handle(self, events: list[Event]) -> None:
        if not events:
            return
        trades: list[Trade] = []
        tickers: list[Ticker] = []
        for event in events:
            if type(event) is Trade:
                trades.append(event)
            elif type(event) is Ticker:
                tickers.append(event)
            elif type(event) is Book:
                self._books[event.symbol] = event
        if trades:
            metrics.MESSAGES_IN.add(len(trades), "trade")
            newest = trades[-1].ts
            self._lags.append(now_ms() - newest)
            self._history.skew = (
                newest - now_ms() if not self._seen_first else max(self._history.skew, newest - now_ms())
            )
            if not self._seen_first:
                self._seen_first = True
                if self._exchange.history:
                    # The windows we began in the middle of are the exchange's to tell.
                    for symbol in self._following.symbols:
                        self._history.mend(symbol, newest, newest)
            self._publisher.add(self._repairs.take(trades) if self._repairs is not None else trades)
        if tickers:
            metrics.MESSAGES_IN.add(len(tickers), "ticker")
            if self._repairs is not None:
                for ticker in tickers:
                    self._repairs.hear(ticker)
            self._publisher.add(tickers)

    async def _publish_books(self) -> None:
        while True:
            await asyncio.sleep(_BOOK_EVERY)
            books, self._books = self._books, {}
            if books:
                data = {channel("book", book.symbol): _book(book) for book in books.values()}
                with suppress(redis.RedisError):
                    await asyncio.to_thread(self._live.forming, data)

    async def _reports(self) -> None:
        before, at = self._publisher.trades, time.monotonic()
        while True:
            await asyncio.sleep(1.0)
            if self._repairs is not None:
                self._repairs.check()
                # Not only at the end: a collector that is killed has no end (the drill found the ledger without any).
                await asyncio.to_thread(self._duplicates.note, self._repairs.duplicates)
            await self._gaps.flush()
            self._publisher.check()
            trades, now = self._publisher.trades, time.monotonic()
            rate, before, at = (trades - before) / (now - at), trades, now
            state, detail = self._state()
            await self._report(state, detail, trades_per_s=round(rate, 1))

    def _state(self) -> tuple[status.State, str]:
        health, quiet = self._exchange.health(), time.monotonic() - self._last_event
        if self._publisher.trouble:
            return "waiting", self._publisher.trouble
        if self._finished:
            return "finished", f"replay over: {health.frames} frames, {self._publisher.trades} trades, all on the bus"
        if self._publisher.queued >= CAPACITY:
            return "running", "the bus is slower than the exchange: the sockets wait"
        if quiet > QUIET:
            return (
                "waiting",
                f"nothing from the exchange for {quiet:.0f} s: {health.last_error or 'connected, but silent'}",
            )
        if not health.connected:
            return "waiting", health.last_error or "connecting"
        return "running", ""

    async def _report(self, state: status.State, detail: str, **facts: str | float) -> None:
        health, repairs = self._exchange.health(), self._repairs
        lags, self._lags = self._lags, []
        if lags:
            facts["lag_ms"] = statistics.median(lags)
        if repairs is not None:
            facts |= {
                "gaps_repaired": repairs.repaired, "trades_repaired": repairs.trades_repaired, "gaps_open": repairs.open,
                "gaps_given_up": repairs.given_up, "duplicates": sum(repairs.duplicates.values()),
            }  # fmt: skip
        self._measure(health, statistics.median(lags) / 1000 if lags else None)
        following = self._following
        trouble = (
            (repairs.trouble if repairs is not None else "")
            or following.trouble
            or self._history.trouble
            or health.last_error
        )
        facts |= {
            "source": self._exchange.source, "connected": health.connected, "trades": self._publisher.trades, "frames": health.frames,
            "queue": self._publisher.queued, "held_up": self._publisher.held_up, "reconnects": health.reconnects,
            "ignored": " ".join(f"{kind}:{count}" for kind, count in sorted(health.ignored.items())),
            "silent": " ".join(health.silent), "followed": len(following.symbols), "halted": " ".join(following.halted),
            "seeded": self._history.seeded, "last_error": trouble,
        }  # fmt: skip
        await asyncio.to_thread(status.report, self._redis, NAME, state, detail, **facts)

    def _measure(self, health: Health, delay: float | None) -> None:
        label, repairs = self._exchange.label, self._repairs
        metrics.SYMBOLS.set(len(self._following.symbols), label)
        metrics.QUEUED.set(self._publisher.queued, label)
        metrics.FEED_FRAMES.reached(health.frames, label)
        metrics.FEED_IGNORED.reached(sum(health.ignored.values()), label)
        metrics.RECONNECTS.reached(health.reconnects, label)
        if delay is not None:
            metrics.FEED_DELAY.set(delay, label)
        if repairs is not None:
            metrics.GAPS_OPEN.set(repairs.open, label)
            metrics.GAPS_REPAIRED.reached(repairs.repaired, label)
            metrics.GAPS_GIVEN_UP.reached(repairs.given_up, label)
            metrics.TRADES_REPAIRED.reached(repairs.trades_repaired, label)
            metrics.REPEATED.reached(sum(repairs.duplicates.values()), label)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _book(book: Book) -> bytes:
    return _encode(
        {
            "type": "book",
            "exchange": book.exchange,
            "symbol": book.symbol,
            "timestamp": book.ts,
            "bids": book.bids,
            "asks": book.asks,
        }
    )
