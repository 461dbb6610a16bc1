"""Commodity channel index (Lambert): the typical price's distance from its mean, in units of 0.015 mean absolute deviations."""

from typing import Final

from pipeline.indicators.bar import Figures
from pipeline.indicators.incremental.base import Indicator, Window

#: Lambert's constant: it puts about three quarters of all values between -100 and 100.
_C: Final = 0.015


class Cci(Indicator, tag="cci"):
    length: int = 20

    @property
    def warmup(self) -> int:
        return self.length - 1

    def step(self, w: Window, keep: bool) -> Figures:
        n = self.length
        if w.count < n:
            return {}
        typical = w.typical[-n:]
        if max(typical) == min(typical):
            return {"value": 0.0}
        mean = sum(typical) / n
        deviation = sum([abs(x - mean) for x in typical]) / n
        return {"value": (typical[-1] - mean) / (_C * deviation)}
