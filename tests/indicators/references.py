"""Every reference value there is beside ours: `python -m tests.indicators.references FOLDER` prints the table of docs/indicators.md."""

import csv
import gzip
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from pipeline.indicators.bar import Bar
from pipeline.indicators.incremental import over

DAY = 86_400_000
Series = list[float | None]


class Set(NamedTuple):
    """Bars, and columns of reference values beside them."""

    bars: list[Bar]
    columns: dict[str, Series]


class Check(NamedTuple):
    """One figure against one column. `within` is relative to the size of the reference; `tail`: only the last bars must agree."""

    type: str
    parameters: str
    figure: str
    source: str
    set: Callable[[Path], Set]
    column: str
    within: float
    change: Callable[[float, list[Bar], int], float] | None = None
    shift: int = 0
    tail: int | None = None
    why: str = ""


class Result(NamedTuple):
    check: Check
    bars: int
    worst: float
    last: float


def compare(check: Check, folder: Path) -> Result:
    """Largest relative difference over all bars (or the tail), and the one at the last bar."""
    bars, columns = check.set(folder)
    given = {}
    for name, value in re.findall(r"(\w+)=([\d.]+)", check.parameters):
        given[name] = float(value) if "." in value else int(value)
    ours = {time: figures.get(check.figure) for time, figures in over(check.type, bars, **given)}
    reference = columns[check.column]
    size = max(abs(x) for x in reference if x is not None)
    differences = []
    for i in range(len(bars)):
        at = i - check.shift
        mine = ours.get(bars[at].time) if at >= 0 else None
        theirs = reference[i]
        if mine is not None and theirs is not None:
            if check.change is not None:
                mine = check.change(mine, bars, at)
            differences.append(abs(mine - theirs) / max(abs(theirs), size * 1e-3))
    used = differences[-check.tail :] if check.tail else differences
    return Result(check, len(differences), max(used), differences[-1])


def number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


@cache
def rows(path: Path) -> list[dict[str, str]]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
    return list(csv.DictReader(text.splitlines()))


def column(table: list[dict[str, str]], name: str) -> Series:
    return [number(row.get(name)) for row in table]


def bars_of(table: list[dict[str, str]], names: dict[str, str] | None = None, step: int = DAY) -> list[Bar]:
    """Bars a `step` apart from midnight on: dates of markets with weekends and open hours do not matter to any of these."""
    names = names or {}

    def get(row: dict[str, str], name: str) -> float:
        return number(row.get(names.get(name, name))) or 0.0

    return [
        Bar(n * step, get(row, "open"), get(row, "high"), get(row, "low"), get(row, "close"), get(row, "volume"))
        for n, row in enumerate(table)
    ]


def excel(name: str) -> Callable[[Path], Set]:
    def load(folder: Path) -> Set:
        table = rows(folder / "stock_indicators_excel" / f"{name}.csv")
        quotes = rows(folder / "quotes" / "default.csv")
        bars = bars_of(table, step=60_000) if name == "vwap" else bars_of(quotes)
        return Set(bars[: len(table)], {key: column(table, key) for key in table[0]})

    return load


def baseline(name: str) -> Callable[[Path], Set]:
    def load(folder: Path) -> Set:
        table = rows(folder / "stock_indicators_baseline" / f"{name}.csv")
        bars = bars_of(rows(folder / "quotes" / "default.csv"), step=60_000)
        return Set(bars, {key: column(table, key) for key in table[0]})

    return load


def chartschool(name: str) -> Callable[[Path], Set]:
    names = {"open": "Open", "high": "High", "low": "Low", "close": "Close", "volume": "Volume"}

    def load(folder: Path) -> Set:
        table = rows(folder / "ta_stockcharts" / f"cs-{name}.csv")
        if name == "percentr":
            table = [row | {"Close": row["Close"] or row["Low"]} for row in table]
        lower = "high" in table[0]
        return Set(bars_of(table, None if lower else names), {key: column(table, key) for key in table[0] if key})

    return load


def talib(folder: Path) -> Set:
    table = rows(folder / "talib_crypto" / "BTCUSDT_1h_talib.csv.gz")
    return Set(bars_of(table, step=3_600_000), {key: column(table, key) for key in table[0]})


def tulip(name: str, inputs: str) -> Callable[[Path], Set]:
    """A vector of Tulip's: `name options`, then inputs and outputs in braces; `inputs` names them in order by first letters."""

    def load(folder: Path) -> Set:
        text = (folder / "tulip" / "untest.txt").read_text()
        found = re.search(rf"^{re.escape(name)}\s*\n((?:\{{.*\}}\n?)+)", text, re.MULTILINE)
        assert found is not None, name
        lists = [[float(x) for x in line.strip("{} ").split(",")] for line in found[1].strip().splitlines()]
        given = dict(zip(inputs, lists, strict=False))
        count = len(lists[0])
        close = given.get("c") or given["h"]
        bars = [
            Bar(
                n * DAY, close[n], given.get("h", close)[n], given.get("l", close)[n], close[n],
                given["v"][n] if "v" in given else 1.0,
            )
            for n in range(count)
        ]  # fmt: skip
        outputs: dict[str, Series] = {}
        for i, values in enumerate(lists[len(inputs) :]):
            outputs[str(i)] = [None] * (count - len(values)) + list(values)
        return Set(bars, outputs)

    return load


