"""Trades to candles: pure, exact, in every timeframe. No socket, no clock of the machine.

One `Series` per exchange and symbol. A trade touches only its 5s bar; when a bar changes, the coarser ones above it are
made again from their parts (at most 12), so a late trade costs the same as an early one and the order of trades never
matters: open is the trade with the smallest (time, id), close the one with the greatest.

Rules
- **Duplicate**: an id that was seen is dropped. Where ids are consecutive (`CONSECUTIVE_IDS`) seen ids are kept as intervals,
  exact and for ever; elsewhere the newest `_RECENT_IDS` are remembered.
- **Late**: a closed window takes late trades until `LATENESS_MS` after the end of the coarser window it belongs to, and is
  given out again, corrected. Later than that a trade is counted in `too_late` and left to the exchange's own candle.
- **Closing** goes by exchange time alone: a window closes with the first trade at or after its end, or with a ticker at or
  after its end that names a newest trade we have seen. A stream that stops closes nothing.
- **Complete** is a window whose trades were seen without a hole from before its start to its end. A window in which we
  started, or with missing ids, is given out with complete=False, and again whole if the missing trades come.
- A window without a trade has no candle.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice
from typing import Final

import msgspec

from pipeline.model import Candle, Trade
from pipeline.timeframes import TIMEFRAMES

#: Exchanges whose trade ids count up by one per symbol, so that a hole is visible.
CONSECUTIVE_IDS: Final = frozenset({"BINANCE", "COINBASE"})
#: Reconnects hand over within seconds and repairs come in order, so a minute is generous; every extra minute is memory.
LATENESS_MS: Final = 60_000
#: Ids remembered where they are not consecutive: minutes of the busiest market.
_RECENT_IDS: Final = 100_000
#: Holes remembered. A hole older than this many others is taken as final, so that a hostile stream cannot fill memory.
_MAX_INTERVALS: Final = 10_000

_NAMES: Final = tuple(TIMEFRAMES)
_LENGTHS: Final = tuple(TIMEFRAMES.values())
_BASE: Final = _LENGTHS[0]


class Bar(msgspec.Struct, gc=False):
    """A window in the making. `sent`: its newest state was given out as closed, as `whole` or not."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    count: int
    first_ts: int
    first_id: int
    last_ts: int
    last_id: int
    sent: bool = False
    whole: bool = True


class Interval(msgspec.Struct, gc=False):
    """Consecutive ids all seen, and the times of the first and the last."""

    low: int
    high: int
    low_ts: int
    high_ts: int


class Seed(msgspec.Struct, frozen=True, gc=False):
    """The exchange's word on a window that was open when we started, and our own volume and count at that moment."""

    candle: Candle
    volume: Decimal
    count: int


class State(msgspec.Struct):
    """Everything a Series knows, as it is saved with the position of the last trade in it."""

    exchange: str
    symbol: str
    watermark: int
    clock: int
    levels: list[dict[int, Bar]]
    intervals: list[Interval]
    recent: list[str]
    arrivals: int
    seeds: dict[str, Seed]
    duplicates: int
    too_late: int


