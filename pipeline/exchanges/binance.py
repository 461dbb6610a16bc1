"""Binance spot: combined streams over WebSocket, REST for the rest. Also speaks to our simulator, by other base URLs."""

import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Final

import msgspec
import structlog

from pipeline.errors import BadFrame
from pipeline.exchanges.base import Event, Exchange, Health
from pipeline.exchanges.binance_frames import FrameReader, Goodbye
from pipeline.exchanges.binance_rest import BinanceRest
from pipeline.exchanges.sockets import Endpoint, RawFrame, Sockets, Timings
from pipeline.exchanges.weights import Weights
from pipeline.model import Candle, Market, Trade
from pipeline.symbols import plain

_log = structlog.get_logger(__name__)

#: Streams we follow of each symbol: trades, 24 h ticker (with best bid and ask) each second, the 20 best levels.
STREAMS: Final = ("trade", "ticker", "depth20@100ms")
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

    async def stream(self, symbols: Sequence[str]) -> AsyncIterator[list[Event]]:
        self._ticker_seen = dict.fromkeys(symbols, time.monotonic())
        async for frames in self.frames(symbols):
            events = self._read(frames)
            if events:
                yield events

    async def frames(self, symbols: Sequence[str]) -> AsyncIterator[list[RawFrame]]:
        """The raw side of `stream`: for recording."""
        self._sockets = Sockets(self._endpoints(symbols), _is_goodbye, self._timings)
        async for frames in self._sockets.frames():
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
        for _, data in frames:
            try:
                event = read(data)
            except BadFrame as error:
                self._bad["bad"] += 1
                self._bad_frame = f"bad frame: {error}"
                continue
            if event is None or isinstance(event, Goodbye):
                continue
            events.append(event)
        now = time.monotonic()
        for event in events:
            if not isinstance(event, Trade):
                self._ticker_seen[event.symbol] = now
        return events

    async def markets(self, symbols: Sequence[str]) -> dict[str, Market]:
        return await self._rest.markets(symbols)

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
            sockets.connected, sockets.reconnects, sockets.frames_read, {**self._reader.ignored, **self._bad}, silent,
            sockets.last_error or self._bad_frame,
        )  # fmt: skip

    async def close(self) -> None:
        if self._sockets is not None:
            await self._sockets.close()
        await self._rest.close()


def _is_goodbye(frame: bytes) -> bool:
    return b'"serverShutdown"' in frame