#: Their tables are rounded to so many digits.
_EXACT, _CHART, _TULIP = 1e-9, 2e-4, 5e-4
_SEED = "seeded as TA-Lib does"
_FIRST = "starts at the first volume, as TA-Lib; theirs at 0"


def _less_first(value: float, bars: list[Bar], at: int) -> float:
    return value - bars[0].volume


def checks() -> Iterator[Check]:
    for source, load in (("spreadsheet", excel), ("Stock.Indicators", baseline)):
        sheet = source == "spreadsheet"
        yield Check(
            "sma",
            "length=20",
            "value",
            source,
            load("sma_20_close" if sheet else "sma"),
            "SMA" if sheet else "sma",
            _EXACT,
        )
        yield Check("ema", "length=20", "value", source, load("ema"), "ema", _EXACT)
        yield Check("rsi", "length=14", "value", source, load("rsi"), "RSI(14)" if sheet else "rsi", _EXACT)
        names = ("MACD", "Signal", "Histo") if sheet else ("macd", "signal", "histogram")
        for figure, name in zip(("value", "value_signal", "value_histogram"), names, strict=True):
            yield Check("macd", "fast=12, slow=26, signal=9", figure, source, load("macd"), name, _EXACT)
        names = ("upper", "sma", "lower") if sheet else ("upperBand", "sma", "lowerBand")
        for figure, name in zip(("upper_band", "middle_band", "lower_band"), names, strict=True):
            yield Check(
                "bollinger", "length=20, std=2", figure, source, load("bollingerbands" if sheet else "bb"), name, _EXACT
            )
        names = ("%K", "%D") if sheet else ("oscillator", "signal")
        for figure, name in zip(("value", "value_signal"), names, strict=True):
            load_it = load("stoch_14_3_3" if sheet else "stoch")
            yield Check("stochastic", "k=14, smooth_k=3, d=3", figure, source, load_it, name, _EXACT)
        yield Check("atr", "length=14", "value", source, load("atr"), "ATR" if sheet else "atr", _EXACT)
        names = ("ADX", "+DI14", "-DI14") if sheet else ("adx", "pdi", "mdi")
        for figure, name in zip(("value", "upper_band", "lower_band"), names, strict=True):
            yield Check("adx", "length=14", figure, source, load("adx"), name, _EXACT, tail=50, why=_SEED)
        yield Check("obv", "", "value", source, load("obv"), "obv", _EXACT, _less_first, why=_FIRST)
        names = ("Upper", "Lower") if sheet else ("upperBand", "lowerBand")
        for figure, name in zip(("upper_band", "lower_band"), names, strict=True):
            yield Check(
                "donchian", "length=20", figure, source, load("donchian"), name, _EXACT, shift=1,
                why="this bar is among the 20; theirs are the 20 before it",
            )  # fmt: skip
        parameters = "length=14, multiplier=3.0" if sheet else "length=10, multiplier=3.0"
        name = "SuperTrend" if sheet else "superTrend"
        load_it = load("supertrend_14_3" if sheet else "supertrend")
        yield Check(
            "supertrend",
            parameters,
            "value",
            source,
            load_it,
            name,
            0.01,
            why="on the bar of a flip the new stop starts afresh, as in pandas-ta",
        )
        yield Check("vwap", "", "value", source, load("vwap"), "VWAP" if sheet else "vwap", _EXACT)
    yield Check("momentum", "length=14", "value", "Stock.Indicators", baseline("roc"), "momentum", _EXACT)

    yield Check("rsi", "length=14", "value", "TA-Lib", talib, "RSI_14", _EXACT)
    yield Check("sma", "length=20", "value", "TA-Lib", talib, "SMA_20", _EXACT)
    yield Check("ema", "length=20", "value", "TA-Lib", talib, "EMA_20", _EXACT)
    for figure, name in (("value", "MACD_12_26_9"), ("value_signal", "MACD_signal"), ("value_histogram", "MACD_hist")):
        why = "TA-Lib seeds the fast EMA at bar 25, too"
        yield Check("macd", "fast=12, slow=26, signal=9", figure, "TA-Lib", talib, name, _EXACT, tail=1200, why=why)
    for figure, name in (("upper_band", "BB_upper_20_2"), ("middle_band", "BB_middle"), ("lower_band", "BB_lower")):
        yield Check("bollinger", "length=20, std=2", figure, "TA-Lib", talib, name, _EXACT)
    yield Check("atr", "length=14", "value", "TA-Lib", talib, "ATR_14", _EXACT)
    for figure, name in (("value", "ADX_14"), ("upper_band", "PLUS_DI_14"), ("lower_band", "MINUS_DI_14")):
        yield Check("adx", "length=14", figure, "TA-Lib", talib, name, _EXACT)
    for figure, name in (("value", "STOCH_k_14_3"), ("value_signal", "STOCH_d_3")):
        yield Check("stochastic", "k=14, smooth_k=3, d=3", figure, "TA-Lib", talib, name, _EXACT)
    yield Check("cci", "length=20", "value", "TA-Lib", talib, "CCI_20", _EXACT)
    yield Check("williams_r", "length=14", "value", "TA-Lib", talib, "WILLR_14", _EXACT)
    yield Check("mfi", "length=14", "value", "TA-Lib", talib, "MFI_14", _EXACT)
    yield Check("obv", "", "value", "TA-Lib", talib, "OBV", _EXACT)
    yield Check("momentum", "length=10", "value", "TA-Lib", talib, "MOM_10", _EXACT)
    yield Check("psar", "af=0.02, max_af=0.2", "value", "TA-Lib", talib, "SAR_002_02", _EXACT)

    school = "StockCharts"
    yield Check("cci", "length=20", "value", school, chartschool("cci"), "CCI", 2e-3)
    yield Check("williams_r", "length=14", "value", school, chartschool("percentr"), "Williams_%R", _CHART)
    yield Check("obv", "", "value", school, chartschool("obv"), "OBV", _CHART, _less_first, why=_FIRST)
    for figure, name in (("upper_band", "upper_band"), ("middle_band", "middle_band"), ("lower_band", "lower_band")):
        yield Check(
            "donchian", "length=20", figure, school, chartschool("dc2"), name, _CHART, shift=1, why="theirs: the 20 before this bar"
        )  # fmt: skip
    why = "their first bar has a true range, high − low"
    yield Check("atr", "length=10", "value", school, chartschool("atr2"), "ATR", 0.02, tail=5, why=why)
    for name in ("psar_up", "psar_down"):
        why = "first trend by the second bar's moves, as TA-Lib"
        yield Check("psar", "af=0.02, max_af=0.2", "value", school, chartschool("psar"), name, _CHART, tail=9, why=why)

    yield Check("sma", "length=5", "value", "Tulip", tulip("sma 5", "c"), "0", _TULIP)
    yield Check("rsi", "length=5", "value", "Tulip", tulip("rsi 5", "c"), "0", _TULIP)
    yield Check("momentum", "length=5", "value", "Tulip", tulip("mom 5", "c"), "0", _TULIP)
    for figure, name in (("lower_band", "0"), ("middle_band", "1"), ("upper_band", "2")):
        yield Check("bollinger", "length=5, std=2", figure, "Tulip", tulip("bbands 5 2", "c"), name, _TULIP)
    yield Check("cci", "length=5", "value", "Tulip", tulip("cci 5", "hlc"), "0", _TULIP)
    yield Check("mfi", "length=5", "value", "Tulip", tulip("mfi 5", "hlcv"), "0", _TULIP)
    yield Check("williams_r", "length=5", "value", "Tulip", tulip("willr 5", "hlc"), "0", _TULIP)
    for figure, name in (("value", "0"), ("value_signal", "1")):
        yield Check("stochastic", "k=5, smooth_k=3, d=3", figure, "Tulip", tulip("stoch 5 3 3", "hlc"), name, _TULIP)
    yield Check("obv", "", "value", "Tulip", tulip("obv", "cv"), "0", _TULIP, _less_first, why=_FIRST)
    yield Check("atr", "length=5", "value", "Tulip", tulip("atr 5", "hlc"), "0", 0.05, tail=3, why="as StockCharts")
    yield Check(
        "adx", "length=5", "value", "Tulip", tulip("adx 5", "hl"), "0", 0.3, tail=3, why="15 bars only: seeds show"
    )
    for figure, name in (("upper_band", "0"), ("lower_band", "1")):
        yield Check(
            "adx", "length=5", figure, "Tulip", tulip("di 5", "hlc"), name, 0.3, tail=3, why="15 bars only: seeds show"
        )
    yield Check(
        "ema",
        "length=5",
        "value",
        "Tulip",
        tulip("ema 5", "c"),
        "0",
        0.01,
        tail=3,
        why="theirs starts with the first close",
    )


def shown(worst: float) -> str:
    """So that the table does not depend on the last digits of a machine."""
    return "< 1e-12" if worst < 1e-12 else f"{worst:.0e}"


def lines(folder: Path) -> list[str]:
    out = []
    for check in checks():
        result = compare(check, folder)
        everywhere = compare(check._replace(tail=None), folder).worst
        parameters = check.parameters.replace("=", " ")
        out.append(
            f"| `{check.type}` {check.figure} | {parameters} | {check.source} | {result.bars} | {shown(everywhere)} | "
            f"{shown(result.last)} | {check.why} |"
        )
    return out


if __name__ == "__main__":
    print("\n".join(lines(Path(sys.argv[1]))))
