"""Slow stochastic (Lane): where the close lies in the range of the last `k` bars, averaged over `smooth_k` (%K), and that over `d` (%D)."""

import msgspec

from pipeline.indicators.bar import Figures
from pipeline.indicators.incremental.base import Indicator, Window


class Stochastic(Indicator, tag="stochastic"):
    k: int = 14
    d: int = 3
    smooth_k: int = 3
    raw: list[float] = msgspec.field(default_factory=list)
    smooth: list[float] = msgspec.field(default_factory=list)

    @property
    def warmup(self) -> int:
        return self.k + self.smooth_k - 2

    def step(self, w: Window, keep: bool) -> Figures:
        if w.count < self.k:
            return {}
        lowest, highest = min(w.low[-self.k :]), max(w.high[-self.k :])
        # A range of nothing has no upper or lower end: the middle.
        raw = 100 * (w.close[-1] - lowest) / (highest - lowest) if highest > lowest else 50.0
        raws = [*self.raw, raw][-self.smooth_k :]
        if keep:
            self.raw = raws
        if len(raws) < self.smooth_k:
            return {}
        value = sum(raws) / self.smooth_k
        smooth = [*self.smooth, value][-self.d :]
        if keep:
            self.smooth = smooth
        if len(smooth) < self.d:
            return {"value": value}
        return {"value": value, "value_signal": sum(smooth) / self.d}
