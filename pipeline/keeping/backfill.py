"""History from the exchange's klines, newest first, exactly what is missing.

A page is fetched, published like the collector's history, and noted in `backfill_progress` once the writer has stored all of it:
what the table says is there is there, a run that was killed goes on where it stood, and a database that is slow slows us down.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec
import structlog

from pipeline.backoff import Backoff
from pipeline.bus.base import Bus, Record
from pipeline.bus.topics import bars
from pipeline.clock import now_ms
from pipeline.errors import BadMessage, ExchangeUnavailable
from pipeline.exchanges.base import Exchange
from pipeline.keeping.patience import patiently
from pipeline.keeping.ranges import Range, missing, pages
from pipeline.model import Candle
from pipeline.store.progress import Progress
from pipeline.timeframes import MINUTE, TIMEFRAMES, window_start
from pipeline.wire import bar_record, check_bar

_log = structlog.get_logger(__name__)

#: The exchange makes no 5s candles; ours are rolled up from a thousand times as many 1s ones, which only the collector asks for.
KEPT: Final = tuple(timeframe for timeframe in TIMEFRAMES if timeframe != "5s")
#: Candles of a page: what one call gives.
PAGE: Final = 1000
#: Failed calls in a row before a page is left to the next run: with the back-off some minutes, pauses asked for not counted.
ATTEMPTS: Final = 8
#: Seconds of rest at most, when a page took long because a server was away.
_LONGEST_PAUSE: Final = 15.0
#: Seconds a page may take into the database before it is published again.
_STORED_IN: Final = 60.0
_LOOK: Final = 0.05

#: Called with the candles of a page before they are published.
Seen = Callable[[Sequence[Candle]], None]


class Wanted(NamedTuple):
    """A series, and the time (ms) its history is wanted from."""

    symbol: str
    timeframe: str
    since: int


def default(symbols: Sequence[str], days: int) -> list[Wanted]:
    """`days` of 1m candles of each symbol, and as many candles of every coarser timeframe."""
    now, minutes = now_ms(), days * TIMEFRAMES["1d"] // MINUTE
    return [Wanted(symbol, name, max(0, now - minutes * TIMEFRAMES[name])) for name in KEPT for symbol in symbols]


class _Page(NamedTuple):
    symbol: str
    timeframe: str
    part: Range


class Counts(msgspec.Struct):
    """Windows of the run: all, those done, and those left to the next run. `candles` were fetched."""

    windows: int = 0
    done: int = 0
    failed: int = 0
    candles: int = 0


class Backfill:
    """One at a time per process. `at_once`: pages under way. `pause`: seconds between two pages, at least, for who has time; it
    grows so that we work a fifth of the time at most, on however slow a machine.
    """

    def __init__(
        self,
        exchange: Exchange,
        bus: Bus,
        progress: Progress,
        *,
        seen: Seen = lambda candles: None,
        at_once: int = 1,
        pause: float = 0.0,
    ) -> None:
        self._exchange = exchange
        self._bus = bus
        self._progress = progress
        self._seen = seen
        self._at_once = at_once
        self._pause = pause
        self._pages: deque[_Page] = deque()
        # Series → the time (ms) before which the exchange has nothing.
        self._listed: dict[tuple[str, str], int] = {}
        self.counts = Counts()
        #: What holds us up now, "" when nothing does.
        self.trouble = ""

    async def plan(self, wanted: Sequence[Wanted]) -> None:
        """Find out what is missing, up to the newest window that is over."""
        found: list[_Page] = []
        for symbol, timeframe, since in wanted:
            length, now = TIMEFRAMES[timeframe], now_ms()
            whole = Range(window_start(since, length), window_start(now, length))
            there = await patiently(self._say, self._progress.ranges, self._exchange.label, symbol, timeframe)
            for part in missing(whole, there):
                found += [_Page(symbol, timeframe, page) for page in pages(part, PAGE * length)]
        # The newest of every series first, the finest first among those: charts open there.
        found.sort(key=lambda page: (-page.part.end, TIMEFRAMES[page.timeframe]))
        self._pages = deque(found)
        self.counts = Counts(windows=sum(map(_windows, found)))

    async def run(self) -> Counts:
        """Fetch what was planned; returns when all of it is stored, or left to the next run."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._at_once):
                group.create_task(self._work())
        return self.counts

    async def _work(self) -> None:
        while self._pages:
            page, began = self._pages.popleft(), time.monotonic()
            candles = await self._candles(page)
            if candles is None:
                self.counts.failed += _windows(page)
                continue
            done = await self._store(page, candles)
            if done.start < done.end:
                await patiently(
                    self._say, self._progress.add, self._exchange.label, page.symbol, page.timeframe, done, len(candles)
                )
            self.counts.done += _windows(page)
            self.counts.candles += len(candles)
            if self._pause:
                await asyncio.sleep(min(max(self._pause, 4 * (time.monotonic() - began)), _LONGEST_PAUSE))

    async def _candles(self, page: _Page) -> list[Candle] | None:
        """The page's candles, oldest first, closed or not; None when the exchange refuses again and again."""
        symbol, timeframe, (start, end) = page
        if end <= self._listed.get((symbol, timeframe), 0):
            return []
        found = await self._klines(symbol, timeframe, _windows(page), end)
        if found == [] and await self._klines(symbol, "1d", PAGE, end) == []:
            # Nothing for a thousand days: it was not traded before.
            self._listed[symbol, timeframe] = end
        return found if found is None else [candle for candle in found if candle.window_start >= start]

    async def _klines(self, symbol: str, timeframe: str, count: int, end: int) -> list[Candle] | None:
        backoff, failed = Backoff(), 0
        while failed < ATTEMPTS:
            try:
                candles = await self._exchange.klines(symbol, timeframe, count, end)
            except ExchangeUnavailable as error:
                failed += not error.retry_after
                self._say(str(error))
                await asyncio.sleep(backoff.next(error.retry_after))
            else:
                self._say("")
                return candles
        _log.error("history not fetched", symbol=symbol, timeframe=timeframe, before=end, why=self.trouble)
        return None

    async def _store(self, page: _Page, candles: list[Candle]) -> Range:
        """Publish them and wait until they are in the database; the range that is there then."""
        symbol, timeframe, (start, end) = page
        closed = [candle for candle in candles if candle.closed]
        # An open candle is never taken for a closed one: the range ends before it, and the next run goes on there.
        end = min([end, *(candle.window_start for candle in candles if not candle.closed)])
        await patiently(self._say, self._seen, closed)
        records = await asyncio.to_thread(_records, closed)
        while records:
            await patiently(self._say, self._bus.publish, bars(timeframe), records)
            deadline = asyncio.get_running_loop().time() + _STORED_IN
            while asyncio.get_running_loop().time() < deadline:
                stored = await patiently(
                    self._say, self._progress.stored, self._exchange.label, symbol, timeframe, Range(start, end)
                )
                if stored >= len(records):
                    self._say("")
                    return Range(start, end)
                await asyncio.sleep(_LOOK)
            self._say("waiting for the writer to store what was published")
        return Range(start, end)

    def _say(self, trouble: str) -> None:
        self.trouble = trouble


def _windows(page: _Page) -> int:
    return (page.part.end - page.part.start) // TIMEFRAMES[page.timeframe]


def _records(candles: Sequence[Candle]) -> list[Record]:
    """Those that every reader will take; an exchange's nonsense would wait for ever to be stored."""
    records = []
    for candle in candles:
        try:
            check_bar(candle)
        except BadMessage as error:
            _log.error("the exchange's candle makes no sense", error=str(error), candle=str(candle))
        else:
            records.append(bar_record(candle))
    return records
