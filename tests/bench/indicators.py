"""Closing one bar of many series, all twenty figures: bar by bar, beside the same over a window by pandas-ta and by TA-Lib."""

import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
import talib

from pipeline.indicators import pandas_engine
from pipeline.indicators.engine import Engine, restore
from pipeline.indicators.incremental import STREAMED
from tests.bench.figure import Figure
from tests.indicators.market import walk

SERIES = 1000 * 7
#: Bars that the peers compute anew for each one that closes.
WINDOW = 500
#: Series that the slow way is measured on; the rest would take the same again.
SAMPLE = 40
ROUNDS = 5


def measure() -> Iterator[Figure]:
    bars = walk(1, WINDOW + 1 + ROUNDS)
    warm = Engine.new()
    for b in bars[:WINDOW]:
        warm.close(b)
    state = warm.save()
    engines = [restore(state) for _ in range(SERIES)]
    ours = min(_seconds(lambda b=b: [engine.close(b) for engine in engines]) for b in bars[WINDOW : WINDOW + ROUNDS])

    window = bars[1 : WINDOW + 1]
    slow = SERIES / SAMPLE * _seconds(lambda: [_pandas(window) for _ in range(SAMPLE)])
    each = ours / SERIES * 1e6
    what = f"one bar of a series, all {len(STREAMED)} indicators, of {SERIES} series"
    yield Figure(what, each, "us", f"pandas-ta over {WINDOW} bars", slow / SERIES * 1e6)

    arrays = [np.array([b[n] for b in window], dtype=float) for n in range(1, 6)]
    c = SERIES / 1000 * min(_seconds(lambda: [_talib(*arrays) for _ in range(1000)]) for _ in range(ROUNDS))
    yield Figure(
        "the same", each, "us", f"TA-Lib's C over {WINDOW} bars, its {len(_talib(*arrays))} of them", c / SERIES * 1e6
    )

    engine, moves = engines[0], [bars[-1]._replace(close=bars[-1].close + n % 7) for n in range(2000)]
    times = []
    for b in moves:
        begin = time.perf_counter()
        engine.form(b)
        times.append((time.perf_counter() - begin) * 1e6)
    cuts = statistics.quantiles(times, n=100)
    yield Figure("a forming bar, all of them, p50", cuts[49], "us", note=f"p99 {cuts[98]:.0f}")


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _pandas(window: list) -> list:
    # Two of the twenty are ours alone or not the library's as we define them (docs/indicators.md): they cost it nothing here.
    return [pandas_engine.streamed(type_, window) for type_ in STREAMED if type_ not in ("support_resistance", "psar")]


def _talib(open_: np.ndarray, high: np.ndarray, low: np.ndarray, close: np.ndarray, volume: np.ndarray) -> list:
    """Of the twenty those that TA-Lib has; Donchian and Keltner of its parts."""
    del open_
    return [
        talib.RSI(close, 14), talib.MACD(close, 12, 26, 9), talib.BBANDS(close, 20, 2, 2), talib.MOM(close, 10),
        talib.SMA(close, 20), talib.EMA(close, 20), talib.ATR(high, low, close, 14),
        talib.STOCH(high, low, close, 14, 3, 0, 3, 0),
        (talib.ADX(high, low, close, 14), talib.PLUS_DI(high, low, close, 14), talib.MINUS_DI(high, low, close, 14)),
        talib.OBV(close, volume), talib.MFI(high, low, close, volume, 14), talib.CCI(high, low, close, 20),
        talib.WILLR(high, low, close, 14), (talib.MAX(high, 20), talib.MIN(low, 20)),
        (talib.EMA(close, 20), talib.EMA(talib.TRANGE(high, low, close)[1:], 20)), talib.SAR(high, low, 0.02, 0.2),
    ]  # fmt: skip
