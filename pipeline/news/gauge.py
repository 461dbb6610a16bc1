"""Fear and greed, 0 … 100, of what we know ourselves: the mood of the news, volatility, momentum and volume of daily candles. Pure.

Each part is 0 … 100, and the gauge their mean; a part that has nothing to go by is left out. What is compared with earlier days is
ranked among the last `DAYS` of them: the share of days on which it was lower.
"""

import math
import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import msgspec

#: Days among which a figure is ranked.
DAYS: Final = 90
#: Days of returns in a volatility, and of volume in its direction.
WEEK: Final = 7
#: Days of the mean that momentum is measured from.
MONTH: Final = 30
#: Fewer earlier days than that rank nothing.
_FEWEST: Final = 14
#: Upper ends, and what they are called.
_LABELS: Final = ((25, "extreme fear"), (45, "fear"), (55, "neutral"), (75, "greed"), (math.inf, "extreme greed"))


class Part(msgspec.Struct, frozen=True):
    """`measured` is what `value` was made of, in the unit that `about` names."""

    name: str
    value: float
    measured: float
    about: str


class Gauge(msgspec.Struct, frozen=True):
    value: float
    label: str
    parts: tuple[Part, ...]


def label(value: float) -> str:
    return next(name for end, name in _LABELS if value < end)


def sentiment(mood: float, articles: int) -> Part | None:
    """Of a mood −1 … 1."""
    return Part("sentiment", _hundred((mood + 1) / 2), mood, f"mood of {articles} articles") if articles else None


def market(days: Sequence[tuple[float, float]]) -> list[Part]:
    """Of (close, volume) of daily candles, oldest first, the newest still open or not."""
    closes = [close for close, _ in days]
    returns = [math.log(b) - math.log(a) for a, b in pairwise(closes) if a > 0 and b > 0]
    parts = []
    swings = [statistics.pstdev(returns[n - WEEK : n]) for n in range(WEEK, len(returns) + 1)]
    if (calm := _rank(swings)) is not None:
        parts.append(
            Part("volatility", _hundred(1 - calm), swings[-1] * math.sqrt(365), f"yearly, of the last {WEEK} days")
        )
    means = [statistics.fmean(closes[n - MONTH : n]) for n in range(MONTH, len(closes) + 1)]
    above = [close / mean - 1 for close, mean in zip(closes[MONTH - 1 :], means, strict=True) if mean > 0]
    if (strength := _rank(above)) is not None:
        parts.append(Part("momentum", _hundred(strength), above[-1], f"above the mean of {MONTH} days"))
    week = [
        (volume, math.copysign(1, move) if move else 0.0)
        for (_, volume), move in zip(days[-WEEK:], returns[-WEEK:], strict=False)
    ]
    total = sum(volume for volume, _ in week)
    if len(week) == WEEK and total > 0:
        up = sum(volume * side for volume, side in week) / total
        parts.append(Part("volume", _hundred((up + 1) / 2), up, f"on rising less on falling days, of {WEEK} days"))
    return parts


def gauge(parts: Sequence[Part]) -> Gauge | None:
    if not parts:
        return None
    value = round(statistics.fmean(part.value for part in parts), 1)
    return Gauge(value, label(value), tuple(parts))


def together(parts: Sequence[Sequence[Part]]) -> list[Part]:
    """The market's: each part the mean of that of its coins."""
    by_name: dict[str, list[Part]] = {}
    for of_coin in parts:
        for part in of_coin:
            by_name.setdefault(part.name, []).append(part)
    return [
        Part(
            name, round(statistics.fmean(p.value for p in found), 1), statistics.fmean(p.measured for p in found),
            f"{found[0].about}, mean of {len(found)} coins",
        )
        for name, found in by_name.items()
    ]  # fmt: skip


def _rank(series: Sequence[float]) -> float | None:
    """Of the last among those before it: 0 the lowest, 1 the highest; equals count half."""
    earlier = sorted(series[-DAYS - 1 : -1])
    if len(earlier) < _FEWEST:
        return None
    return (bisect_left(earlier, series[-1]) + bisect_right(earlier, series[-1])) / 2 / len(earlier)


def _hundred(share: float) -> float:
    return round(100 * min(1.0, max(0.0, share)), 1)
