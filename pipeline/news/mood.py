"""Scored articles → the mood of a coin at an instant: weighted by source, fading with time, with an interval. Pure.

    w(a)   = s(a) · 2^(−age / half-life)        s: 1/√priority of the source, so that priority 1 weighs twice as much as 4
    value  = Σ w·score / (Σ w + PRIOR)          nothing known is 0, and one article alone is not the mood
    n_eff  = (Σ w)² / Σ w²                      how many articles of one weight these are worth
    ±      = Z · √(variance / (n_eff + PRIOR))  variance: of the scores and the prior's SPREAD², as if PRIOR articles had it

The half-life is that of the bucket (`HALF_LIVES`): the mood of five minutes is that of the last hours, of a day that of days.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import msgspec

from pipeline.model import Article
from pipeline.timeframes import TIMEFRAMES

#: The token of the series of all articles.
MARKET: Final = "market"
_HOUR: Final = 3_600_000
#: Bucket → half-life of an article's weight in it, ms. Never shorter than the time in which prices answer to news.
HALF_LIVES: Final[dict[str, int]] = {
    "5m": 2 * _HOUR,
    "15m": 3 * _HOUR,
    "1h": 6 * _HOUR,
    "4h": 12 * _HOUR,
    "1d": 24 * _HOUR,
}
#: After so many half-lives an article has less than a thousandth of its weight: left out.
REACH: Final = 10
#: Articles of neutral news that are always there: a coin with one article has half its score.
PRIOR: Final = 1.0
#: Standard deviation of headlines' scores, on the labelled ones.
SPREAD: Final = 0.45
#: For 95 %.
_Z: Final = 1.96
#: Priority of a source that is no longer configured.
_UNKNOWN: Final = 5


class Mood(msgspec.Struct, frozen=True):
    """At `time` (ms, the end of nothing: the start of its bucket). `low`…`high` is where 95 of 100 such values lie; `articles` those
    within reach, `weight` what they weigh together."""

    time: int
    coin: str
    timeframe: str
    value: float
    low: float
    high: float
    articles: int
    weight: float


class Scored(NamedTuple):
    """What the mood needs of an article."""

    time: int
    source: str
    score: float
    coins: tuple[str, ...]


def scored(article: Article) -> Scored | None:
    if article.sentiment_score is None:
        return None
    return Scored(article.time, article.source, article.sentiment_score, article.symbols)


def mood(
    articles: Iterable[Scored], priorities: Mapping[str, int], coin: str, timeframe: str, start: int, now: int
) -> Mood:
    """Of the bucket that begins at `start`, as it is at its end or, while it lasts, at `now`: later articles are not looked at."""
    at = min(start + TIMEFRAMES[timeframe], now)
    half_life = HALF_LIVES[timeframe]
    oldest = at - REACH * half_life
    weights: list[tuple[float, float]] = []
    for one in articles:
        if oldest < one.time <= at and (coin == MARKET or coin in one.coins):
            source = 1 / math.sqrt(priorities.get(one.source, _UNKNOWN))
            weights.append((source * 2.0 ** ((one.time - at) / half_life), one.score))
    total = math.fsum(w for w, _ in weights)
    value = math.fsum(w * score for w, score in weights) / (total + PRIOR)
    squares = math.fsum(w * w for w, _ in weights)
    # Of weights near nothing the squares vanish first.
    effective = total * total / squares if squares > 0 else 0.0
    scatter = math.fsum(w * (score - value) ** 2 for w, score in weights)
    variance = (scatter + PRIOR * SPREAD**2) / (total + PRIOR)
    # Fresh articles speak louder than old ones: both their number and their weight hold the interval together.
    margin = _Z * math.sqrt(variance / (min(effective, total) + PRIOR))
    low, high = max(-1.0, value - margin), min(1.0, value + margin)
    return Mood(start, coin, timeframe, round(value, 6), round(low, 6), round(high, 6), len(weights), round(total, 6))
