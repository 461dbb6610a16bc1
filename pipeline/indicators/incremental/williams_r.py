"""Williams %R: how far the close lies below the highest high of `length` bars, in percent of their range: 0 (top) to -100 (bottom)."""

from pipeline.indicators.bar import Figures
from pipeline.indicators.incremental.base import Indicator, Window


class WilliamsR(Indicator, tag="williams_r"):
    length: int = 14

    @property
    def warmup(self) -> int:
        return self.length - 1

    def step(self, w: Window, keep: bool) -> Figures:
        if w.count < self.length:
            return {}
        lowest, highest = min(w.low[-self.length :]), max(w.high[-self.length :])
        # A range of nothing: the middle.
        return {"value": 100 * (w.close[-1] - highest) / (highest - lowest) if highest > lowest else -50.0}
