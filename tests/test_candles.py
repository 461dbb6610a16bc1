"""Candles are a pure function of the set of trades: whatever the order, the repeats and the restarts."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.candles import LATENESS_MS, Series, State
from pipeline.model import Candle, Trade
from pipeline.timeframes import TIMEFRAMES

START = 1_723_161_600_000  # midnight UTC, the start of a window in every timeframe


def trade(order: int, ts: int, price: str = "100", amount: str = "1") -> Trade:
    return Trade("BINANCE", "BTC/USDT", ts, Decimal(price), Decimal(amount), "buy", str(order))


def newest(candles: Iterable[Candle]) -> dict[tuple[str, int], Candle]:
    """What a store keeps: the last word on each window."""
    return {(c.timeframe, c.window_start): c for c in candles}


def naive(trades: list[Trade], until: int) -> dict[tuple[str, int], Candle]:
    """The candles of all windows that end by `until`, the obvious way."""
    out: dict[tuple[str, int], Candle] = {}
    ordered = sorted({t.trade_id: t for t in trades}.values(), key=lambda t: (t.ts, int(t.trade_id)))
    for name, length in TIMEFRAMES.items():
        windows: dict[int, list[Trade]] = {}
        for t in ordered:
            windows.setdefault(t.ts // length * length, []).append(t)
        for start, inside in windows.items():
            if start + length <= until:
                out[name, start] = Candle(
                    "BINANCE", "BTC/USDT", name, start, start + length, inside[0].price, max(t.price for t in inside),
                    min(t.price for t in inside), inside[-1].price, sum((t.amount for t in inside), Decimal(0)), len(inside), True,
                    inside[0].ts, inside[-1].ts, ordered[0].ts < start,
                )  # fmt: skip
    return out


@st.composite
def markets(draw: st.DrawFn) -> list[Trade]:
    """Trades of a few minutes with ids and times that never go back, many on the same millisecond."""
    steps = draw(st.lists(st.sampled_from([0, 0, 1, 7, 400, 2_500, 5_000, 61_000]), min_size=1, max_size=80))
    ts = START + draw(st.integers(0, 90_000))
    out = []
    for order, step in enumerate(steps):
        ts += step
        price = draw(st.integers(1, 10**12))
        amount = draw(st.integers(1, 10**12))
        out.append(trade(1000 + order, ts, str(Decimal(price).scaleb(-8)), str(Decimal(amount).scaleb(-8))))
    return out


@given(markets(), st.randoms(use_true_random=False), st.data())
@settings(max_examples=150, deadline=None)
def test_order_repeats_and_restarts_do_not_change_the_candles(trades: list[Trade], random, data) -> None:
    # Shuffled within what lateness allows, some repeated, the state saved and restored anywhere.
    jitter = data.draw(st.integers(0, 30_000))
    mixed = sorted(trades, key=lambda t: t.ts + random.randint(0, jitter))
    for t in random.sample(trades, len(trades) // 3):
        mixed.insert(random.randint(mixed.index(t) + 1, len(mixed)), t)
    series, out = Series("BINANCE", "BTC/USDT"), []
    for t in mixed:
        series.add(t)
        if random.random() < 0.3:
            out += series.closed()
        if random.random() < 0.1:
            series.forming()
        if random.random() < 0.1:
            series = Series.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(series.save()), type=State))
    out += series.closed()
    assert series.too_late == 0
    clock = max(t.ts for t in trades)
    assert newest(out) == naive(trades, clock)


@given(markets(), st.randoms(use_true_random=False), st.lists(st.integers(1, 9), min_size=1, max_size=5), st.booleans())
@settings(max_examples=150, deadline=None)
def test_many_at_once_are_as_one_by_one(trades: list[Trade], random, sizes: list[int], tangled: bool) -> None:
    arrivals = [*trades, *random.sample(trades, min(len(trades), 3))]
    if tangled:
        for _ in range(4):
            a, b = random.randrange(len(arrivals)), random.randrange(len(arrivals))
            arrivals[a], arrivals[b] = arrivals[b], arrivals[a]
        if random.random() < 0.5:
            del arrivals[random.randrange(len(arrivals))]
    one, many, at = Series("BINANCE", "BTC/USDT"), Series("BINANCE", "BTC/USDT"), 0
    while at < len(arrivals):
        share = arrivals[at : at + sizes[at % len(sizes)]]
        at += len(share)
        counted = [one.add(each) for each in share]
        assert many.extend(share) == any(counted)
        assert many.save() == one.save()
        assert many.closed() == one.closed()
        assert many.forming() == one.forming()


@given(markets(), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_a_restart_replays_to_the_same_candles(trades: list[Trade], at: int) -> None:
    """Killed after any trade, started again from the saved state: together the same as one run."""
    saved = Series("BINANCE", "BTC/USDT")
    for t in trades[:at]:
        saved.add(t)
    early = saved.closed()
    state = msgspec.msgpack.encode(saved.save())
    for t in trades[at:]:  # work that is lost with the process
        saved.add(t)
    saved.closed()
    again = Series.restore(msgspec.msgpack.decode(state, type=State))
    for t in trades[at:]:
        again.add(t)
    assert newest([*early, *again.closed()]) == naive(trades, trades[-1].ts)


def test_forming_candles_follow_every_trade() -> None:
    series = Series("BINANCE", "BTC/USDT")
    series.add(trade(1, START - 1))
    series.add(trade(2, START + 10, "50", "2"))
    series.add(trade(3, START + 5_500, "70", "1"))
    forming = {c.timeframe: c for c in series.forming()}
    assert set(forming) == set(TIMEFRAMES)
    assert (forming["5s"].open, forming["5s"].volume) == (Decimal(70), Decimal(1))
    assert (forming["1m"].open, forming["1m"].low, forming["1m"].close, forming["1m"].volume) == (50, 50, 70, 3)
    assert all(not c.closed and c.complete for c in forming.values())


def test_the_window_in_which_we_began_is_partial_and_the_next_is_whole() -> None:
    series = Series("BINANCE", "BTC/USDT")
    series.add(trade(1, START + 2_000))
    series.add(trade(2, START + 6_000))
    series.add(trade(3, START + 11_000))
    fives = [c for c in series.closed() if c.timeframe == "5s"]
    assert [(c.window_start - START, c.complete) for c in fives] == [(0, False), (5_000, True)]


def test_a_hole_marks_its_windows_until_it_is_filled() -> None:
    series = Series("BINANCE", "BTC/USDT")
    series.add(trade(1, START - 1))
    series.add(trade(2, START + 1_000))
    series.add(trade(5, START + 12_000))  # 3 and 4 are missing, anywhere between
    before = {
        c.window_start - START: c.complete for c in series.closed() if c.timeframe == "5s" and c.window_start >= START
    }
    assert before == {0: False}
    series.add(trade(3, START + 6_000))
    assert {c.window_start - START: c.complete for c in series.closed() if c.timeframe == "5s"} == {5_000: False}
    series.add(trade(4, START + 7_000))
    after = {c.window_start - START: c.complete for c in series.closed() if c.timeframe == "5s"}
    assert after == {0: True, 5_000: True}


def test_a_trade_beyond_lateness_is_counted_not_drawn() -> None:
    series = Series("BINANCE", "BTC/USDT")
    series.add(trade(1, START - 1))
    series.add(trade(3, START + 60_000 + LATENESS_MS))
    series.closed()
    assert not series.add(trade(2, START + 1))
    assert series.too_late == 1
    assert series.closed() == []


def test_a_quiet_market_closes_by_a_ticker_that_has_seen_no_more_than_we() -> None:
    series = Series("BINANCE", "BTC/USDT")
    series.add(trade(1, START + 1))
    series.tick(START + 5_000, "2")  # trade 2 is still on its way to us
    assert series.closed() == []
    series.tick(START + 5_000, "1")
    assert [c.window_start for c in series.closed()] == [START]
    series.add(trade(2, START + 4_999, "300"))  # and yet a late one: given out again, corrected
    assert [(c.high, c.trade_count) for c in series.closed() if c.timeframe == "5s"] == [(Decimal(300), 2)]


def test_a_seed_completes_the_picture_of_the_first_window() -> None:
    series = Series("BINANCE", "BTC/USDT")
    series.add(trade(7, START + 30_000, "100", "1"))
    series.seed(
        Candle("BINANCE", "BTC/USDT", "1m", START, START + 60_000, *map(Decimal, ("80", "120", "70", "100", "41")), 30, False,
               source="historical")
    )  # fmt: skip
    series.add(trade(8, START + 31_000, "130", "2"))
    (minute,) = [c for c in series.forming() if c.timeframe == "1m"]
    assert (minute.open, minute.high, minute.low, minute.close, minute.volume) == (80, 130, 70, 130, 43)
    assert (minute.trade_count, minute.complete) == (31, False)


def test_ids_that_are_no_numbers_are_known_again() -> None:
    series = Series("KRAKEN", "BTC/USD")
    first = Trade("KRAKEN", "BTC/USD", START, Decimal(1), Decimal(1), "buy", "a-b-c")
    assert series.add(first)
    assert not series.add(first)
    assert series.duplicates == 1


def test_nothing_is_given_out_twice_without_a_change() -> None:
    series = Series("BINANCE", "BTC/USDT")
    for order in range(100):
        series.add(trade(order, START + order * 1_000))
    assert series.closed()
    assert series.closed() == []
    series.forming()
    series.tick(START + 99_500, "99")
    assert series.closed() == []
