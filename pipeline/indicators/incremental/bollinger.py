"""Bollinger bands: the mean of the last closes, and `std` population standard deviations above and below it."""

import math

from pipeline.indicators.bar import Figures
from pipeline.indicators.incremental.base import Indicator, Window


class Bollinger(Indicator, tag="bollinger"):
    length: int = 20
    std: float = 2.0

    @property
    def warmup(self) -> int:
        return self.length - 1

    def step(self, w: Window, keep: bool) -> Figures:
        n = self.length
        if w.count < n:
            return {}
        closes = w.close[-n:]
        mean = sum(closes) / n
        # The length of the vector of deviations: the two-pass formula, in C and safe from overflow.
        spread = self.std * math.dist(closes, [mean] * n) / math.sqrt(n)
        return {"upper_band": mean + spread, "middle_band": mean, "lower_band": mean - spread}
