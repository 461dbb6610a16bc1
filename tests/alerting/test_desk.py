"""Rules against a stream: each crossing once, whatever the batches, over repeats and restarts, and nothing about the past."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alerting.desk import AGE, NEWS_AGE, Desk
from pipeline.alerting.moves import Bucket
from pipeline.alerting.rules import Condition, Firing, Rule, check
from pipeline.bus.base import Message, Record
from pipeline.bus.topics import NEWS, TRADES, bars, indicators
from pipeline.model import Article, Candle, Indicator, Trade
from pipeline.timeframes import TIMEFRAMES
from pipeline.wire import article_record, bar_record, indicator_record, trade_record

START = 1_723_161_600_000


class Past:
    """A past that is written down."""

    def __init__(
        self, before: float | None = None, usual: Decimal | None = None, buckets: Sequence[Bucket] = ()
    ) -> None:
        self.before, self.usual, self.buckets = before, usual, list(buckets)
        self.asked = 0

    def range(self, exchange: str, symbol: str, span: str) -> list[Bucket]:
        return self.buckets

    def indicator(
        self, exchange: str, symbol: str, timeframe: str, type_: str, figure: str, before: int
    ) -> float | None:
        self.asked += 1
        return self.before

    def volume(self, exchange: str, symbol: str, timeframe: str, before: int, count: int) -> Decimal | None:
        self.asked += 1
        return self.usual


def rule(id_: int = 1, **asked: Any) -> Rule:
    known: dict[str, Any] = {
        "revision": 1,
        "user_id": None,
        "symbol": "BTC/USDT",
        "kind": "price",
        "direction": "cross",
        "value": Decimal(100),
    }
    return Rule(id=id_, **known | {"repeat": "every", "cooldown": 0} | asked)


def trade(n: int, price: int | str, step: int = 1000, symbol: str = "BTC/USDT") -> Trade:
    return Trade("BINANCE", symbol, START + n * step, Decimal(price), Decimal(1), "buy", str(1000 + n))


def message(topic: str, record: Record, partition: int = 0) -> Message:
    return Message(topic, partition, "0", record.key, record.value, record.headers)


def told(trades: Sequence[Trade]) -> list[Message]:
    return [message(TRADES, trade_record(one)) for one in trades]


def desk(*rules: Rule, past: Past | None = None, live: bool = True) -> Desk:
    made = Desk(past or Past(), live)
    made.own(0)
    made.know(rules)
    return made


def seen(firings: Sequence[Firing]) -> list[tuple[int, str, Decimal]]:
    return [(one.rule.id, one.event, one.value) for one in firings]


def expected(rules: Sequence[Rule], trades: Sequence[Trade]) -> set[tuple[int, str]]:
    """The obvious way: every pair of neighbours against every rule."""
    out = set()
    for before, now in pairwise(trades):
        for one in rules:
            up = before.price < one.value <= now.price and one.direction != "below"
            down = before.price > one.value >= now.price and one.direction != "above"
            if up or down:
                out.add((one.id, f"trade {now.trade_id}"))
    return out


PRICES = st.lists(st.integers(96, 104), min_size=2, max_size=60)
RULES = st.lists(
    st.tuples(st.integers(97, 103), st.sampled_from(["cross", "above", "below"])), min_size=1, max_size=8
).map(lambda found: [rule(n, value=Decimal(level), direction=direction) for n, (level, direction) in enumerate(found)])


def _batches(trades: Sequence[Trade], cuts: Sequence[int]) -> list[Sequence[Trade]]:
    places = [0, *sorted(cut % len(trades) for cut in cuts), len(trades)]
    return [trades[a:b] for a, b in pairwise(places)]


@given(prices=PRICES, rules=RULES, cuts=st.lists(st.integers(0, 60), max_size=5), step=st.sampled_from([0, 1000]))
def test_each_crossing_fires_once_whatever_the_batches(
    prices: list[int], rules: list[Rule], cuts: list[int], step: int
) -> None:
    trades = [trade(n, price, step) for n, price in enumerate(prices)]
    one = desk(*rules)
    found = [f for batch in _batches(trades, cuts) for f in one.take(told(batch), START + 60_000)]
    events = [(f.rule.id, f.event) for f in found]
    assert set(events) == expected(rules, trades)
    assert len(events) == len(set(events))
    assert one.take(told(trades), START + 60_000) == [], "told again, nothing happens again"


CHANGES = st.lists(
    st.tuples(st.integers(1, 6), st.sampled_from(["cross", "above", "below"]), st.sampled_from(["5m", "1h"])),
    min_size=1, max_size=4,
).map(
    lambda found: [
        rule(100 + n, kind="change", value=Decimal(size), direction=direction, span=span)
        for n, (size, direction, span) in enumerate(found)
    ]
)  # fmt: skip


@settings(max_examples=150)
@given(prices=PRICES, rules=RULES, changes=CHANGES, saved=st.integers(0, 60), killed=st.integers(0, 60))
def test_a_restart_anywhere_fires_the_same(
    prices: list[int], rules: list[Rule], changes: list[Rule], saved: int, killed: int
) -> None:
    """State was saved at one place, the death came at another, and what lay between is read again."""
    trades = [trade(n, price, 7000) for n, price in enumerate(prices)]
    saved, killed = sorted((saved % len(trades), killed % len(trades)))
    every = [*rules, *changes]
    whole = seen(desk(*every).take(told(trades), START))
    first = desk(*every)
    found = first.take(told(trades[:saved]), START)
    state = first.save(0)
    found += first.take(told(trades[saved:killed]), START)
    second = Desk(Past())
    second.own(0, state)
    second.know(every)
    found += second.take(told(trades[saved:]), START)
    assert set(seen(found)) == set(whole)


@settings(max_examples=150)
@given(prices=PRICES, changes=CHANGES)
def test_changes_are_those_of_the_span(prices: list[int], changes: list[Rule]) -> None:
    trades = [trade(n, price, 20_000) for n, price in enumerate(prices)]
    found = {(f.rule.id, f.event) for f in desk(*changes).take(told(trades), START)}
    right = set()
    for one in changes:
        length = 300_000 if one.span == "5m" else 3_600_000
        bucket = 5_000 if one.span == "5m" else 60_000
        before: bool | None = None
        for now in trades:
            begin = now.ts - now.ts % bucket - length
            window = [t.price for t in trades if t.ts <= now.ts and t.ts - t.ts % bucket > begin]
            rise = now.price * 100 >= min(window) * (100 + one.value) and one.direction != "below"
            fall = now.price * 100 <= max(window) * (100 - one.value) and one.direction != "above"
            if (rise or fall) and before is False:
                right.add((one.id, f"trade {now.trade_id}"))
            before = rise or fall
    assert found == right


def test_a_change_is_measured_from_what_was_before_the_alert() -> None:
    past = Past(buckets=[(START - 60_000, Decimal(90), Decimal(101))])
    one = desk(rule(kind="change", direction="above", value=Decimal(10), span="5m"), past=past)
    assert seen(one.take(told([trade(1, 98), trade(2, "99")]), START)) == [(1, "trade 1002", Decimal("10.0000"))]


def test_once_and_not_too_often_and_not_after_its_end() -> None:
    zigzag = [trade(n, 99 if n % 2 else 101) for n in range(100)]
    once = rule(1, repeat="once")
    slow = rule(2, cooldown=30)
    ended = rule(3, expires=START + 10_000)
    found = desk(once, slow, ended).take(told(zigzag), START)
    assert [f.event for f in found if f.rule.id == 1] == ["trade 1001"]
    assert [(f.time - START) // 1000 for f in found if f.rule.id == 2] == [1, 31, 61, 91]
    assert max(f.time for f in found if f.rule.id == 3) == START + 9_000
    # As the database tells it after a restart.
    again = desk(rule(2, cooldown=30, fired=START + 91_000)).take(told(zigzag), START)
    assert again == []


def test_nothing_fires_for_the_past() -> None:
    step = [trade(0, 99), trade(1, 101)]
    assert desk(rule()).take(told(step), step[1].ts + AGE)
    assert desk(rule()).take(told(step), step[1].ts + AGE + 1) == []
    assert desk(rule(since=step[1].ts + 1)).take(told(step), START) == [], "before it was made"
    assert desk(rule(since=step[1].ts + 1), live=False).take(told(step), step[1].ts + 10 * AGE), (
        "a recording is all past"
    )


def test_rules_that_change_keep_the_last_price() -> None:
    one = desk()
    one.take(told([trade(0, 99), trade(1, 99)]), START)
    one.know([rule(value=Decimal("99.5"))])
    assert seen(one.take(told([trade(2, "99.6")]), START)) == [(1, "trade 1002", Decimal("99.6"))]
    one.know([])
    assert one.take(told([trade(3, 90)]), START) == []


def test_partitions_that_went_elsewhere_are_silent() -> None:
    one = desk(rule())
    one.disown(0)
    assert one.take(told([trade(0, 99), trade(1, 101)]), START) == []


def bar(time: int, figure: float) -> Message:
    return message(indicators("rsi"), indicator_record(Indicator(time, "BTC/USDT", "1h", "rsi", value=figure)))


def test_an_indicator_crosses_on_closed_candles() -> None:
    hour = TIMEFRAMES["1h"]
    asked: dict[str, Any] = {
        "kind": "indicator",
        "direction": "above",
        "value": Decimal(70),
        "timeframe": "1h",
        "indicator": "rsi",
    }
    now = START + hour
    over = desk(rule(**asked, figure="value"), past=Past(before=69.9))
    assert seen(over.take([bar(START, 70.5)], now)) == [(1, f"bar {now}", Decimal("70.5"))]
    assert desk(rule(**asked, figure="value"), past=Past(before=70.1)).take([bar(START, 71.0)], now) == []
    assert desk(rule(**asked, figure="value"), past=Past(before=None)).take([bar(START, 71.0)], now) == []
    other = desk(rule(**asked | {"timeframe": "5m"}, figure="value"), past=Past(before=1.0))
    assert other.take([bar(START, 71.0)], now) == []
    stale = Past(before=1.0)
    assert desk(rule(**asked, figure="value"), past=stale).take([bar(START - hour, 71.0)], now) == []
    assert stale.asked == 0, "history costs no question to the database"


@pytest.mark.parametrize(("volume", "fires"), [("29.9", False), ("30", False), ("30.1", True)])
def test_a_loud_candle(volume: str, fires: bool) -> None:
    price, minute = Decimal(100), TIMEFRAMES["1m"]
    candle = Candle(
        "BINANCE", "BTC/USDT", "1m", START, START + minute, price, price, price, price, Decimal(volume), 5, True
    )
    one = desk(rule(kind="volume", direction="above", value=Decimal(3), timeframe="1m"), past=Past(usual=Decimal(10)))
    found = one.take([message(bars("1m"), bar_record(candle))], START + minute)
    assert seen(found) == ([(1, f"bar {START + minute}", Decimal("3.01"))] if fires else [])


def test_news_of_the_coin_with_a_score() -> None:
    def article(score: float | None, *coins: str, at: int = START) -> Message:
        made = Article(at, "Wire", "https://a.example/1", "Title", "", score, coins)
        return message(NEWS, article_record(made))

    good, bad = (
        rule(1, kind="news", direction="above", value=Decimal("0.5")),
        rule(2, kind="news", direction="below", value=Decimal("-0.5")),
    )

    def ids(one: Message) -> list[int]:
        return [f.rule.id for f in desk(good, bad).take([one], START)]

    assert ids(article(0.5, "btc", "eth")) == [1]
    assert ids(article(-0.7, "btc")) == [2]
    assert ids(article(0.4, "btc")) == ids(article(0.9, "eth")) == ids(article(None, "btc")) == []
    assert ids(article(0.9, "btc", at=START - NEWS_AGE - 1)) == []
    [found] = desk(good).take([article(0.9, "btc")], START + 5)
    assert (found.time, found.article) == (START + 5, {"title": "Title", "url": "https://a.example/1"})


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"kind": "price", "value": Decimal(0)}, "value"),
        ({"kind": "price", "value": Decimal("NaN")}, "value"),
        ({"kind": "price", "value": Decimal("1E+30")}, "value"),
        ({"kind": "price", "value": Decimal(1), "span": "1h"}, "span"),
        ({"kind": "change", "value": Decimal(1), "span": "2h"}, "span"),
        ({"kind": "change", "value": Decimal(100), "span": "1h"}, "value"),
        ({"kind": "indicator", "value": Decimal(1), "timeframe": "1h", "indicator": "nothing", "figure": "value"}, "indicator"),
        ({"kind": "indicator", "value": Decimal(1), "timeframe": "1h", "indicator": "rsi", "figure": "upper_band"}, "figure"),
        ({"kind": "volume", "value": Decimal(1), "timeframe": "1m"}, "direction"),
        ({"kind": "volume", "direction": "above", "value": Decimal(1), "timeframe": "2m"}, "timeframe"),
        ({"kind": "news", "direction": "above", "value": Decimal(2)}, "value"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_by_field(asked: dict[str, Any], field: str) -> None:
    known: dict[str, Any] = {"symbol": "BTC/USDT", "direction": "cross"}
    with pytest.raises(ValueError, match=f"^{field}:"):
        check(Condition(**known | asked))
    check(Condition(**known, kind="price", value=Decimal("65577.87")))
