"""Exponential moving average of the close, weight 2/(length+1), started with the mean of the first `length` closes."""

from pipeline.indicators.bar import Figures
from pipeline.indicators.incremental.base import Average, Indicator, Window, ema


class Ema(Indicator, tag="ema"):
    length: int = 20
    average: Average | None = None

    @property
    def warmup(self) -> int:
        return self.length - 1

    def step(self, w: Window, keep: bool) -> Figures:
        if self.average is None:
            self.average = ema(self.length)
        value = self.average.step(w.close[-1], keep)
        return {} if value is None else {"value": value}
