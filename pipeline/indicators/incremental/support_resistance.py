"""Support and resistance: the nearest prices below and above the close where the market turned before. Our own definition.

A pivot is a bar whose high is the highest of the `span` bars on either side of it (of equal ones the earliest), or whose low is
the lowest. It is known `span` bars later and never withdrawn. The last `memory` pivots are remembered, highs and lows alike: what
was broken as resistance is support afterwards. Resistance is the lowest remembered price above the close, support the highest
below it. A level's strength is the number of remembered pivots within half an ATR(14) of it, itself included. With no pivot on a
side that side is absent.
"""

from typing import Final

import msgspec

from pipeline.indicators.bar import Figures
from pipeline.indicators.incremental.base import Average, Indicator, Window, wilder

#: ATRs within which two turns are turns at the same level.
_SAME: Final = 0.5


class SupportResistance(Indicator, tag="support_resistance"):
    span: int = 5
    memory: int = 32
    length: int = 14
    average: Average | None = None
    pivots: list[float] = msgspec.field(default_factory=list)

    @property
    def warmup(self) -> int:
        return max(self.length, 2 * self.span)

    def step(self, w: Window, keep: bool) -> Figures:
        if w.count < 2:
            return {}
        if self.average is None:
            self.average = wilder(self.length)
        atr = self.average.step(w.true_range[-1], keep)
        pivots = self.pivots
        if w.count > 2 * self.span and (new := self._new(w)):
            pivots = [*pivots, *new][-self.memory :]
            if keep:
                self.pivots = pivots
        if atr is None or not pivots:
            return {}
        close, width = w.close[-1], _SAME * atr
        out: Figures = {}
        below = [p for p in pivots if p < close]
        if below:
            level = max(below)
            out["support_level"] = level
            out["support_strength"] = float(sum([abs(p - level) <= width for p in pivots]))
        above = [p for p in pivots if p > close]
        if above:
            level = min(above)
            out["resistance_level"] = level
            out["resistance_strength"] = float(sum([abs(p - level) <= width for p in pivots]))
        return out

    def _new(self, w: Window) -> list[float]:
        """Pivots that the last bar makes known."""
        n = self.span
        found = []
        highs, lows = w.high[-2 * n - 1 :], w.low[-2 * n - 1 :]
        high, low = highs[n], lows[n]
        # `index` finds the earliest of equals.
        if high == max(highs) and highs.index(high) == n:
            found.append(high)
        if low == min(lows) and lows.index(low) == n:
            found.append(low)
        return found
