"""Ichimoku (Hosoda): middles of the ranges of 9 and 26 bars, and the cloud, which is drawn `kijun` bars after it was known.

The figures stand at the bar they are drawn at. The lagging span is the close itself, drawn earlier: it adds no figure.
"""

import msgspec

from pipeline.indicators.bar import Figures
from pipeline.indicators.incremental.base import Indicator, Window


class Ichimoku(Indicator, tag="ichimoku"):
    tenkan: int = 9
    kijun: int = 26
    senkou: int = 52
    spans_a: list[float | None] = msgspec.field(default_factory=list)
    spans_b: list[float | None] = msgspec.field(default_factory=list)

    @property
    def warmup(self) -> int:
        return self.tenkan - 1

    def step(self, w: Window, keep: bool) -> Figures:
        turn, base = self._middle(w, self.tenkan), self._middle(w, self.kijun)
        out: Figures = {}
        if turn is not None:
            out["value"] = turn
        if base is not None:
            out["value_signal"] = base
        if len(self.spans_a) == self.kijun:
            a, b = self.spans_a[0], self.spans_b[0]
            if a is not None:
                out["upper_band"] = a
            if b is not None:
                out["lower_band"] = b
        if keep:
            self.spans_a.append((turn + base) / 2 if turn is not None and base is not None else None)
            self.spans_b.append(self._middle(w, self.senkou))
            if len(self.spans_a) > self.kijun:
                del self.spans_a[0], self.spans_b[0]
        return out

    @staticmethod
    def _middle(w: Window, n: int) -> float | None:
        return (max(w.high[-n:]) + min(w.low[-n:])) / 2 if w.count >= n else None
