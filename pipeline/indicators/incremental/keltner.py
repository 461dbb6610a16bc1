"""Keltner channel (Raschke's): EMA of the close, and `scalar` EMAs of the true range above and below it."""

from pipeline.indicators.bar import Figures
from pipeline.indicators.incremental.base import Average, Indicator, Window, ema


class Keltner(Indicator, tag="keltner"):
    length: int = 20
    scalar: float = 2.0
    basis: Average | None = None
    range: Average | None = None

    @property
    def warmup(self) -> int:
        return self.length

    def step(self, w: Window, keep: bool) -> Figures:
        if self.basis is None or self.range is None:
            self.basis, self.range = ema(self.length), ema(self.length)
        middle = self.basis.step(w.close[-1], keep)
        # The first bar has no true range.
        span = self.range.step(w.true_range[-1], keep) if w.count > 1 else None
        if middle is None or span is None:
            return {}
        width = self.scalar * span
        return {"upper_band": middle + width, "middle_band": middle, "lower_band": middle - width}
