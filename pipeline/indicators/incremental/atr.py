"""Average true range (Wilder 1978): Wilder's average of the true range, which exists from the second bar on."""

from pipeline.indicators.bar import Figures
from pipeline.indicators.incremental.base import Average, Indicator, Window, wilder


class Atr(Indicator, tag="atr"):
    length: int = 14
    average: Average | None = None

    @property
    def warmup(self) -> int:
        return self.length

    def step(self, w: Window, keep: bool) -> Figures:
        if w.count < 2:
            return {}
        if self.average is None:
            self.average = wilder(self.length)
        value = self.average.step(w.true_range[-1], keep)
        return {} if value is None else {"value": value}
