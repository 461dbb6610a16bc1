"""The contract of an incremental indicator, and the averages that several share.

An indicator is a mutable msgspec struct: its fields are its parameters and its whole state, so saving it is encoding it.
`step(window, keep)` computes the figures of the window's last bar from that state. With `keep` the bar is closed and the state
moves on; without, nothing changes, so a forming bar is computed again as often as it moves. The cost does not depend on how long
the series is; window sums are taken anew over the last `length` values, for a running sum drifts, and loses everything after a
huge value has passed through it.

`warmup` is the index of the first bar that has a figure. Nothing is raised; what is undefined is left out.
"""

import msgspec

from pipeline.indicators.bar import Bar, Figures


class Window(msgspec.Struct, array_like=True):
    """The newest bars of a series, newest last, and what many indicators need of each: typical price and true range.

    `count` is the number of bars ever put in; the lists hold at least the last `keep` of them.
    """

    keep: int = 64
    count: int = 0
    forming: bool = False
    time: int = -1
    high: list[float] = msgspec.field(default_factory=list)
    low: list[float] = msgspec.field(default_factory=list)
    close: list[float] = msgspec.field(default_factory=list)
    volume: list[float] = msgspec.field(default_factory=list)
    typical: list[float] = msgspec.field(default_factory=list)
    true_range: list[float] = msgspec.field(default_factory=list)

    def put(self, b: Bar) -> None:
        """Make `b` the last bar: in place of the forming one if there is one."""
        close = self.close
        if self.forming:
            # In place: cheaper than taking the last one off six lists.
            before = close[-2] if len(close) > 1 else None
            self.high[-1], self.low[-1], close[-1], self.volume[-1] = b.high, b.low, b.close, b.volume
            self.typical[-1] = (b.high + b.low + b.close) / 3
            self.true_range[-1] = _true_range(b, before)
        else:
            before = close[-1] if close else None
            if len(close) >= 2 * self.keep:
                for each in (self.high, self.low, close, self.volume, self.typical, self.true_range):
                    del each[: self.keep]
            self.high.append(b.high)
            self.low.append(b.low)
            close.append(b.close)
            self.volume.append(b.volume)
            self.typical.append((b.high + b.low + b.close) / 3)
            self.true_range.append(_true_range(b, before))
            self.count += 1
            self.forming = True
        self.time = b.time

    def settle(self) -> None:
        """The last bar is closed."""
        self.forming = False


def _true_range(b: Bar, before: float | None) -> float:
    """Wilder's: the bar's range, stretched to the close before it. Undefined on the first bar: indicators do not use that one."""
    if before is None:
        return b.high - b.low
    high = b.high if b.high > before else before
    low = b.low if b.low < before else before
    return high - low


class Average(msgspec.Struct, array_like=True):
    """An exponential average that starts with the plain mean of its first `length` values.

    `factor` is the weight of a new value: 2/(length+1) for an EMA, 1/length for Wilder's.
    """

    length: int
    factor: float
    count: int = 0
    value: float = 0.0

    def step(self, x: float, keep: bool) -> float | None:
        if self.count >= self.length:
            value = self.value + self.factor * (x - self.value)
            if keep:
                self.value = value
            return value
        # `value` holds the sum until there are enough.
        total = self.value + x
        full = self.count + 1 == self.length
        if keep:
            self.count += 1
            self.value = total / self.length if full else total
        return total / self.length if full else None


def ema(length: int) -> Average:
    return Average(length, 2 / (length + 1))


def wilder(length: int) -> Average:
    return Average(length, 1 / length)


class Indicator(msgspec.Struct, array_like=True):
    """Base of all; a subclass is tagged with its type."""

    def step(self, w: Window, keep: bool) -> Figures:
        raise NotImplementedError

    @property
    def warmup(self) -> int:
        raise NotImplementedError
