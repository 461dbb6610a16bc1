"""The simulated market itself: repeatable, consecutive, and trades that the book agrees with."""

from collections import Counter
from itertools import pairwise
from statistics import fmean, pstdev

import pytest

from pipeline.errors import SetupError
from pipeline.exchanges.simulator.exchange import Exchange
from pipeline.exchanges.simulator.market import GRID, KEEP, Market
from pipeline.exchanges.simulator.specs import spec_of

START = 1_763_640_012_345
SYMBOLS = ["BTC/USDT", "ETH/USDT", "DOGE/USDT", "ZEC/BTC"]


def market(seed: int = 1, rate: float = 50.0, symbol: str = "BTC/USDT", first_id: int = 1000) -> Market:
    return Market(spec_of(symbol), seed, rate, rate, START * 1000, first_id)


def rows(m: Market) -> list[tuple[int, int, int, int]]:
    return list(zip(m.tape.times, m.tape.prices, m.tape.lots, m.tape.buys, strict=True))


@pytest.mark.parametrize("rate", [2.0, 500.0, 30_000.0])
def test_same_seed_same_market_however_time_is_cut(rate: float) -> None:
    whole, sliced = market(rate=rate), market(rate=rate)
    end = min(20e6, 40_000 / rate * 1e6)
    whole.advance(end)
    at, step = 0.0, 700.0
    while at < end:
        at = min(end, at + step)
        step = step * 1.7 % 33_000 + 1
        sliced.advance(at)
    assert rows(whole) == rows(sliced)
    assert (whole.bids, whole.asks, whole.bid_lots) == (sliced.bids, sliced.asks, sliced.bid_lots)
    assert len(rows(whole)) > 10


def test_another_seed_is_another_market() -> None:
    one, two = market(seed=1), market(seed=2)
    one.advance(5e6)
    two.advance(5e6)
    assert [r[1:] for r in rows(one)] != [r[1:] for r in rows(two)]


def test_start_moves_times_and_ids_and_nothing_else() -> None:
    later = START + 86_400_000
    one, two = (Exchange(4, 200.0, SYMBOLS, start) for start in (START, later))
    for step in range(1, 200):
        one.advance(step * 10_000.0)
        two.advance(step * 10_000.0)
    for name in one.voices:
        a, b = one.voices[name].market.tape, two.voices[name].market.tape
        assert (a.prices, a.lots, a.buys) == (b.prices, b.lots, b.buys)
        assert [t + 86_400_000_000 for t in a.times] == list(b.times)
        assert b.first_id > a.end_id


@pytest.mark.parametrize("symbol", [*SYMBOLS, "PEPE/USDT", "WIF/TRY"])
def test_book_agrees_with_trades_and_is_never_crossed(symbol: str) -> None:
    """Each trade lies where the book was before it, and what it takes is gone from the book after it."""
    m = market(rate=400.0, symbol=symbol)
    steps_of_makers = 0
    seen = 0
    for step in range(1, 3000):
        before_grid, bids, asks = m._grid, dict(m.bid_lots), dict(m.ask_lots)
        best_bid, best_ask = m.bids[-1], m.asks[-1]
        m.advance(step * 1000.0)
        assert 0 < m.bids[-1] < m.asks[-1]
        assert m.bids == sorted(m.bids) and m.asks == sorted(m.asks, reverse=True)
        assert set(m.bids) == set(m.bid_lots) and set(m.asks) == set(m.ask_lots)
        assert min(m.bid_lots.values()) > 0 and min(m.ask_lots.values()) > 0
        new = rows(m)[seen:]
        seen += len(new)
        if m._grid != before_grid:
            steps_of_makers += 1
            continue
        taken: Counter[tuple[int, int]] = Counter()
        for _, price, lots, buy in new:
            assert price >= best_ask if buy else price <= best_bid
            taken[buy, price] += lots
        for (buy, price), lots in taken.items():
            old, now = (asks, m.ask_lots) if buy else (bids, m.bid_lots)
            assert old[price] - lots == now.get(price, 0)
    assert steps_of_makers > 100 and seen > 500


@pytest.mark.parametrize(("rate", "seconds", "within"), [(40.0, 300, 0.12), (3_000.0, 20, 0.12), (100_000.0, 1, 0.05)])
def test_times_never_go_back_and_rate_is_kept(rate: float, seconds: int, within: float) -> None:
    """Over markets: one of them is calm or rough for minutes, except near the top rate."""
    rates = []
    for seed in range(8):
        m = market(seed, rate)
        m.advance(seconds * 1e6)
        assert all(a <= b for a, b in pairwise(m.tape.times))
        rates.append(len(m.tape.times) / seconds)
    assert fmean(rates) == pytest.approx(rate, rel=within)


