"""What an indicator is computed from. Floats: indicators are pictures and signals, money stays Decimal (pipeline.model)."""

import math
from typing import Final, NamedTuple

from pipeline.model import Candle

#: Figure of a CONTRACT §1 indicator → its number. Empty while warming up; a figure that is not defined is left out.
Figures = dict[str, float]

#: pipeline.wire lets no price or volume past it; below it no product or sum of an indicator can overflow.
_HUGE: Final = 1e41


class Bar(NamedTuple):
    """One candle; `time` is its window_start in ms."""

    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float


def bar(c: Candle) -> Bar:
    return Bar(c.window_start, float(c.open), float(c.high), float(c.low), float(c.close), float(c.volume))


def usable(b: Bar) -> bool:
    """False for numbers that no market has: they would poison every recursive average for ever."""
    return all(math.isfinite(x) and abs(x) < _HUGE for x in b[1:])
