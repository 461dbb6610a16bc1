"""The laws of the two engines: they agree, nothing is ever NaN, a forming bar changes nothing, state survives, order does not matter."""

import csv
import gzip
import math
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.bus.topics import INDICATOR_TYPES
from pipeline.indicators import pandas_engine
from pipeline.indicators.bar import Bar, Figures
from pipeline.indicators.engine import Engine, restore
from pipeline.indicators.incremental import STREAMED, over
from pipeline.indicators.registry import entries
from pipeline.indicators.series import MEMORY, Saved, Series
from pipeline.model import FIGURES, Candle
from tests.indicators.market import MIDNIGHT, markets, walk

#: Held to TA-Lib (psar) or to their definition: the library has none of the kind. All others are held to the library.
OWN = {
    "psar",
    "support_resistance",
}
LIBRARY = sorted(STREAMED.keys() - OWN)
QUICK = settings(max_examples=10, deadline=None)


def scales(type_: str, bars: list[Bar]) -> dict[str, float]:
    """The size of what goes into each figure: prices for one in units of price, 100 for percents."""
    size = {"price": max(b.high for b in bars), "none": 100.0, "volume": sum(b.volume for b in bars)}
    return {output.name: size[output.unit] for output in entries()[type_].outputs}


def assert_equal(
    type_: str, bars: list[Bar], mine: list[tuple[int, Figures]], theirs: list[tuple[int, Figures]]
) -> None:
    assert [time for time, _ in mine] == [time for time, _ in theirs], type_
    size = scales(type_, bars)
    for (time, a), (_, b) in zip(mine, theirs, strict=True):
        assert a.keys() == b.keys(), (type_, time)
        for figure, value in a.items():
            difference = abs(value - b[figure])
            assert difference <= 1e-9 * max(abs(value), size[figure]), (type_, figure, time, value, b[figure])


def test_every_streamed_type_is_there() -> None:
    assert set(STREAMED) == set(INDICATOR_TYPES)
    bars = walk(1, 300)
    for type_ in STREAMED:
        names = {name for _, figures in over(type_, bars) for name in figures}
        assert names == {output.name for output in entries()[type_].outputs} <= set(FIGURES)


@pytest.mark.parametrize("type_", LIBRARY)
@QUICK
@given(bars=markets())
def test_both_engines_agree(type_: str, bars: list[Bar]) -> None:
    assert_equal(type_, bars, over(type_, bars), pandas_engine.streamed(type_, bars))


@pytest.mark.parametrize(
    ("type_", "parameters"),
    [
        ("rsi", {"length": 21}), ("macd", {"fast": 5, "slow": 35, "signal": 5}), ("bollinger", {"length": 50, "std": 1.5}),
        ("stochastic", {"k": 5, "d": 5, "smooth_k": 1}), ("ichimoku", {"tenkan": 7, "kijun": 22, "senkou": 44}),
        ("supertrend", {"length": 7, "multiplier": 2.0}), ("keltner", {"length": 10, "scalar": 1.5}), ("adx", {"length": 7}),
        ("donchian", {"length": 100}), ("cci", {"length": 100}), ("mfi", {"length": 5}), ("sma", {"length": 200}),
    ],
)  # fmt: skip
def test_both_engines_agree_with_other_parameters(type_: str, parameters: dict[str, float]) -> None:
    bars = walk(5, 400)
    mine = over(type_, bars, **parameters)
    assert mine
    assert_equal(type_, bars, mine, pandas_engine.streamed(type_, bars, **parameters))


@QUICK
@given(bars=markets())
def test_psar_is_talibs(bars: list[Bar]) -> None:
    theirs = talib.SAR(np.array([b.high for b in bars]), np.array([b.low for b in bars]), 0.02, 0.2)
    mine = [figures["value"] for _, figures in over("psar", bars)]
    assert mine == pytest.approx(theirs[1:].tolist(), rel=1e-9)


