"""Our own candles held against the exchange's, each once; where they differ, the exchange's takes its place."""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from pipeline.bus.base import Bus
from pipeline.bus.topics import bars
from pipeline.clock import now_ms
from pipeline.errors import ExchangeUnavailable
from pipeline.exchanges.base import Exchange
from pipeline.keeping.backfill import KEPT, PAGE
from pipeline.keeping.patience import patiently
from pipeline.keeping.ranges import Range
from pipeline.model import Candle
from pipeline.store.checks import Check, Checks
from pipeline.timeframes import TIMEFRAMES
from pipeline.wire import bar_record

_log = structlog.get_logger(__name__)

#: ms after its end at which a candle is held against the exchange's: late trades are in ours, and the kline no longer changes.
SETTLED: Final = 10_000
#: How far back we look for what was not checked, ms: whatever a worker that was off left over is older history by then.
LOOK_BACK: Final = 2 * TIMEFRAMES["1d"]


class Reconcile:
    """`checked` and `mismatched` count since the start."""

    def __init__(self, exchange: Exchange, bus: Bus, checks: Checks, settled: int = SETTLED) -> None:
        self._exchange = exchange
        self._bus = bus
        self._checks = checks
        self._settled = settled
        self.checked = 0
        self.mismatched = 0
        #: Why the newest question was not answered, "" when it was.
        self.trouble = ""

    async def look(self, symbols: Sequence[str]) -> None:
        """Check what has closed since the last look. What the exchange does not tell now is checked at the next."""
        for timeframe in KEPT:
            for symbol in symbols:
                now = now_ms()
                part = Range(now - LOOK_BACK - TIMEFRAMES[timeframe], now - self._settled)
                ours = await patiently(
                    self._say, self._checks.unchecked, self._exchange.label, symbol, timeframe, part, PAGE
                )
                if ours:
                    await self._check(symbol, timeframe, ours)

    async def _check(self, symbol: str, timeframe: str, ours: Sequence[Candle]) -> None:
        length, newest = TIMEFRAMES[timeframe], ours[0].window_end
        # A few are newer than one call reaches back: the rest waits for the next look.
        reach = [candle for candle in ours if newest - candle.window_start <= PAGE * length]
        count = (newest - reach[-1].window_start) // length
        try:
            theirs = await self._exchange.klines(symbol, timeframe, count, newest)
        except ExchangeUnavailable as error:
            self._say(str(error))
            await asyncio.sleep(min(error.retry_after, 60.0))
            return
        self._say("")
        checks = _compare(reach, theirs)
        repairs = [check.theirs for check in checks if not check.matched and check.theirs is not None]
        if repairs:
            await patiently(self._say, self._bus.publish, bars(timeframe), [bar_record(candle) for candle in repairs])
        await patiently(self._say, self._note, checks)

    def seen(self, candles: Sequence[Candle]) -> None:
        """Check ours against these closed ones of the exchange, which are about to take their places. Blocks; psycopg2 errors."""
        if candles:
            first = candles[0]
            part = Range(first.window_start, candles[-1].window_end)
            ours = self._checks.unchecked(first.exchange, first.symbol, first.timeframe, part, len(candles))
            if ours:
                self._note(_compare(ours, candles))

    def _note(self, checks: Sequence[Check]) -> None:
        self._checks.add(checks)
        self.checked += len(checks)
        for check in checks:
            if not check.matched:
                self.mismatched += 1
                _log.error("candle differs from the exchange's", ours=str(check.ours), theirs=str(check.theirs))

    def _say(self, trouble: str) -> None:
        self.trouble = trouble


def _compare(ours: Sequence[Candle], theirs: Sequence[Candle]) -> list[Check]:
    """Those that the exchange says nothing final about yet are left out."""
    by_start = {candle.window_start: candle for candle in theirs}
    out = []
    for candle in ours:
        other = by_start.get(candle.window_start)
        if other is None or other.closed:
            out.append(Check(candle, other, other is not None and _figures(candle, other) == _figures(other, other)))
    return out


def _figures(candle: Candle, other: Candle) -> tuple[object, ...]:
    """What must be equal. Not every exchange counts trades."""
    count = candle.trade_count if other.trade_count else 0
    return candle.open, candle.high, candle.low, candle.close, candle.volume, count
