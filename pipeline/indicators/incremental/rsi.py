"""Relative strength index (Wilder 1978): 100 · U / (U + D), U and D Wilder's averages of the rises and falls of the close."""

from pipeline.indicators.bar import Figures
from pipeline.indicators.incremental.base import Average, Indicator, Window, wilder


class Rsi(Indicator, tag="rsi"):
    length: int = 14
    up: Average | None = None
    down: Average | None = None

    @property
    def warmup(self) -> int:
        return self.length

    def step(self, w: Window, keep: bool) -> Figures:
        if w.count < 2:
            return {}
        if self.up is None or self.down is None:
            self.up, self.down = wilder(self.length), wilder(self.length)
        change = w.close[-1] - w.close[-2]
        up = self.up.step(change if change > 0 else 0.0, keep)
        down = self.down.step(-change if change < 0 else 0.0, keep)
        if up is None or down is None:
            return {}
        both = up + down
        # A price that never moved leans to neither side.
        return {"value": 100 * up / both if both else 50.0}
