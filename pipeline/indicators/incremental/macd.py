"""Moving average convergence/divergence (Appel): EMA(fast) - EMA(slow), its own EMA as signal, and the difference of the two."""

from pipeline.indicators.bar import Figures
from pipeline.indicators.incremental.base import Average, Indicator, Window, ema


class Macd(Indicator, tag="macd"):
    fast: int = 12
    slow: int = 26
    signal: int = 9
    quick: Average | None = None
    lazy: Average | None = None
    line: Average | None = None

    @property
    def warmup(self) -> int:
        return self.slow - 1

    def step(self, w: Window, keep: bool) -> Figures:
        if self.quick is None or self.lazy is None or self.line is None:
            self.quick, self.lazy, self.line = ema(self.fast), ema(self.slow), ema(self.signal)
        close = w.close[-1]
        quick = self.quick.step(close, keep)
        lazy = self.lazy.step(close, keep)
        if quick is None or lazy is None:
            return {}
        value = quick - lazy
        signal = self.line.step(value, keep)
        if signal is None:
            return {"value": value}
        return {"value": value, "value_signal": signal, "value_histogram": value - signal}
