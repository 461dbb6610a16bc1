"""Parabolic stop and reverse (Wilder 1978), started as TA-Lib does: falling if the second bar's low fell by more than its high rose.

The stop moves towards the trend's extreme by `af`, which grows by `af` with every new extreme up to `max_af`; it never enters the
two bars before, and turns round when it is touched.
"""

from pipeline.indicators.bar import Figures
from pipeline.indicators.incremental.base import Indicator, Window


class Psar(Indicator, tag="psar"):
    af: float = 0.02
    max_af: float = 0.2
    falling: bool = False
    stop: float = 0.0
    extreme: float = 0.0
    speed: float = 0.0

    @property
    def warmup(self) -> int:
        return 1

    def step(self, w: Window, keep: bool) -> Figures:
        if w.count < 2:
            return {}
        high, low = w.high[-1], w.low[-1]
        high1, low1 = w.high[-2], w.low[-2]
        if w.count == 2:
            fell = low1 - low
            falling = fell > 0 and fell > high - high1
            stop, extreme, speed = (high1, low, self.af) if falling else (low1, high, self.af)
            high2, low2 = high1, low1
        else:
            falling, stop, extreme, speed = self.falling, self.stop, self.extreme, self.speed
            # TA-Lib does not look back to the first bar.
            back = -3 if w.count > 3 else -2
            high2, low2 = w.high[back], w.low[back]
        stop += speed * (extreme - stop)
        if falling:
            if low < extreme:
                extreme, speed = low, min(speed + self.af, self.max_af)
            stop = max(high1, high2, stop)
            turns = high >= stop
        else:
            if high > extreme:
                extreme, speed = high, min(speed + self.af, self.max_af)
            stop = min(low1, low2, stop)
            turns = low <= stop
        if turns:
            falling = not falling
            stop, speed, extreme = extreme, self.af, (low if falling else high)
        if keep:
            self.falling, self.stop, self.extreme, self.speed = falling, stop, extreme, speed
        if falling:
            return {"value": stop, "value_signal": -1.0, "upper_band": stop}
        return {"value": stop, "value_signal": 1.0, "lower_band": stop}
