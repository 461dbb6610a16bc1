"""Copy this file to add an exchange; then name it in MEMBERS of `__init__.py`. `base.py` is the contract, `binance.py` the example.

This one is a whole (if dull) member: one symbol's price, polled nowhere, never moving. Replace each body.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from decimal import Decimal

from pipeline.exchanges.base import Event, Exchange, Health
from pipeline.model import Candle, Market, Ticker, Trade
from pipeline.symbols import parse_symbol


class Template(Exchange):
    label = "TEMPLATE"  # upper case; part of every key, never changed once data is stored
    source = "template"
    # False when ids do not count up by one, or old trades cannot be asked for: gaps are then left to `klines`.
    repairs = False

    def __init__(self) -> None:
        self._closed = asyncio.Event()

    async def stream(self, symbols: Sequence[str]) -> AsyncGenerator[list[Event], None]:
        # Sockets (`sockets.py`) keeps the connections; turn its raw frames into events here, in a pure module of its own.
        while not self._closed.is_set():
            yield [Ticker(self.label, symbol, ts=1_700_000_000_000, last=Decimal(1)) for symbol in symbols]
            await asyncio.sleep(1)

    async def markets(self, symbols: Sequence[str]) -> dict[str, Market]:
        split = {symbol: (parse_symbol(symbol) or symbol).partition("/") for symbol in symbols}
        return {
            s: Market(self.label, s, base, quote, Decimal("0.01"), Decimal("0.001"))
            for s, (base, _, quote) in split.items()
        }

    async def klines(self, symbol: str, timeframe: str, limit: int, end: int | None = None) -> list[Candle]:
        return []

    async def trades_from(self, symbol: str, from_id: int, limit: int) -> list[Trade]:
        return []

    def health(self) -> Health:
        return Health(connected=not self._closed.is_set())

    async def close(self) -> None:
        self._closed.set()
