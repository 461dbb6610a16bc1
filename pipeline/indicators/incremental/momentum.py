"""Momentum: the close less the close `length` bars before, in units of price."""

from pipeline.indicators.bar import Figures
from pipeline.indicators.incremental.base import Indicator, Window


class Momentum(Indicator, tag="momentum"):
    length: int = 10

    @property
    def warmup(self) -> int:
        return self.length

    def step(self, w: Window, keep: bool) -> Figures:
        if w.count <= self.length:
            return {}
        return {"value": w.close[-1] - w.close[-1 - self.length]}
