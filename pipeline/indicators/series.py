"""One series' indicators through late, repeated and mended candles.

The last closed bars are remembered together with the engine's state before the first of them. A candle that comes late, or better
than the one that was there, goes into its place, and everything from there on is computed again from that state: exactly what it
would have been had it come in time. What is older than the memory changes nothing here and is counted.
"""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

import msgspec

from pipeline.indicators.bar import Bar, Figures, bar, usable
from pipeline.indicators.engine import Engine, restore
from pipeline.model import Candle
from pipeline.store.write import rank

#: Closed bars that can still be mended at least. A repair of 5s candles comes within minutes; while more than that come late at
#: once, as after a long absence, they are taken together, and the memory is cut only afterwards.
MEMORY: Final = 128


class Known(msgspec.Struct, array_like=True, frozen=True):
    """A remembered bar, and how good the candle was that it came from (as the store ranks it)."""

    bar: Bar
    rank: int
    trades: int


class Saved(msgspec.Struct, array_like=True):
    """A series as it is stored."""

    version: int
    exchange: str
    symbol: str
    timeframe: str
    base: bytes
    known: list[Known]
    since: int | None
    last: int


#: Raised when a saved state means something else than before; such states are left aside and made anew from the database.
VERSION: Final = 1
_EMPTY: Final = Engine.new().save()


class Series:
    def __init__(self, exchange: str, symbol: str, timeframe: str) -> None:
        self.exchange = exchange
        self.symbol = symbol
        self.timeframe = timeframe
        self._base = _EMPTY  # before the first of `_known`
        self._known: list[Known] = []
        self._engine: Engine | None = None  # after the last of `_known`; None: to be made when it is needed
        #: Time of the last bar that was closed, -1 before the first.
        self.last = -1
        #: Time of the first bar whose figures were given out.
        self.since: int | None = None
        #: Up to here the database was read at the beginning: what comes again from before that is no news.
        self.read_until = -1
        self.too_late = 0

    def take(self, candles: Iterable[Candle]) -> list[tuple[int, dict[str, Figures]]]:
        """Closed candles in any order → (time, type → figures) of every bar whose figures are new or may have changed, in order."""
        again: int | None = None  # index from which to compute again
        fresh: list[Known] = []
        for candle in sorted(candles, key=lambda c: c.window_start):
            known = Known(bar(candle), rank(candle), candle.trade_count)
            if not usable(known.bar):
                continue
            if known.bar.time > self.last and not (fresh and fresh[-1].bar.time == known.bar.time):
                fresh.append(known)
                continue
            if fresh and fresh[-1].bar.time == known.bar.time:
                if _better(known, fresh[-1]):
                    fresh[-1] = known
                continue
            at = self._place(known)
            if at is not None:
                again = at if again is None else min(again, at)
        out = [] if again is None else self._from(again)
        if fresh:
            engine = self._now()
            for known in fresh:
                self._known.append(known)
                self.last = known.bar.time
                out.append((known.bar.time, engine.close(known.bar)))
            self._forget()
        return out

    def form(self, b: Bar) -> dict[str, Figures]:
        """The figures if the forming candle closed as it is. {} for one that is closed here already."""
        return self._now().form(b) if b.time > self.last and usable(b) else {}

    def _now(self) -> Engine:
        if self._engine is None:
            self._from(0)
            assert self._engine is not None
        return self._engine

    def _place(self, known: Known) -> int | None:
        """Put a bar among the remembered ones; its index if that changed anything."""
        at = bisect_left(self._known, known.bar.time, key=lambda k: k.bar.time)
        if at < len(self._known) and self._known[at].bar.time == known.bar.time:
            old = self._known[at]
            if not _better(known, old):
                return None
            self._known[at] = known
            return None if old.bar == known.bar else at
        if at == 0 and self._base != _EMPTY:
            self.too_late += known.bar.time > self.read_until
            return None
        self._known.insert(at, known)
        return at

    def _from(self, index: int) -> list[tuple[int, dict[str, Figures]]]:
        """Compute everything again; the results from `index` on."""
        engine = restore(self._base)
        results = [(k.bar.time, engine.close(k.bar)) for k in self._known]
        self._engine = engine
        return results[index:]

    def _forget(self) -> None:
        # Only when twice too long: moving the base costs as much as the bars it passes.
        if len(self._known) < 2 * MEMORY:
            return
        engine = restore(self._base)
        passed = len(self._known) - MEMORY
        for known in self._known[:passed]:
            engine.close(known.bar)
        del self._known[:passed]
        self._base = engine.save()

    # -- state -------------------------------------------------------------------------------------------------------

    def save(self) -> Saved:
        return Saved(
            VERSION, self.exchange, self.symbol, self.timeframe, self._base, self._known, self.since, self.last
        )

    @classmethod
    def load(cls, saved: Saved) -> "Series":
        """Raises msgspec.MsgspecError when its state is of another version."""
        if saved.version != VERSION:
            raise msgspec.ValidationError(f"version {saved.version}")
        restore(saved.base)
        series = cls(saved.exchange, saved.symbol, saved.timeframe)
        series._base, series._known = saved.base, saved.known
        series.since, series.last = saved.since, saved.last
        return series


def _better(new: Known, old: Known) -> bool:
    """As the store decides which candle of a window stays."""
    return (new.rank, new.trades) >= (old.rank, old.trades)
