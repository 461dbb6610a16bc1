"""On-balance volume (Granville): volume added on a higher close, taken off on a lower one; starts with the first bar's volume.

Its level depends on where it starts; its shape does not.
"""

from pipeline.indicators.bar import Figures
from pipeline.indicators.incremental.base import Indicator, Window


class Obv(Indicator, tag="obv"):
    total: float = 0.0

    @property
    def warmup(self) -> int:
        return 0

    def step(self, w: Window, keep: bool) -> Figures:
        volume, total = w.volume[-1], self.total
        change = w.close[-1] - w.close[-2] if w.count > 1 else 1.0
        if change > 0:
            total += volume
        elif change < 0:
            total -= volume
        if keep:
            self.total = total
        return {"value": total}