@QUICK
@given(bars=markets(60, 200))
def test_support_and_resistance_are_their_definition(bars: list[Bar]) -> None:
    """Said a second time, the slow way round."""
    mine = dict(over("support_resistance", bars))
    ranges = dict(over("atr", bars))
    for at in range(len(bars)):
        pivots: list[float] = []
        for known in range(10, at + 1):
            centre, around = bars[known - 5], bars[known - 10 : known + 1]
            before = around[:5]
            if centre.high == max(b.high for b in around) and all(b.high < centre.high for b in before):
                pivots.append(centre.high)
            if centre.low == min(b.low for b in around) and all(b.low > centre.low for b in before):
                pivots.append(centre.low)
        pivots = pivots[-32:]
        figures = mine.get(bars[at].time, {})
        above = [p for p in pivots if p > bars[at].close]
        below = [p for p in pivots if p < bars[at].close]
        atr = ranges.get(bars[at].time)
        if atr is None:
            assert figures == {}
            continue
        assert figures.get("resistance_level") == (min(above) if above else None)
        assert figures.get("support_level") == (max(below) if below else None)
        if below:
            near = [p for p in pivots if abs(p - max(below)) <= 0.5 * atr["value"]]
            assert figures["support_strength"] == len(near)


@QUICK
@given(bars=markets(2, 150), cut=st.integers(0, 150))
def test_state_survives_and_a_forming_bar_leaves_no_trace(bars: list[Bar], cut: int) -> None:
    plain, disturbed = Engine.new(), Engine.new()
    for n, b in enumerate(bars):
        for version in (b._replace(close=b.low, high=b.high * 2), b._replace(volume=b.volume + 1), b):
            formed = disturbed.form(version)
        if n == cut:
            disturbed = restore(disturbed.save())
        expected = plain.close(b)
        assert formed == expected, "forming as it closes"
        assert disturbed.close(b) == expected
    assert disturbed.save() == plain.save()


