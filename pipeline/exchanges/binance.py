"""Binance spot: combined streams over WebSocket, REST for the rest. Also speaks to our simulator, by other base URLs."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final

import msgspec
import structlog

from pipeline.backoff import Backoff
from pipeline.errors import BadFrame, ExchangeUnavailable
from pipeline.exchanges.base import Event, Exchange, Health, Listing
from pipeline.exchanges.binance_frames import Depth, FrameReader, Goodbye
from pipeline.exchanges.binance_rest import BinanceRest
from pipeline.exchanges.book import OrderBook
from pipeline.exchanges.sockets import Endpoint, RawFrame, Sockets, Timings
from pipeline.exchanges.weights import Weights
from pipeline.model import Book, Candle, Market, Trade
from pipeline.symbols import plain

_log = structlog.get_logger(__name__)

#: Streams we follow of each symbol: trades, 24 h ticker (with best bid and ask) each second, changes of the book.
STREAMS: Final = ("trade", "ticker", "depth@100ms")
#: Levels a side that go on to the screen.
SHOWN: Final = 20
#: Binance's limit of streams on one connection.
STREAMS_PER_CONNECTION: Final = 1024
#: Streams named in the URL; more would make it longer than front ends accept (8 KiB), and are subscribed to by message.
STREAMS_IN_URL: Final = 200
#: A ticker stream speaks every second: silent for so long (s), it is named in the status.
SILENT_AFTER: Final = 15.0


class Binance(Exchange):
    """`source` says what really answers at the URLs: "binance" or "simulator"."""

    label = "BINANCE"

    def __init__(
        self,
        ws_url: str,
        rest_url: str,
        source: str = "binance",
        timings: Timings | None = None,
        streams: Sequence[str] = STREAMS,
        per_connection: int = STREAMS_PER_CONNECTION,
        weights: Weights | None = None,
    ) -> None:
        self.source = source
        self._ws_url = ws_url.rstrip("/")
        self._rest = BinanceRest(rest_url, self.label, weights=weights)
        self._timings = timings
        #: Names of the streams subscribed to for each symbol; read when `stream` or `frames` begins.
        self.streams = streams
        self._per_connection = per_connection
        self._sockets: Sockets | None = None
        self._reader = FrameReader(self.label)
        self._bad: Counter[str] = Counter()
        self._ticker_seen: dict[str, float] = {}
        self._bad_frame = ""
        self._books: dict[str, OrderBook] = {}
        self._snapshots: dict[str, asyncio.Task[None]] = {}
        self._asking = asyncio.Semaphore(2)  # charts are filled at the same time, and come first
        self._book_trouble = ""

    async def stream(self, symbols: Sequence[str]) -> AsyncGenerator[list[Event], None]:
        self._ticker_seen = {symbol: self._ticker_seen.get(symbol, time.monotonic()) for symbol in symbols}
        async with aclosing(self.frames(symbols)) as batches:
            async for frames in batches:
                events = self._read(frames)
                if events:
                    yield events

    async def frames(self, symbols: Sequence[str]) -> AsyncGenerator[list[RawFrame], None]:
        """The raw side of `stream`: for recording."""
        self._sockets = sockets = Sockets(self._endpoints(symbols), _is_goodbye, self._timings)
        async with aclosing(sockets.frames()) as batches:
            async for frames in batches:
                yield frames

    def _endpoints(self, symbols: Sequence[str]) -> list[Endpoint]:
        names = [f"{plain(symbol).lower()}@{stream}" for symbol in symbols for stream in self.streams]
        endpoints = []
        for start in range(0, len(names), self._per_connection):
            share = names[start : start + self._per_connection]
            later = [share[i : i + STREAMS_IN_URL] for i in range(STREAMS_IN_URL, len(share), STREAMS_IN_URL)]
            messages = tuple(
                msgspec.json.encode({"method": "SUBSCRIBE", "params": params, "id": number}).decode()
                for number, params in enumerate(later, 1)
            )
            endpoints.append(Endpoint(f"{self._ws_url}/stream?streams={'/'.join(share[:STREAMS_IN_URL])}", messages))
        return endpoints

    def _read(self, frames: list[RawFrame]) -> list[Event]:
        read = self._reader.read
        events: list[Event] = []
        moved: dict[str, int] = {}
        for _, data in frames:
            try:
                event = read(data)
            except BadFrame as error:
                self._bad["bad"] += 1
                self._bad_frame = f"bad frame: {error}"
                continue
            if event is None or isinstance(event, Goodbye):
                continue
            if isinstance(event, Depth):
                if self._change(event):
                    moved[event.symbol] = event.ts
                continue
            events.append(event)
        for symbol, ts in moved.items():
            book = self._books[symbol]
            if book.synced:
                events.append(Book(self.label, symbol, ts, book.bids.top(SHOWN), book.asks.top(SHOWN)))
        now = time.monotonic()
        for event in events:
            if not isinstance(event, Trade) and event.symbol in self._ticker_seen:
                self._ticker_seen[event.symbol] = now
        return events

    def _change(self, event: Depth) -> bool:
        """Take a change into its book; whether the book can be shown. One that cannot gets a snapshot."""
        book = self._books.setdefault(event.symbol, OrderBook())
        if book.update(event.change):
            return True
        if event.symbol not in self._snapshots:
            task = self._snapshots[event.symbol] = asyncio.create_task(self._snapshot(event.symbol, book))
            task.add_done_callback(lambda _: self._snapshots.pop(event.symbol, None))
        return False

    async def _snapshot(self, symbol: str, book: OrderBook) -> None:
        """Until the book stands. Its first changes are held by then, so that the snapshot joins them."""
        backoff = Backoff(first=0.3, cap=30.0)
        while not book.synced:
            pause = 0.0
            try:
                async with self._asking:
                    book.snapshot(*await self._rest.depth(symbol))
            except ExchangeUnavailable as error:
                pause, self._book_trouble = error.retry_after, f"order book of {symbol}: {error}"
            else:
                self._book_trouble = ""
            if not book.synced:
                await asyncio.sleep(backoff.next(pause))

    async def markets(self, symbols: Sequence[str]) -> dict[str, Market]:
        return await self._rest.markets(symbols)

    async def listings(self) -> list[Listing]:
        return await self._rest.listings()

    async def klines(self, symbol: str, timeframe: str, limit: int, end: int | None = None) -> list[Candle]:
        return await self._rest.klines(symbol, timeframe, limit, end)

    async def trades_from(self, symbol: str, from_id: int, limit: int) -> list[Trade]:
        return await self._rest.trades_from(symbol, from_id, limit)

    def health(self) -> Health:
        sockets = self._sockets
        if sockets is None:
            return Health(connected=False)
        now = time.monotonic()
        silent = [symbol for symbol, seen in self._ticker_seen.items() if now - seen > SILENT_AFTER]
        return Health(
            sockets.connected, sockets.reconnects, sockets.frames_read, {**self._reader.ignored, **self._bad, **self._resyncs()}, silent,
            sockets.last_error or self._bad_frame or self._book_trouble,
        )  # fmt: skip

    def _resyncs(self) -> dict[str, int]:
        count = sum(book.resyncs for book in self._books.values())
        return {"book resyncs": count} if count else {}

    async def close(self) -> None:
        for task in list(self._snapshots.values()):
            task.cancel()
        if self._sockets is not None:
            await self._sockets.close()
        await self._rest.close()


def _is_goodbye(frame: bytes) -> bool:
    return b'"serverShutdown"' in frame
