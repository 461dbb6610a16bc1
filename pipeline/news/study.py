"""Event study: how prices and volumes moved around articles, by what the articles sounded like. Pure.

It says what was, not why: articles are written about moves as often as they make them, which is why the time before is told too.
"""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

import msgspec

#: Horizon → ms.
HORIZONS: Final[dict[str, int]] = {"5m": 300_000, "1h": 3_600_000, "24h": 86_400_000}
LABELS: Final = ("negative", "neutral", "positive")
#: For 95 %.
_Z: Final = 1.96


class Event(NamedTuple):
    """An article and a coin it names. `prices`: offset (ms, 0 and ± each horizon) → price then; `volumes`: the same → volume between
    the article and then. What is not known is absent."""

    time: int
    score: float
    symbol: str
    prices: Mapping[int, float]
    volumes: Mapping[int, float]


class Finding(msgspec.Struct, frozen=True):
    """Of `articles` (times coins) with a price at both ends. Returns in per cent: `low`…`high` is where the mean would be in 95 of 100
    such samples, None for a single one. `volume` is the median of volume after to volume before."""

    label: str
    horizon: str
    articles: int
    mean: float | None
    low: float | None
    high: float | None
    median: float | None
    rising: float | None
    before: float | None
    volume: float | None


def study(events: Iterable[Event], label: Callable[[float], str]) -> list[Finding]:
    """A finding for each label and horizon, samples of none too."""
    by_label: dict[str, list[Event]] = {name: [] for name in LABELS}
    for event in events:
        by_label[label(event.score)].append(event)
    return [_finding(name, horizon, found) for name, found in by_label.items() for horizon in HORIZONS]


def _finding(name: str, horizon: str, events: list[Event]) -> Finding:
    span = HORIZONS[horizon]
    after, before, volumes = [], [], []
    for event in events:
        then, now, later = event.prices.get(-span), event.prices.get(0), event.prices.get(span)
        if not now or later is None:
            continue
        after.append(100 * (later / now - 1))
        if then:
            before.append(100 * (now / then - 1))
        was, came = event.volumes.get(-span), event.volumes.get(span)
        if was and came is not None:
            volumes.append(came / was)
    mean = statistics.fmean(after) if after else None
    margin = _Z * statistics.stdev(after) / math.sqrt(len(after)) if len(after) > 1 else None
    return Finding(
        name, horizon, len(after), _round(mean),
        _round(mean - margin) if mean is not None and margin is not None else None,
        _round(mean + margin) if mean is not None and margin is not None else None,
        _round(statistics.median(after)) if after else None,
        _round(sum(one > 0 for one in after) / len(after)) if after else None,
        _round(statistics.fmean(before)) if before else None,
        _round(statistics.median(volumes)) if volumes else None,
    )  # fmt: skip


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
