"""Money flow index (Quong, Soudack): 100 · P / (P + N), the sums over `length` bars of typical price · volume of those whose
typical price rose (P) or fell (N)."""

import msgspec

from pipeline.indicators.bar import Figures
from pipeline.indicators.incremental.base import Indicator, Window


class Mfi(Indicator, tag="mfi"):
    length: int = 14
    rises: list[float] = msgspec.field(default_factory=list)
    falls: list[float] = msgspec.field(default_factory=list)

    @property
    def warmup(self) -> int:
        return self.length

    def step(self, w: Window, keep: bool) -> Figures:
        if w.count < 2:
            return {}
        typical, before = w.typical[-1], w.typical[-2]
        flow = typical * w.volume[-1]
        rises = [*self.rises, flow if typical > before else 0.0][-self.length :]
        falls = [*self.falls, flow if typical < before else 0.0][-self.length :]
        if keep:
            self.rises, self.falls = rises, falls
        if len(rises) < self.length:
            return {}
        up = sum(rises)
        both = up + sum(falls)
        # No money moved, up or down: neither side.
        return {"value": 100 * up / both if both else 50.0}
