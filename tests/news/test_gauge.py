"""Fear and greed: what moves it, and which way."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.news.gauge import Part, gauge, label, market, sentiment, together

Days = list[tuple[float, float]]


def part(days: Days, name: str) -> float:
    return next(part.value for part in market(days) if part.name == name)


def wavy(count: int = 120) -> list[float]:
    return [100 + 3 * math.sin(n * 1.7) for n in range(count)]


def flat(closes: list[float], volume: float = 10.0) -> Days:
    return [(close, volume) for close in closes]


def test_a_rise_is_greed_and_a_fall_is_fear() -> None:
    up, down = wavy() + [101 * 1.02**n for n in range(10)], wavy() + [101 * 0.98**n for n in range(10)]
    assert part(flat(up), "momentum") == 100 and part(flat(down), "momentum") == 0
    assert part(flat(up), "volume") == 100 and part(flat(down), "volume") == 0


def test_a_storm_is_fear_and_a_calm_is_greed() -> None:
    storm, calm = (
        wavy() + [100 * (1.1 if n % 2 else 0.9) for n in range(8)],
        wavy() + [100 + 0.01 * n for n in range(8)],
    )
    assert part(flat(storm), "volatility") == 0
    assert part(flat(calm), "volatility") == 100


def test_volume_counts_by_the_day_it_came_on() -> None:
    closes = [*wavy(), 100, 101, 100, 101, 100, 101, 100, 101]
    rising = [(close, 90.0 if close == 101 else 10.0) for close in closes]
    falling = [(close, 10.0 if close == 101 else 90.0) for close in closes]
    assert part(rising, "volume") > 80 and part(falling, "volume") < 20


def test_what_is_too_short_to_rank_is_left_out() -> None:
    assert market([]) == []
    assert [part.name for part in market(flat(wavy(30)))] == ["volatility", "volume"]
    assert {part.name for part in market(flat(wavy(60)))} == {"volatility", "momentum", "volume"}


def test_no_news_is_no_part_and_nothing_is_no_gauge() -> None:
    assert sentiment(0.5, 0) is None
    found = sentiment(0.5, 3)
    assert found is not None and found.value == 75
    assert gauge([]) is None


def test_the_gauge_is_the_mean_of_its_parts() -> None:
    found = gauge([Part("a", 20, 0, ""), Part("b", 40, 0, "")])
    assert found is not None and (found.value, found.label) == (30, "fear")


@pytest.mark.parametrize(
    ("value", "name"),
    [(0, "extreme fear"), (25, "fear"), (50, "neutral"), (55, "greed"), (75, "extreme greed"), (100, "extreme greed")],
)
def test_labels(value: float, name: str) -> None:
    assert label(value) == name


def test_together_is_the_mean_of_the_coins() -> None:
    (found,) = together([[Part("volume", 20, 0.1, "x")], [Part("volume", 60, 0.3, "x")]])
    assert (found.value, found.about) == (40, "x, mean of 2 coins")


prices = st.just(0.0) | st.floats(1e-12, 1e12)


@given(st.lists(st.tuples(prices, st.floats(0, 1e12)), max_size=150))
def test_whatever_the_prices_are(days: Days) -> None:
    for found in market(days):
        assert 0 <= found.value <= 100
        assert math.isfinite(found.measured)
