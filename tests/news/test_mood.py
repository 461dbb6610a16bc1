"""The mood of a coin: what it must be whatever the articles are, and that the worker keeps it."""

import math
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.model import Article
from pipeline.news.mood import HALF_LIVES, MARKET, PRIOR, REACH, Scored, mood
from pipeline.news.moods import BACK, Moods
from pipeline.timeframes import TIMEFRAMES

HOUR: Final = 3_600_000
NOW: Final = 1_790_000_000_000 // TIMEFRAMES["1d"] * TIMEFRAMES["1d"] + 13 * HOUR
PRIORITIES: Final = {"one": 1, "four": 4}

articles = st.lists(
    st.builds(
        Scored,
        st.integers(NOW - 20 * 24 * HOUR, NOW + HOUR),
        st.sampled_from(["one", "four", "gone"]),
        st.floats(-1, 1),
        st.sampled_from([(), ("btc",), ("eth",), ("btc", "eth")]),
    ),
    max_size=40,
)
timeframes = st.sampled_from(list(HALF_LIVES))


def now(articles: list[Scored], coin: str = "btc", timeframe: str = "1h") -> Any:
    return mood(articles, PRIORITIES, coin, timeframe, NOW // TIMEFRAMES[timeframe] * TIMEFRAMES[timeframe], NOW)


def scored(score: float, age: int = 0, source: str = "one") -> Scored:
    return Scored(NOW - age, source, score, ("btc",))


@given(articles, timeframes)
def test_is_bounded_and_inside_its_interval(articles: list[Scored], timeframe: str) -> None:
    found = now(articles, timeframe=timeframe)
    assert -1 <= found.low <= found.value <= found.high <= 1
    reach = REACH * HALF_LIVES[timeframe]
    assert found.articles == sum("btc" in one.coins and NOW - reach < one.time <= NOW for one in articles)


@given(articles, timeframes, st.randoms())
def test_the_order_of_the_articles_does_not_matter(articles: list[Scored], timeframe: str, random: Any) -> None:
    other = list(articles)
    random.shuffle(other)
    assert now(other, MARKET, timeframe) == now(articles, MARKET, timeframe)


@given(articles, timeframes)
def test_good_news_lifts_and_bad_news_lowers(articles: list[Scored], timeframe: str) -> None:
    was = now(articles, timeframe=timeframe).value
    assert now([*articles, scored(1.0)], timeframe=timeframe).value >= was
    assert now([*articles, scored(-1.0)], timeframe=timeframe).value <= was


def test_nothing_known_is_neutral_and_wide() -> None:
    found = now([])
    assert (found.value, found.articles, found.weight) == (0.0, 0, 0.0)
    assert found.high - found.low > 1.5


def test_the_interval_is_wider_when_articles_are_few() -> None:
    widths = [found.high - found.low for found in (now([scored(0.4)] * count) for count in (1, 3, 10, 100))]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < widths[0] / 4


def test_an_article_has_half_its_weight_after_a_half_life() -> None:
    fresh, old = now([scored(0.8)]), now([scored(0.8, age=HALF_LIVES["1h"])])
    assert (fresh.weight, old.weight) == (1.0, 0.5)
    assert fresh.value == pytest.approx(0.8 / (1 + PRIOR))
    assert old.value == pytest.approx(0.8 * 0.5 / (0.5 + PRIOR), abs=1e-6)


def test_a_source_of_priority_1_weighs_twice_one_of_4() -> None:
    assert now([scored(0.5, source="one")]).weight == 2 * now([scored(0.5, source="four")]).weight
    assert now([scored(0.5), scored(-0.5, source="four")]).value > 0


def test_a_bucket_that_ended_knows_nothing_of_later_articles() -> None:
    start = NOW - 3 * HOUR
    late = scored(1.0, age=HOUR)
    assert mood([late], PRIORITIES, "btc", "1h", start, NOW).articles == 0
    assert mood([late], PRIORITIES, "btc", "1h", NOW - HOUR, NOW).articles == 1


def article(number: int, score: float, age: int = 0) -> Article:
    return Article(NOW - age, "one", f"https://news.example/{number}", f"Title {number}", "", score, ("btc",))


class TestMoods:
    def test_a_new_article_changes_its_buckets_and_those_after(self) -> None:
        moods = Moods(PRIORITIES)
        moods.due(NOW)
        moods.settled()
        moods.take([article(1, 0.9, age=5 * HOUR)])
        due = {(one.coin, one.time) for one in moods.due(NOW) if one.timeframe == "1h"}
        assert due == {(coin, NOW - hours * HOUR) for hours in range(6) for coin in ("btc", MARKET)}

    def test_what_could_not_be_stored_stays_due(self) -> None:
        moods = Moods(PRIORITIES)
        moods.take([article(1, 0.9, age=5 * HOUR)])
        assert moods.due(NOW) == moods.due(NOW)

    def test_articles_that_came_before_the_stored_ones_were_read_count_once(self) -> None:
        late, same = Moods(PRIORITIES), Moods(PRIORITIES, [scored(0.9), scored(0.9), scored(0.1, age=HOUR)])
        late.take([article(1, 0.9), article(2, 0.9)])
        late.know([scored(0.9), scored(0.1, age=HOUR)])
        assert late.due(NOW) == same.due(NOW)

    def test_then_only_the_one_that_lasts_and_the_one_before(self) -> None:
        moods = Moods(PRIORITIES)
        moods.take([article(1, 0.9, age=5 * HOUR)])
        moods.due(NOW)
        moods.settled()
        due = {one.time for one in moods.due(NOW + 60_000) if (one.coin, one.timeframe) == ("btc", "1h")}
        assert due == {NOW, NOW - HOUR}

    def test_an_article_of_last_week_changes_no_more_than_24_buckets(self) -> None:
        moods = Moods(PRIORITIES)
        moods.take([article(1, 0.9, age=6 * 24 * HOUR)])
        due = [one for one in moods.due(NOW) if (one.coin, one.timeframe) == ("btc", "5m")]
        assert len(due) == BACK + 1

    def test_what_is_pushed_is_news(self) -> None:
        moods = Moods(PRIORITIES)
        moods.take([article(1, 0.9)])
        first = moods.news(moods.due(NOW))
        assert len(first) == 2 * len(HALF_LIVES)  # the coin and the market
        assert moods.news(moods.due(NOW + 1000)) == {}
        moods.take([article(2, -0.9)])
        assert len(moods.news(moods.due(NOW + 2000))) == 2 * len(HALF_LIVES)

    def test_a_start_with_what_is_stored_says_the_same(self) -> None:
        old = [scored(0.5, age=3 * HOUR), scored(-0.2, age=30 * HOUR)]
        one, other = Moods(PRIORITIES, old), Moods(PRIORITIES)
        other.take(
            [
                Article(x.time, x.source, f"https://news.example/{n}", "t", "", x.score, x.coins)
                for n, x in enumerate(old)
            ]
        )
        assert one.due(NOW) == other.due(NOW)
        assert all(math.isfinite(found.value) for found in one.due(NOW))
