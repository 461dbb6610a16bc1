"""Klines of the simulator: history that composes, live ones that are the trades, and both in the window where they meet."""

import math
from itertools import groupby, pairwise
from statistics import fmean

import pytest

from pipeline.exchanges.simulator.bars import INTERVALS, MINUTE
from pipeline.exchanges.simulator.exchange import Exchange
from pipeline.exchanges.simulator.history import LEVELS, ORIGIN, Bar, History, combine

START = 1_763_640_612_345  # 12.345 s into a minute
END = START // 1000 * 1000
DAY = 86_400_000


def history(seed: int = 1, trades_a_day: float = 1e6, mean_lots: float = 900.0) -> History:
    return History(seed, "BTCUSDT", 0.026, trades_a_day, mean_lots, END, 6_700_000)


def by_hand(bars: list[Bar]) -> tuple[int, ...]:
    """Composed independently of the code under test."""
    traded = [b for b in bars if b.trades]
    return (
        traded[0].open, max(b.high for b in traded), min(b.low for b in traded), traded[-1].close,
        sum(b.volume for b in bars), sum(b.trades for b in bars), sum(b.buy for b in bars),
    )  # fmt: skip


def brief(bar: Bar) -> tuple[int, ...]:
    return (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.trades, bar.buy)


@pytest.mark.parametrize("trades_a_day", [30.0, 900.0, 2e4, 1e6, 4e9])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_level_is_exactly_composed_of_the_next_finer(trades_a_day: float, seed: int) -> None:
    h = history(seed, trades_a_day)
    checked = 0
    for day in (END // DAY - 1, END // DAY - 1000, ORIGIN // DAY + 5):
        for coarse, fine in pairwise(LEVELS):
            for start in range(day * DAY, day * DAY + 8 * coarse, coarse):
                whole = h.bar(start, start + coarse)
                parts = [h.bar(at, at + fine) for at in range(start, start + coarse, fine)]
                if start + coarse > END:
                    continue
                assert whole is not None and all(parts)
                found = [p for p in parts if p is not None]
                if whole.trades:
                    assert by_hand(found) == brief(whole)
                    checked += 1
                for part in found:
                    assert part.low <= min(part.open, part.close) <= max(part.open, part.close) <= part.high
                    assert part.volume >= part.trades and 0 <= part.buy <= part.volume
                    assert part.trades or part.open == part.high == part.low == part.close
                    assert part.trades != 1 or part.high == part.low
                    assert part.low * part.volume <= part.quote <= part.high * part.volume
    assert checked > 50


def test_history_is_the_same_for_a_seed_whatever_was_asked_before() -> None:
    one, two = history(), history()
    for back in range(1, 50):
        one.bar(END - back * DAY, END - back * DAY + MINUTE)
    at = END // DAY * DAY - 77 * DAY
    assert one.bar(at, at + 60_000) == two.bar(at, at + 60_000)
    assert history(2).bar(at, at + 60_000) != two.bar(at, at + 60_000)


def test_history_ends_where_the_market_begins() -> None:
    h = history()
    last = h.bar(END - 1000, END)
    assert last is not None and last.close == 6_700_000
    assert h.bar(END, END + 1000) is None
    assert h.bar(ORIGIN - DAY, ORIGIN) is None
    # Cut at the start: the part of the running minute that is past.
    part = h.bar(END // MINUTE * MINUTE, END // MINUTE * MINUTE + MINUTE)
    assert part is not None and part.close == 6_700_000
    e = Exchange(9, 400.0, ["BTC/USDT", "ETH/USDT"], START)
    for step in range(1, 100):
        e.advance(step * 10_000.0)
    for voice in e.voices.values():
        before = voice.bars.history.bar(END - 1000, END)
        assert before is not None
        assert abs(voice.market.tape.prices[0] / before.close - 1) < 5e-4


def test_history_has_the_look_of_a_market() -> None:
    h = history()
    end = END // DAY * DAY
    minutes = [
        bar for i in range(3 * 1440) if (bar := h.bar(end - (3 * 1440 - i) * MINUTE, end - (3 * 1440 - i - 1) * MINUTE))
    ]
    moves = [math.log(b.close / a.close) for a, b in pairwise(minutes)]
    sizes = [abs(m) for m in moves]
    mean = fmean(sizes)
    variance = fmean((s - mean) ** 2 for s in sizes)

    def memory(lag: int) -> float:
        return fmean((a - mean) * (b - mean) for a, b in zip(sizes, sizes[lag:], strict=False)) / variance

    # Big moves follow big moves, for an hour and more; and there are more of them than a bell curve has.
    assert memory(1) > 0.1 and memory(30) > 0.03
    second = fmean(m**2 for m in moves)
    assert fmean(m**4 for m in moves) / second**2 > 3.5
    assert 2e-4 < math.sqrt(second) < 3e-3
    days = [bar for i in range(1500) if (bar := h.bar(end - (1500 - i) * DAY, end - (1499 - i) * DAY))]
    assert len({b.close for b in days}) > 1400
    assert max(b.close for b in days) > 1.5 * min(b.close for b in days)
    assert max(b.volume for b in days) > 2 * min(b.volume for b in days)


def test_live_klines_are_exactly_the_trades() -> None:
    e = Exchange(11, 300.0, ["BTC/USDT", "ZEC/BTC"], START)
    for step in range(1, 9001):  # 180 s
        e.advance(step * 20_000.0)
        for voice in e.voices.values():
            voice.bars.read()
    for voice in e.voices.values():
        tape = voice.market.tape
        trades = list(zip(tape.times, tape.prices, tape.lots, tape.buys, strict=True))
        assert len(trades) > 40
        for interval in ("1s", "1m", "5m", "1h"):
            length = INTERVALS[interval]
            got = dict(voice.bars.klines(length, END // length * length, e.now_us // 1000 // length * length))
            windows = {w: list(ts) for w, ts in groupby(trades, lambda t, n=length: t[0] // 1000 // n * n)}
            for window, members in windows.items():
                prices, lots = [t[1] for t in members], [t[2] for t in members]
                live = Bar(
                    prices[0], max(prices), min(prices), prices[-1], sum(lots), len(members),
                    sum(p * q for p, q in zip(prices, lots, strict=True)),
                    sum(t[2] for t in members if t[3]), sum(t[1] * t[2] for t in members if t[3]),
                )  # fmt: skip
                past = voice.bars.history.bar(window, window + length) if window < END else None
                assert got[window] == (combine([past, live]) if past else live)
            close = None
            for window in sorted(got):
                if window not in windows and window >= END and close is not None:
                    assert got[window] == Bar(close, close, close, close, 0, 0, 0, 0, 0)
                close = got[window].close
        first, day = voice.bars.day(e.now_us // 1000)
        minutes = list(voice.bars.klines(MINUTE, first, e.now_us // 1000 // MINUTE * MINUTE))
        assert len(minutes) == 1440
        assert by_hand([bar for _, bar in minutes]) == brief(day)


def test_coarse_klines_over_the_start_are_composed_of_fine_ones() -> None:
    e = Exchange(12, 200.0, ["ETH/USDT"], START)
    for step in range(1, 7001):
        e.advance(step * 20_000.0)
    voice = e.voices["ETHUSDT"]
    voice.bars.read()
    minute = END // MINUTE * MINUTE
    for interval in ("3m", "5m", "15m", "30m", "1h", "2h", "6h", "8h", "12h", "1d", "3d"):
        length = INTERVALS[interval]
        whole = voice.bars.bar(END // length * length, length)
        parts = [
            bar
            for _, bar in voice.bars.klines(MINUTE, END // length * length, END // length * length + length - MINUTE)
        ]
        assert whole is not None and by_hand(parts) == brief(whole)
    seconds = [bar for _, bar in voice.bars.klines(1000, minute, minute + 59_000)]
    whole = voice.bars.bar(minute, MINUTE)
    assert whole is not None and by_hand(seconds) == brief(whole)