class Series:
    """The candles of one symbol. Not thread-safe."""

    def __init__(self, exchange: str, symbol: str) -> None:
        self.exchange = exchange
        self.symbol = symbol
        self.duplicates = 0
        self.too_late = 0
        #: Greatest trade time seen (ms).
        self.watermark = 0
        # Exchange time up to which every trade is known to be seen; windows that end by it are closed.
        self._clock = 0
        self._levels: list[dict[int, Bar]] = [{} for _ in _LENGTHS]
        self._consecutive = exchange in CONSECUTIVE_IDS
        self._intervals: list[Interval] = []
        self._recent: deque[str] = deque()
        self._recent_set: set[str] = set()
        self._arrivals = 0
        self._seeds: dict[str, Seed] = {}
        self._changed: set[int] = set()  # 5s windows whose coarser bars are not yet made again
        self._due = False  # something closed, or a closed bar changed
        # The open 5s bar and its window, at hand for the fast path; the id of its newest trade when coarser bars were last made.
        self._bar: Bar | None = None
        self._bar_seen = -1
        self._bar_start = 0
        self._bar_end = 0

    # -- trades in ---------------------------------------------------------------------------------------------------

    def add(self, trade: Trade) -> bool:
        """Take one trade. False if it was a duplicate or too late to count."""
        ts = trade.ts
        order = self._order(trade)
        if order is None:
            self.duplicates += 1
            return False
        bar = self._bar
        # The fast path: the next trade of the open bar. 1.2 us; 97 trades of 100 on a busy market.
        if bar is not None and self._bar_start <= ts < self._bar_end and (ts, order) > (bar.last_ts, bar.last_id):
            price = trade.price
            if price > bar.high:
                bar.high = price
            elif price < bar.low:
                bar.low = price
            bar.close = price
            bar.volume += trade.amount
            bar.count += trade.count
            bar.last_ts = ts
            bar.last_id = order
            if ts > self.watermark:
                self.watermark = ts
                if ts > self._clock:
                    self._clock = ts
            return True
        return self._place(trade, order)

    def extend(self, trades: Sequence[Trade]) -> bool:
        """`add` each, in order; whether any counted. Runs that continue the open bar cost a third of what they do one by one."""
        counted, at, end = False, 0, len(trades)
        while at < end:
            after = self._run(trades, at) if self._bar is not None and self._intervals else at
            counted |= after > at
            if after < end:
                counted |= self.add(trades[after])
            at = after + 1
        return counted

    def _run(self, trades: Sequence[Trade], at: int) -> int:
        """Take trades from `at` on while each follows the last in id and time and lies in the open bar; the first that does not.

        The fast path of `add`, with the bar in local variables.
        """
        bar, newest = self._bar, self._intervals[-1]
        assert bar is not None
        begin, end, ts = self._bar_start, self._bar_end, bar.last_ts
        order = newest.high
        if order < bar.last_id or not begin <= ts < end:
            return at
        high, low, close, volume, count = bar.high, bar.low, bar.close, bar.volume, bar.count
        first = at
        for trade in islice(trades, at, None):
            if not ts <= trade.ts < end or not trade.trade_id.isdecimal() or int(trade.trade_id) != order + 1:
                break
            ts = trade.ts
            order += 1
            close = trade.price
            if close > high:
                high = close
            elif close < low:
                low = close
            volume += trade.amount
            count += trade.count
            at += 1
        if at > first:
            bar.high, bar.low, bar.close, bar.volume, bar.count = high, low, close, volume, count
            bar.last_ts, bar.last_id = ts, order
            newest.high, newest.high_ts = order, max(newest.high_ts, ts)
            self.watermark = max(self.watermark, ts)
            self._clock = max(self._clock, ts)
        return at

    def _place(self, trade: Trade, order: int) -> bool:
        """Any other trade: the first of a window, or one out of order."""
        ts = trade.ts
        start = ts - ts % _BASE
        bar = self._levels[0].get(start)
        if bar is None:
            if self._expired(0, start):
                self.too_late += 1
                return False
            self._levels[0][start] = bar = Bar(
                trade.price, trade.price, trade.price, trade.price, trade.amount, trade.count, ts, order, ts, order
            )
        else:
            bar.high = max(bar.high, trade.price)
            bar.low = min(bar.low, trade.price)
            bar.volume += trade.amount
            bar.count += trade.count
            if (ts, order) < (bar.first_ts, bar.first_id):
                bar.open, bar.first_ts, bar.first_id = trade.price, ts, order
            if (ts, order) > (bar.last_ts, bar.last_id):
                bar.close, bar.last_ts, bar.last_id = trade.price, ts, order
        self._touch(start)
        if ts >= self.watermark:
            self.watermark = ts
            self._advance(ts)
            if start + _BASE > self._clock:
                self._bar, self._bar_start, self._bar_end, self._bar_seen = bar, start, start + _BASE, -1
        return True

    def _touch(self, start: int) -> None:
        """The 5s bar at `start` changed: the coarser ones must follow, and be given out again if it was closed."""
        self._changed.add(start)
        if start + _BASE <= self._clock:
            self._due = True

    def _advance(self, clock: int) -> None:
        if clock <= self._clock:
            return
        if clock // _BASE != self._clock // _BASE:
            self._due = True
            # The bar that just ended was filled by the fast path, which keeps no books.
            if self._bar is not None:
                self._changed.add(self._bar_start)
                self._bar = None
        self._clock = clock

    def tick(self, ts: int, last_trade_id: str | None) -> None:
        """A ticker of `ts`: if every trade up to the newest it knows was seen, exchange time has come this far."""
        newest = self._intervals[-1].high if self._intervals else None
        if (
            newest is not None
            and last_trade_id is not None
            and last_trade_id.isdecimal()
            and int(last_trade_id) <= newest
        ):
            self._advance(ts)

    def seed(self, candle: Candle) -> None:
        """The exchange's own open candle, for the window in which this run began: it knows what was before us."""
        if candle.closed or candle.window_end <= self._clock:
            return
        self._refresh()
        # Our own volume up to now is in the exchange's already; what the two saw apart is a moment, healed at the close.
        own = self._levels[_NAMES.index(candle.timeframe)].get(candle.window_start)
        self._seeds[candle.timeframe] = Seed(candle, own.volume if own else Decimal(0), own.count if own else 0)

    # -- ids ---------------------------------------------------------------------------------------------------------

    def _order(self, trade: Trade) -> int | None:
        """The trade's place among its equals in time; None for a duplicate."""
        if not self._consecutive or not trade.trade_id.isdecimal():
            if trade.trade_id in self._recent_set:
                return None
            self._recent.append(trade.trade_id)
            self._recent_set.add(trade.trade_id)
            if len(self._recent) > _RECENT_IDS:
                self._recent_set.discard(self._recent.popleft())
            self._arrivals += 1
            return self._arrivals
        order = int(trade.trade_id)
        intervals = self._intervals
        if intervals:
            newest = intervals[-1]
            if order == newest.high + 1:
                newest.high = order
                if trade.ts > newest.high_ts:
                    newest.high_ts = trade.ts
                return order
        return order if self._insert(order, trade.ts) else None

    def _insert(self, order: int, ts: int) -> bool:
        """Put an id that does not simply follow into the intervals; False if it is there."""
        intervals = self._intervals
        at = bisect_right(intervals, order, key=lambda interval: interval.low)
        before = intervals[at - 1] if at else None
        after = intervals[at] if at < len(intervals) else None
        if before is not None and order <= before.high:
            return False
        if before is not None and order == before.high + 1:
            before.high = order
            before.high_ts = max(before.high_ts, ts)
            if after is not None and after.low == order + 1:
                before.high, before.high_ts = after.high, max(before.high_ts, after.high_ts)
                del intervals[at]
                self._mended()
        elif after is not None and after.low == order + 1:
            after.low, after.low_ts = order, min(after.low_ts, ts)
        else:
            intervals.insert(at, Interval(order, order, ts, ts))
            if len(intervals) > _MAX_INTERVALS:
                intervals[0] = Interval(intervals[0].low, intervals[1].high, intervals[0].low_ts, intervals[1].high_ts)
                del intervals[1]
        return True

    def _mended(self) -> None:
        """A hole is filled: what was given out as partial and is whole now is given out again."""
        for level, length in enumerate(_LENGTHS):
            for start, bar in self._levels[level].items():
                if bar.sent and not bar.whole and self._whole(start, start + length):
                    bar.sent = False
                    self._due = True

    def _whole(self, start: int, end: int) -> bool:
        """Were all trades of [start, end) seen? There must be one run of ids from before the start to the end."""
        if not self._consecutive:
            return True
        last = len(self._intervals) - 1
        return any(i.low_ts < start and (at == last or i.high_ts >= end) for at, i in enumerate(self._intervals))

    # -- candles out -------------------------------------------------------------------------------------------------

    def closed(self) -> list[Candle]:
        """Candles that closed, or changed after they closed, since the last call; finest first, oldest first."""
        if not self._due:
            return []
        self._refresh()
        self._due = False
        out = []
        for level, length in enumerate(_LENGTHS):
            bars = self._levels[level]
            for start in sorted(bars):
                bar = bars[start]
                if not bar.sent and start + length <= self._clock:
                    candle = self._candle(level, start, bar, closed=True)
                    bar.sent, bar.whole = True, candle.complete
                    out.append(candle)
        self._prune()
        return out

    def forming(self) -> list[Candle]:
        """The open candle of each timeframe that has one."""
        self._refresh()
        out = []
        for level, length in enumerate(_LENGTHS):
            start = self._clock - self._clock % length
            bar = self._levels[level].get(start)
            if bar is not None:
                out.append(self._candle(level, start, bar, closed=False))
        return out

    def _candle(self, level: int, start: int, bar: Bar, closed: bool) -> Candle:
        length = _LENGTHS[level]
        # An open window is whole so far if it was whole from its start.
        whole = self._whole(start, start + length if closed else start)
        candle = Candle(
            self.exchange, self.symbol, _NAMES[level], start, start + length, bar.open, bar.high, bar.low, bar.close, bar.volume,
            bar.count, closed, bar.first_ts, bar.last_ts, whole,
        )  # fmt: skip
        seed = self._seeds.get(_NAMES[level])
        if seed is None or whole or seed.candle.window_start != start:
            return candle
        return msgspec.structs.replace(
            candle,
            open=seed.candle.open,
            high=max(seed.candle.high, bar.high),
            low=min(seed.candle.low, bar.low),
            volume=seed.candle.volume + bar.volume - seed.volume,
            trade_count=seed.candle.trade_count + bar.count - seed.count,
        )

    def _refresh(self) -> None:
        """Make the coarser bars over every changed 5s bar again."""
        changed = self._changed
        if self._bar is not None and self._bar.last_id != self._bar_seen:
            changed.add(self._bar_start)
            self._bar_seen = self._bar.last_id
        if not changed:
            return
        starts: set[int] = changed
        for start in starts:
            self._levels[0][start].sent = False
        for level in range(1, len(_LENGTHS)):
            length = _LENGTHS[level]
            starts = {start - start % length for start in starts}
            for start in starts:
                self._levels[level][start] = _merge(self._parts(level, start))
        self._changed = set()

    def _parts(self, level: int, start: int) -> Iterator[Bar]:
        finer = self._levels[level - 1]
        for at in range(start, start + _LENGTHS[level], _LENGTHS[level - 1]):
            bar = finer.get(at)
            if bar is not None:
                yield bar

    def _expired(self, level: int, start: int) -> bool:
        """Is a window beyond late trades? It lives as long as the coarser one that is made from it, plus the lateness."""
        length = _LENGTHS[min(level + 1, len(_LENGTHS) - 1)]
        return start - start % length + length + LATENESS_MS <= self._clock

    def _prune(self) -> None:
        for level, bars in enumerate(self._levels):
            for start in [start for start in bars if self._expired(level, start)]:
                del bars[start]

    # -- state -------------------------------------------------------------------------------------------------------

    def save(self) -> State:
        self._refresh()
        return State(
            self.exchange, self.symbol, self.watermark, self._clock, self._levels, self._intervals, list(self._recent),
            self._arrivals, self._seeds, self.duplicates, self.too_late,
        )  # fmt: skip

    @classmethod
    def restore(cls, state: State) -> "Series":
        series = cls(state.exchange, state.symbol)
        series.watermark, series._clock = state.watermark, state.clock
        series._levels, series._intervals = state.levels, state.intervals
        series._recent, series._recent_set = deque(state.recent), set(state.recent)
        series._arrivals, series._seeds = state.arrivals, state.seeds
        series.duplicates, series.too_late = state.duplicates, state.too_late
        # Whatever was due when the state was saved was given out before it was saved; unsent closed bars are found again.
        series._due = True
        return series


def _merge(parts: Iterator[Bar]) -> Bar:
    """The bar of a window from the bars of its parts, oldest first. There is at least one."""
    first = next(parts)
    bar = Bar(
        first.open, first.high, first.low, first.close, first.volume, first.count,
        first.first_ts, first.first_id, first.last_ts, first.last_id,
    )  # fmt: skip
    for part in parts:
        if part.high > bar.high:
            bar.high = part.high
        if part.low < bar.low:
            bar.low = part.low
        bar.volume += part.volume
        bar.count += part.count
        bar.close, bar.last_ts, bar.last_id = part.close, part.last_ts, part.last_id
    return bar
