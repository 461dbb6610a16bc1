"""Coinbase Advanced Trade: public channels over WebSocket, the Exchange's public REST API for the rest."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final

import msgspec

from pipeline.errors import BadFrame
from pipeline.exchanges.base import Event, Exchange, Health
from pipeline.exchanges.coinbase_frames import CoinbaseReader
from pipeline.exchanges.coinbase_rest import CoinbaseRest
from pipeline.exchanges.sockets import Endpoint, RawFrame, Sockets, Timings
from pipeline.model import Candle, Market, Trade

#: Heartbeats come every second, so a quiet market is told from a dead connection.
CHANNELS: Final = ("heartbeats", "market_trades", "ticker", "level2")


class Coinbase(Exchange):
    label = "COINBASE"
    source = "coinbase"

    def __init__(self, ws_url: str, rest_url: str, timings: Timings | None = None) -> None:
        self._ws_url = ws_url
        self._rest = CoinbaseRest(rest_url, self.label)
        self._timings = timings
        self._sockets: Sockets | None = None
        self._reader = CoinbaseReader(self.label)
        self._bad = 0
        self._bad_frame = ""

    async def stream(self, symbols: Sequence[str]) -> AsyncGenerator[list[Event], None]:
        products = [symbol.replace("/", "-") for symbol in symbols]
        messages = tuple(
            msgspec.json.encode({"type": "subscribe", "channel": channel, "product_ids": products}).decode()
            for channel in CHANNELS
        )
        # Sequence numbers and books are of a connection.
        reader = self._reader = CoinbaseReader(self.label)
        self._sockets = sockets = Sockets([Endpoint(self._ws_url, messages)], timings=self._timings)
        async with aclosing(sockets.frames()) as batches:
            async for frames in batches:
                lost = reader.lost
                events = self._read(reader, frames)
                if events:
                    yield events
                if reader.lost > lost:
                    # Books and trades begin anew with a connection's snapshots.
                    sockets.renew()

    def _read(self, reader: CoinbaseReader, frames: list[RawFrame]) -> list[Event]:
        events: list[Event] = []
        for _, data in frames:
            try:
                events += reader.events(data)
            except BadFrame as error:
                self._bad += 1
                self._bad_frame = f"bad frame: {error}"
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
        ignored = {**self._reader.ignored, **({"bad": self._bad} if self._bad else {})}
        if self._reader.lost:
            ignored["lost"] = self._reader.lost
        return Health(
            sockets.connected,
            sockets.reconnects,
            sockets.frames_read,
            ignored,
            last_error=sockets.last_error or self._bad_frame,
        )

    async def close(self) -> None:
        if self._sockets is not None:
            await self._sockets.close()
        await self._rest.close()
