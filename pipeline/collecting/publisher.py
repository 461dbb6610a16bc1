"""The collector's way to the bus: one thread, a bounded queue, never a trade skipped.

Batches are whatever is queued: one trade leaves at once when little happens, thousands leave together when much does.
The newest trade id of each symbol is remembered in Redis after the bus acknowledged it, so that a collector that was killed
knows where to go on.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import redis
import structlog

from pipeline import metrics
from pipeline.backoff import Backoff
from pipeline.bus.base import Bus, BusUnavailable, Record
from pipeline.bus.topics import TICKER, TRADES, bars
from pipeline.model import Candle, Ticker, Trade
from pipeline.tracing import Traces, marked
from pipeline.wire import bar_record, ticker_record, trade_record

_log = structlog.get_logger(__name__)

#: Redis hash: `EXCHANGE|SYMBOL` → id of the newest trade on the bus.
LAST_TRADE_KEY: Final = "collector:last_trade"
#: Trades of one publish: enough to make the round trip cheap, few enough to keep it short.
BATCH: Final = 2000
#: Trades queued before the exchange's socket is no longer read: half a second at the rate we aim for.
CAPACITY: Final = 25_000
#: Seconds between two notes of the newest ids. What a crash loses of them is published again, and dropped as a repeat.
_NOTE_EVERY: Final = 0.1
#: Seconds that `close` goes on trying to publish what is queued.
_LAST_TRY: Final = 5.0


class _Work(NamedTuple):
    models: Sequence[Trade] | Sequence[Ticker] | Sequence[Candle]
    source: str


class Publisher:
    def __init__(
        self,
        bus: Bus,
        client: Any,
        remember: bool = True,
        capacity: int = CAPACITY,
        traces: Traces | None = None,
    ) -> None:
        self._bus = bus
        self._traces = traces or Traces()
        self._redis = client
        self._remember = remember
        self._capacity = capacity
        self._live: deque[_Work] = deque()
        self._bulk: deque[_Work] = deque()
        self._queued = 0
        self._busy = False
        self._changed = threading.Condition()
        self._closing_at: float | None = None
        self._newest: dict[str, int] = {}
        self._noted = 0.0
        self._unnoted = False
        self._failure: BaseException | None = None
        self.trades = 0
        #: Why the bus does not take anything at the moment, "" when it does.
        self.trouble = ""
        #: Times the exchange's socket was not read because the queue was full.
        self.held_up = 0
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()

    @property
    def queued(self) -> int:
        return self._queued

    @property
    def idle(self) -> bool:
        """Everything handed over is on the bus."""
        return not (self._queued or self._bulk or self._busy)

    def remembered(self, exchange: str) -> dict[str, int]:
        """Symbol → id of the newest trade on the bus. Raises redis.RedisError."""
        stored = self._redis.hgetall(LAST_TRADE_KEY)
        heads = ((key.decode().partition("|"), int(value)) for key, value in stored.items())
        return {head[2]: number for head, number in heads if head[0] == exchange}

    def add(self, models: Sequence[Trade] | Sequence[Ticker], source: str = "collector-ws") -> None:
        """Trades, or tickers. Never blocks; wait for `room` afterwards."""
        if models:
            with self._changed:
                self._live.append(_Work(models, source))
                self._queued += len(models)
                self._changed.notify()

    def add_bulk(self, candles: Sequence[Candle]) -> None:
        """Candles of one timeframe, published when no trade waits."""
        if candles:
            with self._changed:
                self._bulk.append(_Work(candles, ""))
                self._changed.notify()

    def check(self) -> None:
        """Raises what ended the publishing thread."""
        if self._failure is not None:
            raise self._failure

    async def room(self) -> None:
        """Wait until the queue is below its bound. Raises what ended the publishing thread."""
        self.check()
        if self._queued < self._capacity:
            return
        self.held_up += 1
        while self._queued >= self._capacity and self._failure is None:  # noqa: ASYNC110 - ends on another thread
            await asyncio.sleep(0.005)

    async def drained(self) -> None:
        """Wait until everything is on the bus. Raises what ended the publishing thread."""
        while not self.idle:
            if self._failure is not None:
                raise self._failure
            await asyncio.sleep(0.01)

    async def close(self) -> None:
        """Publish what is queued, for a few seconds at most, and end the thread."""
        with self._changed:
            self._closing_at = time.monotonic()
            self._changed.notify()
        while self._thread.is_alive():  # noqa: ASYNC110 - another thread
            await asyncio.sleep(0.01)

    def _run(self) -> None:
        try:
            while True:
                with self._changed:
                    while not (self._live or self._bulk or self._closing_at):
                        if not self._changed.wait(_NOTE_EVERY) and self._unnoted:
                            break
                    live, self._busy = self._take(), True
                    bulk = self._bulk.popleft() if self._bulk else None
                if not self._publish_live(live) or (bulk is not None and not self._publish_bulk(bulk)):
                    return
                with self._changed:
                    self._queued -= sum(len(work.models) for work in live)
                    self._busy = False
                    over = self._closing_at is not None and not self._live and not self._bulk
                self._note(force=over)
                if over:
                    return
        except BaseException as error:
            _log.exception("publisher ended")
            self._failure = error

    def _take(self) -> list[_Work]:
        taken: list[_Work] = []
        count = 0
        while self._live and count < BATCH:
            taken.append(self._live.popleft())
            count += len(taken[-1].models)
        return taken

    def _publish_live(self, works: list[_Work]) -> bool:
        trades: list[Record] = []
        tickers: list[Record] = []
        newest: dict[tuple[str, str], str] = {}
        for models, source in works:
            for model in models:
                if type(model) is Trade:
                    trades.append(trade_record(model, source))
                    newest[model.exchange, model.symbol] = model.trade_id
                elif type(model) is Ticker:
                    tickers.append(ticker_record(model, source))
        # Of tickers too: one that names the newest trade closes a candle.
        with self._traces.begin("collector", trades=len(trades)) as trace:
            if trades:
                if not self._send(TRADES, marked(trades, trace)):
                    return False
                self.trades += len(trades)
                if self._remember:
                    for (exchange, symbol), number in newest.items():
                        head = f"{exchange}|{symbol}"
                        self._newest[head] = max(self._newest.get(head, 0), int(number))
                    self._unnoted = True
            return not tickers or self._send(TICKER, marked(tickers, trace))

    def _publish_bulk(self, work: _Work) -> bool:
        candles = [model for model in work.models if isinstance(model, Candle)]
        return self._send(bars(candles[0].timeframe), [bar_record(candle) for candle in candles])

    def _send(self, topic: str, records: list[Record]) -> bool:
        """False only when closing and the bus stays away."""
        backoff = Backoff(first=0.1, cap=5.0)
        metrics.RETRIES.add(0, "bus")
        while True:
            try:
                self._bus.publish(topic, records)
            except BusUnavailable as error:
                metrics.RETRIES.add(1, "bus")
                if not self.trouble:
                    _log.warning("the bus is away", error=str(error))
                self.trouble = f"the bus is away: {error}"
                if self._closing_at is not None and time.monotonic() - self._closing_at > _LAST_TRY:
                    return False
                time.sleep(backoff.next())
            else:
                self.trouble = ""
                metrics.MESSAGES_OUT.add(len(records), metrics.TYPES[topic])
                return True

    def _note(self, force: bool = False) -> None:
        """Remember the newest ids, best effort: not knowing them costs repeats, not trades."""
        now = time.monotonic()
        if self._unnoted and (force or now - self._noted >= _NOTE_EVERY):
            self._noted = now
            try:
                self._redis.hset(LAST_TRADE_KEY, mapping=self._newest)
                self._unnoted = False
            except redis.RedisError as error:
                _log.warning("newest trade ids not noted", error=str(error))
