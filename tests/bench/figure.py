"""What a bench yields."""

import msgspec


class Figure(msgspec.Struct, frozen=True, omit_defaults=True):
    """`value` and `baseline` in `unit`; the baseline is of `beside`, measured in the same run. `least` and `most` are aims.

    `parts`: what the value is the sum of.
    """

    what: str
    value: float
    unit: str
    beside: str = ""
    baseline: float | None = None
    note: str = ""
    least: float | None = None
    most: float | None = None
    parts: dict[str, float] = {}

    @property
    def ratio(self) -> float | None:
        return None if self.baseline is None else self.value / self.baseline

    @property
    def times(self) -> str:
        """The ratio as it is written; "" without a baseline."""
        ratio = self.ratio
        if ratio is None:
            return ""
        return f"1/{1 / ratio:,.0f} ×" if 0 < ratio < 0.01 else f"{ratio:.2f} ×"

    @property
    def aim(self) -> str:
        """ "" without one."""
        if self.least is not None:
            return f"at least {spelled(self.least)} {self.unit}"
        return "" if self.most is None else f"at most {spelled(self.most)} {self.unit}"

    @property
    def met(self) -> bool:
        """Whether it reaches its aim; without one it does."""
        return (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)

    def __str__(self) -> str:
        beside = f"   {self.times} {self.beside} ({spelled(self.baseline)} {self.unit})" if self.times else ""
        aim = f"   {self.aim}: {'met' if self.met else 'NOT MET'}" if self.aim else ""
        return f"{self.what:<64} {spelled(self.value):>10} {self.unit}{beside}{aim}   {self.remark}".rstrip()

    @property
    def remark(self) -> str:
        parts = ", ".join(f"{name} {spelled(value)}" for name, value in self.parts.items())
        return "; ".join(filter(None, (self.note, parts)))


def spelled(value: float | None) -> str:
    """Three digits that count, or all before the point."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
