"""The exchange's own candles: the newest ones at start, and those of windows that we did not see whole."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import redis
import structlog

from pipeline.backoff import Backoff
from pipeline.clock import now_ms
from pipeline.collecting.publisher import Publisher
from pipeline.errors import ExchangeUnavailable
from pipeline.exchanges.base import Exchange
from pipeline.model import Candle
from pipeline.timeframes import TIMEFRAMES, window_start

_log = structlog.get_logger(__name__)

#: Redis hash: symbol → Market as JSON, for pages that round prices.
MARKETS_KEY: Final = "markets"
#: The timeframe a page opens with comes first.
_ORDER: Final = ("1m", *(timeframe for timeframe in TIMEFRAMES if timeframe != "1m"))
#: Questions in flight: the first chart fills in one round trip, all of them well inside the exchange's limits.
_AT_ONCE: Final = 4
#: ms after a window's end at which its kline no longer changes.
_SETTLED: Final = 3000
#: Candles fetched at most to mend one gap of one timeframe: deeper history is backfill's work.
_MEND_LIMIT: Final = 1000


class History:
    def __init__(self, exchange: Exchange, publisher: Publisher, client: Any, settled: int = _SETTLED) -> None:
        self._exchange = exchange
        self._publisher = publisher
        self._redis = client
        self._settled = settled
        self._calls = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        #: The exchange's clock minus ours, ms; the collector keeps it.
        self.skew = 0
        self.seeded = 0
        self.trouble = ""

    async def markets(self, symbols: Sequence[str]) -> None:
        """Store each symbol's steps where the page finds them. Waits for the exchange for as long as it takes."""
        backoff = Backoff()
        while True:
            try:
                found = await self._exchange.markets(symbols)
            except ExchangeUnavailable as error:
                self.trouble = str(error)
                await asyncio.sleep(backoff.next(error.retry_after))
                continue
            break
        if missing := [symbol for symbol in symbols if symbol not in found]:
            self.trouble = f"not traded at this exchange: {' '.join(missing)}"
            _log.error("unknown symbols", symbols=missing)
        texts = {symbol: msgspec.json.encode(market) for symbol, market in found.items()}
        while texts:
            try:
                await asyncio.to_thread(self._redis.hset, MARKETS_KEY, mapping=texts)
                return
            except redis.RedisError:
                await asyncio.sleep(backoff.next())

    async def seed(self, symbols: Sequence[str], count: int) -> None:
        """Publish the newest `count` candles of every symbol and timeframe, the most wanted first."""
        if count:
            began = time.monotonic()
            await asyncio.gather(*(self._seed(symbol, timeframe, count) for timeframe in _ORDER for symbol in symbols))
            _log.info("charts filled", candles=self.seeded, seconds=round(time.monotonic() - began, 1))

    async def _seed(self, symbol: str, timeframe: str, count: int) -> None:
        candles = await self._klines(symbol, timeframe, count, None)
        self.seeded += len(candles)
        self._publisher.add_bulk(candles)

    def mend(self, symbol: str, start: int, end: int) -> None:
        """Publish the exchange's candles for every window that touches `start`…`end` (ms), once each has closed."""
        for timeframe in TIMEFRAMES:
            task = asyncio.create_task(self._mend(symbol, timeframe, start, end))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _mend(self, symbol: str, timeframe: str, start: int, end: int) -> None:
        length = TIMEFRAMES[timeframe]
        first, over = window_start(start, length), window_start(end, length) + length
        count = min((over - first) // length, _MEND_LIMIT)
        while (wait := over + self._settled - (now_ms() + self.skew)) > 0:  # noqa: ASYNC110 - waits for a time
            await asyncio.sleep(min(wait / 1000, 60.0))  # in steps: the clocks may be set meanwhile
        for _ in range(10):
            candles = [c for c in await self._klines(symbol, timeframe, count, over) if c.window_start >= first]
            if all(candle.closed for candle in candles):
                self._publisher.add_bulk(candles)
                return
            await asyncio.sleep(2.0)

    async def _klines(self, symbol: str, timeframe: str, count: int, end: int | None) -> list[Candle]:
        """[] when the exchange refuses again and again; a pause it asks for is kept."""
        backoff = Backoff()
        for _ in range(12):
            pause = 0.0
            async with self._calls:
                try:
                    return await self._exchange.klines(symbol, timeframe, count, end)
                except ExchangeUnavailable as error:
                    self.trouble = str(error)
                    pause = error.retry_after
            await asyncio.sleep(backoff.next(pause))
        _log.error("candles not fetched", symbol=symbol, timeframe=timeframe, why=self.trouble)
        return []

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
