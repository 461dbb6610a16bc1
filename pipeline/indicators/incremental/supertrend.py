"""Supertrend (Seban): a stop `multiplier` ATRs from the middle of the bar that only moves with the trend, and flips on a close beyond it.

The first trend is taken to be up.
"""

from pipeline.indicators.bar import Figures
from pipeline.indicators.incremental.base import Average, Indicator, Window, wilder


class Supertrend(Indicator, tag="supertrend"):
    length: int = 10
    multiplier: float = 3.0
    average: Average | None = None
    started: bool = False
    up: bool = True
    upper: float = 0.0
    lower: float = 0.0

    @property
    def warmup(self) -> int:
        return self.length

    def step(self, w: Window, keep: bool) -> Figures:
        if w.count < 2:
            return {}
        if self.average is None:
            self.average = wilder(self.length)
        atr = self.average.step(w.true_range[-1], keep)
        if atr is None:
            return {}
        middle, close = (w.high[-1] + w.low[-1]) / 2, w.close[-1]
        upper, lower = middle + self.multiplier * atr, middle - self.multiplier * atr
        up = self.up
        if self.started:
            if close > self.upper:
                up = True
            elif close < self.lower:
                up = False
            elif up:
                lower = max(lower, self.lower)
            else:
                upper = min(upper, self.upper)
        if keep:
            self.started, self.up, self.upper, self.lower = True, up, upper, lower
        if up:
            return {"value": lower, "value_signal": 1.0, "lower_band": lower}
        return {"value": upper, "value_signal": -1.0, "upper_band": upper}
