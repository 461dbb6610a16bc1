"""Klines of one symbol: its history before the start, the trades it sent after, and both in the window where they meet."""

from collections.abc import Iterator
from itertools import compress
from operator import add, mul
from typing import Final

from pipeline.exchanges.simulator.history import ORIGIN, Bar, History, combine
from pipeline.exchanges.simulator.market import Tape

SECOND: Final = 1_000
MINUTE: Final = 60_000
DAY: Final = 86_400_000
#: Binance's intervals of fixed length, in ms. A week begins on Monday; the epoch was a Thursday.
INTERVALS: Final = {
    "1s": SECOND,
    "1m": MINUTE,
    "3m": 3 * MINUTE,
    "5m": 5 * MINUTE,
    "15m": 15 * MINUTE,
    "30m": 30 * MINUTE,
    "1h": 60 * MINUTE,
    "2h": 120 * MINUTE,
    "4h": 240 * MINUTE,
    "6h": 360 * MINUTE,
    "8h": 480 * MINUTE,
    "12h": 720 * MINUTE,
    "1d": DAY,
    "3d": 3 * DAY,
}
#: Live 1s bars are kept for so long (ms); older 1s windows are answered from their minute only as empty ones.
_SECONDS_KEPT: Final = 2 * 60 * MINUTE


class Bars:
    """All klines of a symbol, up to the trades that `read` has seen."""

    def __init__(self, history: History, tape: Tape) -> None:
        self.history = history
        self._tape = tape
        self._read = tape.first_id
        self._seconds: dict[int, Bar] = {}  # second → bar, newest last
        self._minutes: dict[int, Bar] = {}
        self._day: tuple[int, Bar | None] = (-1, None)

    def read(self) -> None:
        """Take in what is new on the tape."""
        tape = self._tape
        first, end = self._read - tape.first_id, len(tape.times)
        while first < end:
            # Nearly always one pass: a slice of a few ms lies within one second.
            second = tape.times[first] // 1_000_000
            after = end
            if tape.times[end - 1] // 1_000_000 != second:
                after = first + 1
                while tape.times[after] // 1_000_000 == second:
                    after += 1
            prices, lots, buys = tape.prices[first:after], tape.lots[first:after], tape.buys[first:after]
            quotes = list(map(mul, prices, lots))
            bar = Bar(
                *(prices[0], max(prices), min(prices), prices[-1]),
                *(sum(lots), after - first, sum(quotes)),
                *(sum(compress(lots, buys)), sum(compress(quotes, buys))),
            )
            _add(self._seconds, second * SECOND, bar)
            _add(self._minutes, second * SECOND // MINUTE * MINUTE, bar)
            first = after
        self._read = tape.end_id
        while self._seconds and (oldest := next(iter(self._seconds))) < next(reversed(self._seconds)) - _SECONDS_KEPT:
            del self._seconds[oldest]

    def first_ms(self, length: int) -> int:
        """Open time of the first window there is."""
        return -(-ORIGIN // length) * length

    def bar(self, start: int, length: int) -> Bar | None:
        """The bar of the window, ms; None when nothing was traded in it or it is before everything."""
        parts = []
        if start < self.history.end_ms and (past := self.history.bar(start, start + length)) is not None:
            parts.append(past)
        if start + length > self.history.end_ms:
            live, step = (self._seconds, SECOND) if length < MINUTE else (self._minutes, MINUTE)
            if length == step:
                parts += [live[start]] if start in live else []
            else:
                first = max(start, self.history.end_ms // step * step)
                parts += [live[at] for at in range(first, start + length, step) if at in live]
        return combine(parts) if parts else None

    def klines(self, length: int, start: int, end: int) -> Iterator[tuple[int, Bar]]:
        """(open time, bar) of every window with `start` <= open time <= `end` (ms, both multiples of `length`)."""
        close: int | None = None
        for at in range(start, end + 1, length):
            bar = self.bar(at, length)
            if bar is None:
                if close is None:
                    close = self._close_before(at)
                if close is None:
                    continue  # before the symbol was listed
                bar = Bar(close, close, close, close, 0, 0, 0, 0, 0)
            close = bar.close
            yield at, bar

    def _close_before(self, ms: int) -> int | None:
        at = (ms - 1) // MINUTE * MINUTE
        while at + MINUTE > self.history.end_ms:
            if at in self._minutes and at + MINUTE <= ms:
                return self._minutes[at].close
            at -= MINUTE
        bar = self.history.bar(min(ms, self.history.end_ms) - SECOND, min(ms, self.history.end_ms))
        return bar.close if bar else None

    def day(self, now: int) -> tuple[int, Bar]:
        """(open time, bar) of the 24 hours before `now` (ms), to the minute."""
        minute = now // MINUTE * MINUTE
        first = minute - DAY + MINUTE
        if self._day[0] != minute:
            # The minutes that are over change no more: joined once a minute.
            self._day = (minute, self.bar(first, minute - first))
        forming = self.bar(minute, MINUTE)
        parts = [bar for bar in (self._day[1], forming) if bar is not None]
        return first, combine(parts)


def _add(bars: dict[int, Bar], at: int, bar: Bar) -> None:
    known = bars.get(at)
    if known is None:
        bars[at] = bar
    else:
        sums = map(add, known[4:], bar[4:])
        bars[at] = Bar(known.open, max(known.high, bar.high), min(known.low, bar.low), bar.close, *sums)