ODD = {
    "one price": [Bar(MIDNIGHT + n * 60_000, 5.0, 5.0, 5.0, 5.0, 1.0) for n in range(300)],
    "one price, no volume": [Bar(MIDNIGHT + n * 60_000, 5.0, 5.0, 5.0, 5.0, 0.0) for n in range(300)],
    "zeros": [Bar(MIDNIGHT + n * 60_000, 0.0, 0.0, 0.0, 0.0, 0.0) for n in range(300)],
    "tiny": [b._replace(volume=b.volume * 1e-30) for b in walk(2, 300, 1e-30)],
    "huge": [b._replace(volume=b.volume * 1e30) for b in walk(2, 300, 1e30)],
    "a huge one among tiny ones": [
        Bar(MIDNIGHT + n * 60_000, x, x * 1.1, x * 0.9, x, 1.0)
        for n in range(300)
        for x in [1e30 if n == 100 else 1e-8 * (n % 7 + 1)]
    ],
    "halted": [b if n < 100 else Bar(b.time, 7.0, 7.0, 7.0, 7.0, 0.0) for n, b in enumerate(walk(3, 300, 7.0))],
    "short": walk(1, 3),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_series_give_defined_results(name: str) -> None:
    engine = Engine.new()
    for b in ODD[name]:
        for figures in engine.close(b).values():
            assert all(map(math.isfinite, figures.values())), (name, figures)
    for type_ in STREAMED:
        for _, figures in pandas_engine.streamed(type_, ODD[name]):
            assert all(map(math.isfinite, figures.values())), (name, type_, figures)


def test_what_a_standstill_says() -> None:
    engine = Engine.new()
    for b in ODD["one price, no volume"]:
        last = engine.close(b)
    values = {type_: figures.get("value") for type_, figures in last.items()}
    assert {t: values[t] for t in ("rsi", "mfi", "stochastic", "williams_r", "cci", "vwap", "atr", "momentum", "obv")} == {
        "rsi": 50, "mfi": 50, "stochastic": 50, "williams_r": -50, "cci": 0, "vwap": 5, "atr": 0, "momentum": 0, "obv": 0,
    }  # fmt: skip
    assert last["adx"] == {"upper_band": 0, "lower_band": 0}, "no direction, as long as nothing has moved"
    still = ODD["one price, no volume"]
    for type_ in LIBRARY:
        assert_equal(type_, still, over(type_, still), pandas_engine.streamed(type_, still))


def test_a_day_that_was_not_seen_from_midnight_has_no_vwap() -> None:
    late = [b._replace(time=b.time + 12 * 3_600_000) for b in walk(1, 400, step=300_000, flat=0, quiet=0)]
    times = [time for time, _ in over("vwap", late)]
    assert times
    assert times[0] >= MIDNIGHT + 86_400_000
    assert_equal("vwap", late, over("vwap", late), pandas_engine.streamed("vwap", late))


RECORDED = (
    "binance_spot_BTCUSDT_1h_20230101_20240110.csv.gz",
    "binance_spot_SOLUSDT_5m_20260415_20260424.csv.gz",
    "binance_usdm_ALGOUSDT_1m_2024-09.csv.gz",
)


@pytest.mark.parametrize("name", RECORDED)
def test_both_engines_agree_on_recorded_candles(name: str, data_dir: Path) -> None:
    with gzip.open(data_dir / "klines" / name, "rt") as lines:
        table = list(csv.reader(lines))[1:2501]
    bars = [Bar(int(row[0]), *(float(x) for x in row[1:6])) for row in table]
    for type_ in LIBRARY:
        assert_equal(type_, bars, over(type_, bars), pandas_engine.streamed(type_, bars))
    sar = talib.SAR(np.array([b.high for b in bars]), np.array([b.low for b in bars]), 0.02, 0.2)
    assert [figures["value"] for _, figures in over("psar", bars)] == pytest.approx(sar[1:].tolist(), rel=1e-9)


# -- late, repeated and mended candles -------------------------------------------------------------------------------------


def candle(b: Bar, source: str = "live", complete: bool = True) -> Candle:
    return Candle(
        "BINANCE", "BTC/USDT", "5m", b.time, b.time + 300_000, *(Decimal(repr(x)) for x in b[1:]), trade_count=1, closed=True,
        complete=complete, source=source,  # type: ignore[arg-type]
    )  # fmt: skip


def state(series: Series) -> bytes:
    return msgspec.msgpack.encode(series.save())


@QUICK
@given(seed=st.integers(0, 99), count=st.integers(5, 300), data=st.data())
def test_order_and_repeats_do_not_matter(seed: int, count: int, data: st.DataObject) -> None:
    bars = walk(seed, count)
    plain = Series("BINANCE", "BTC/USDT", "5m")
    expected = dict(plain.take(map(candle, bars)))
    # Each bar up to a memory's length late, some twice.
    order = sorted(range(count), key=lambda n: n + data.draw(st.integers(0, MEMORY // 2)))
    order += data.draw(st.lists(st.sampled_from(range(max(0, count - 50), count)), max_size=5))
    series, seen = Series("BINANCE", "BTC/USDT", "5m"), {}
    while order:
        size = data.draw(st.integers(1, 40))
        batch, order = order[:size], order[size:]
        seen |= dict(series.take(candle(bars[n]) for n in batch))
    assert seen == expected
    assert series.last == plain.last
    again = Series.load(msgspec.msgpack.decode(state(series), type=Saved))
    following = bars[-1]._replace(time=bars[-1].time + 300_000)
    assert again.take([candle(following)]) == plain.take([candle(following)])


def test_a_better_candle_mends_its_bar_and_all_after_it() -> None:
    bars = walk(4, 200)
    wrong = bars[150]._replace(close=bars[150].low)
    series = Series("BINANCE", "BTC/USDT", "5m")
    series.take([candle(b) for b in bars[:150]] + [candle(wrong, complete=False)] + [candle(b) for b in bars[151:]])
    mended = series.take([candle(bars[150], source="historical")])
    assert [time for time, _ in mended] == [b.time for b in bars[150:]]
    plain = Series("BINANCE", "BTC/USDT", "5m")
    assert dict(mended) == dict(plain.take([candle(b) for b in bars])[150:])
    assert series.take([candle(wrong, complete=False)]) == [], "a worse one changes nothing"


def test_what_is_older_than_the_memory_is_counted() -> None:
    bars = walk(4, 400)
    series = Series("BINANCE", "BTC/USDT", "5m")
    series.take([candle(b) for b in bars[:10]] + [candle(b) for b in bars[11:]])
    assert series.take([candle(bars[10])]) == []
    assert series.too_late == 1
