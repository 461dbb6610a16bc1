"""Simple moving average of the close."""

from pipeline.indicators.bar import Figures
from pipeline.indicators.incremental.base import Indicator, Window


class Sma(Indicator, tag="sma"):
    length: int = 20

    @property
    def warmup(self) -> int:
        return self.length - 1

    def step(self, w: Window, keep: bool) -> Figures:
        if w.count < self.length:
            return {}
        return {"value": sum(w.close[-self.length :]) / self.length}
