"""Volume-weighted average price since midnight UTC: Σ typical · volume / Σ volume.

A day that was not seen from its first bar has no value: a mean of its rest would be another thing. The first bar of a series is
only known to be its day's first if it opens at midnight.
"""

from typing import Final

from pipeline.indicators.bar import Figures
from pipeline.indicators.incremental.base import Indicator, Window

DAY: Final = 86_400_000


class Vwap(Indicator, tag="vwap"):
    day: int = -1
    whole: bool = False
    money: float = 0.0
    volume: float = 0.0

    @property
    def warmup(self) -> int:
        return 0

    def step(self, w: Window, keep: bool) -> Figures:
        day, into = divmod(w.time, DAY)
        typical, volume = w.typical[-1], w.volume[-1]
        if day == self.day:
            whole, money, volume_sum = self.whole, self.money + typical * volume, self.volume + volume
        else:
            whole, money, volume_sum = into == 0 or self.day >= 0, typical * volume, volume
        if keep:
            self.day, self.whole, self.money, self.volume = day, whole, money, volume_sum
        if not whole:
            return {}
        # Nothing traded yet: the price there is.
        return {"value": money / volume_sum if volume_sum > 0 else typical}
