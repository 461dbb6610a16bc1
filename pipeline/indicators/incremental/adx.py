"""Average directional index (Wilder 1978) with +DI and -DI, seeded as TA-Lib does.

Directional moves and true range are Wilder sums, S ← S - S/length + x, that start as the sum of the first length - 1 values; the
bar where they start is not reported. ADX is Wilder's average of DX = 100 · |+DI - -DI| / (+DI + -DI). As long as nothing has
moved there is no direction, and DX does not exist.
"""

from pipeline.indicators.bar import Figures
from pipeline.indicators.incremental.base import Average, Indicator, Window, wilder


class Adx(Indicator, tag="adx"):
    length: int = 14
    seen: int = 0
    plus: float = 0.0
    minus: float = 0.0
    range: float = 0.0
    average: Average | None = None

    @property
    def warmup(self) -> int:
        return self.length

    def step(self, w: Window, keep: bool) -> Figures:
        if w.count < 2:
            return {}
        if self.average is None:
            self.average = wilder(self.length)
        up, down = w.high[-1] - w.high[-2], w.low[-2] - w.low[-1]
        rise = up if up > down and up > 0 else 0.0
        fall = down if down > up and down > 0 else 0.0
        n = self.length
        # The share that goes out with every new value, once the sums are full.
        rest = 1.0 if self.seen < n - 1 else 1.0 - 1.0 / n
        plus, minus = self.plus * rest + rise, self.minus * rest + fall
        span = self.range * rest + w.true_range[-1]
        reported = self.seen >= n - 1
        if keep:
            self.plus, self.minus, self.range = plus, minus, span
            self.seen = min(self.seen + 1, n)
        if not reported:
            return {}
        up, down = (100 * plus / span, 100 * minus / span) if span else (0.0, 0.0)
        out = {"upper_band": up, "lower_band": down}
        if up + down:
            value = self.average.step(100 * abs(up - down) / (up + down), keep)
            if value is not None:
                out["value"] = value
        return out
