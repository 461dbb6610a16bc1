"""Donchian channel: highest high and lowest low of the last `length` bars, the current one among them, and their middle."""

from pipeline.indicators.bar import Figures
from pipeline.indicators.incremental.base import Indicator, Window


class Donchian(Indicator, tag="donchian"):
    length: int = 20

    @property
    def warmup(self) -> int:
        return self.length - 1

    def step(self, w: Window, keep: bool) -> Figures:
        if w.count < self.length:
            return {}
        upper, lower = max(w.high[-self.length :]), min(w.low[-self.length :])
        return {"upper_band": upper, "middle_band": (upper + lower) / 2, "lower_band": lower}