def test_arrivals_are_clustered_and_sizes_heavy_tailed_and_round() -> None:
    m = market(rate=50.0)
    m.advance(600e6)
    waits = [b - a for a, b in pairwise(dict.fromkeys(m.tape.times))]
    assert pstdev(waits) > 1.3 * fmean(waits)  # 1 for independent arrivals
    lots = list(m.tape.lots)
    assert max(lots) > 20 * fmean(lots)
    round_ones = sum(1 for n in lots if n >= 100 and str(n).rstrip("0").__len__() <= 2)
    assert round_ones > 0.15 * sum(1 for n in lots if n >= 100)


def test_volatility_changes_and_does_not_depend_on_the_rate() -> None:
    def per_second(rate: float, seconds: int) -> list[float]:
        m = market(rate=rate, seed=3)
        prices = []
        for second in range(seconds):
            m.advance(second * 1e6)
            prices.append((m.bids[-1] + m.asks[-1]) / 2)
        return [b / a - 1 for a, b in pairwise(prices)]

    slow, fast = pstdev(per_second(20, 300)), pstdev(per_second(3000, 150))
    assert 0.4 < slow / fast < 2.5
    assert 2e-5 < slow < 4e-4  # the symbol's 2.6 % a day is 9e-5 a second
    moves = [abs(x) for x in per_second(20, 2000)]
    minutes = [fmean(moves[i : i + 60]) for i in range(0, len(moves) - 60, 60)]
    assert max(minutes) > 2 * min(minutes)


def test_rate_changes_at_once_even_for_a_sleeping_symbol() -> None:
    m = market(rate=0.001)
    m.advance(1e6)
    m.set_rate(1000.0, 1000.0)
    m.advance(3e6)
    assert len(m.tape.times) > 500


def test_tape_is_bounded_and_ids_stay_consecutive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.exchanges.simulator.market.KEEP", 1000)
    monkeypatch.setattr("pipeline.exchanges.simulator.market._SLACK", 100)
    m = market(rate=5000.0, first_id=7)
    for step in range(1, 200):
        m.advance(step * 5000.0)
    assert 1000 <= len(m.tape.times) <= 1300
    assert m.tape.first_id > 7
    assert KEEP == 2_000_000
    again = market(rate=5000.0, first_id=7)
    monkeypatch.undo()
    again.advance(199 * 5000.0)
    cut = m.tape.first_id - 7
    assert rows(again)[cut:] == rows(m)
    assert again.tape.end_id == m.tape.end_id


def test_injected_trade_moves_the_book_to_its_price() -> None:
    m = market()
    m.advance(GRID * 10.5)
    price = m.asks[-1] + 500
    at = START * 1000 + int(GRID * 10.5)
    trade_id = m.inject(at, price, 12, True)
    assert trade_id == m.tape.end_id - 1
    assert (m.tape.prices[-1], m.tape.lots[-1], m.tape.times[-1]) == (price, 12, at)
    assert m.bids[-1] < m.asks[-1] == price
    m.advance(5e6)
    assert all(a <= b for a, b in pairwise(m.tape.times))
    assert abs(m.tape.prices[-1] / price - 1) < 0.01


def test_what_cannot_be_served_is_said() -> None:
    with pytest.raises(SetupError, match="'\\?\\?'"):
        Exchange(1, 10.0, ["??"], START)
    with pytest.raises(SetupError):
        Exchange(1, 10.0, [], START)
    with pytest.raises(SetupError):
        Exchange(1, 0.0, ["BTC/USDT"], START)


def test_pause_moves_what_comes_and_changes_none_of_it() -> None:
    plain, paused = (Exchange(5, 500.0, ["BTC/USDT"], START) for _ in range(2))
    for step in range(1, 300):
        plain.advance(step * 10_000.0)
        if step == 100:
            paused.pause(True)
        if step == 150:
            before = paused.now_us
            paused.pause(False)
            assert paused.now_us >= before
        paused.advance(step * 10_000.0)
    a, b = (e.voices["BTCUSDT"].market.tape for e in (plain, paused))
    n = len(b.times)
    assert 0 < n < len(a.times)
    assert a.prices[:n] == b.prices and a.lots[:n] == b.lots
    assert all(x <= y for x, y in pairwise(b.times))
    assert {y - x for x, y in zip(a.times, b.times, strict=False)} == {0, b.times[-1] - a.times[n - 1]}


def test_a_book_stays_at_its_price_however_long_takers_eat_it() -> None:
    # 1300 steps to nothing, and eaten up in a quarter of an hour at this rate.
    market = Market(spec_of("OP/USDT"), seed=7, rate=70, total_rate=5000, epoch=0, first_id=1)
    for second in range(1, 900):
        market.advance(second * 1e6)
        assert (
            market.fair * 0.6 < market.bids[0] < market.bids[-1] < market.asks[-1] < market.asks[0] < market.fair * 1.6
        )
    assert min(market.tape.prices) > market.first_price / 2
    assert max(market.tape.prices) < market.first_price * 2
