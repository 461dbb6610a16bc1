"""Every indicator over history, by pandas-ta-classic. The one module that imports it.

It computes with TA-Lib where that is installed and asked for; here it never does, so that values do not depend on the machine.

The streamed types are mapped onto the columns of CONTRACT §1 and give what the incremental engine gives (tests/indicators hold both
together). For that the library is helped in three places, none of which touches an ordinary value: prices are scaled by a power of
two (it replaces a range of zero by 2.2e-16, which is no small number where prices are 1e-8), bars before the warm-up are cut off
(its MFI begins a bar early), and a ratio of nothing to nothing gets the value that incremental/ gives it.
"""

import logging
import math
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from pipeline.indicators.bar import Bar, Figures
from pipeline.indicators.incremental import Parameter, make, over, parameters_of

with warnings.catch_warnings():
    # It asks pandas 3 for things under their old names.
    warnings.simplefilter("ignore")
    import pandas_ta_classic as library
    from pandas_ta_classic import Imports

Imports["talib"] = Imports["tulipy"] = False
# It warns of every series that is shorter than a window: here that is an empty answer, and nobody's mistake.
logging.getLogger("pandas_ta_classic").setLevel(logging.ERROR)
#: Category → names, as the library sorts itself.
CATEGORIES: Final[dict[str, list[str]]] = library.Category

#: Prices are brought to this magnitude: far above the library's epsilon, far below any overflow.
_MAGNITUDE: Final = 20
# catch_warnings changes the whole process; two threads in it would restore each other's filters.
_lock = threading.Lock()


class _Mapped(NamedTuple):
    """How a streamed type is computed by the library. `columns`: start of the output's name → figure."""

    function: str
    inputs: tuple[str, ...]
    columns: Mapping[str, str]
    #: Whether its figures are prices, and so follow their scale.
    prices: bool = False
    mend: Callable[[pd.DataFrame, pd.DataFrame, Any], None] | None = None


def frame(bars: Sequence[Bar]) -> pd.DataFrame:
    """Columns open high low close volume; the index is UTC without a zone, as the library's period arithmetic wants it."""
    table = np.array([b[1:] for b in bars], dtype=float).reshape(len(bars), 5)
    index = pd.DatetimeIndex(np.array([b.time for b in bars], dtype="datetime64[ms]"))
    return pd.DataFrame(table, columns=["open", "high", "low", "close", "volume"], index=index)


def call(function: str, source: pd.DataFrame, inputs: Sequence[str], **parameters: Any) -> pd.DataFrame | None:
    """The library's outputs, None when the series is too short for them. `inputs` are its names of the columns."""
    series = {name: source[name.rstrip("_")] for name in inputs}
    with _lock, warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        out = getattr(library, function)(**series, **parameters)
    if out is None:
        return None
    return out.to_frame() if isinstance(out, pd.Series) else out


def function(name: str) -> Callable[..., Any]:
    """The library's own, for the catalogue to look at."""
    found: Callable[..., Any] = getattr(library, name)
    return found


def computed(name: str, inputs: Sequence[str], bars: Sequence[Bar], **parameters: Any) -> list[tuple[int, Figures]]:
    """(time, figures) of any indicator of the library: its outputs under its own names, `value` being the first of them."""
    found = call(name, frame(bars), inputs, **parameters) if bars else None
    if found is None:
        return []
    table = found.reindex(pd.DatetimeIndex(frame(bars).index)).select_dtypes(["number", "bool"]).astype(float)
    if table.empty:
        return []
    table.insert(0, "value", table.iloc[:, 0])
    return rows(bars, table)


def streamed(type_: str, bars: Sequence[Bar], **parameters: Parameter) -> list[tuple[int, Figures]]:
    """(time, figures) of the bars where a streamed type is warm, with its streamed parameters or others of the same names.

    Raises TypeError for a parameter that it has not.
    """
    indicator = make(type_, **parameters)
    if type_ not in _MAP:
        # Support and resistance are our own; PSAR's touch turns the trend in TA-Lib's and Wilder's words, in the library's it does not.
        return over(type_, bars, **parameters)
    if not bars:
        return []
    used = {name: getattr(indicator, name) for name in parameters_of(type_)}
    how = _MAP[type_]
    source = frame(bars)
    peak = float(np.abs(source[["high", "low"]].to_numpy()).max())
    scale = 2.0 ** (_MAGNITUDE - math.frexp(peak)[1]) if peak else 1.0
    source[["open", "high", "low", "close"]] *= scale
    fixed = {"as_dataframe": True} if how.function == "ichimoku" else {}
    if how.function == "donchian":
        used = {"lower_length": used["length"], "upper_length": used["length"]}
    found = call(how.function, source, how.inputs, **used, **fixed)
    if found is None:
        return []
    names = {name: how.columns[name.split("_")[0]] for name in found.columns if name.split("_")[0] in how.columns}
    table = found[list(names)].rename(columns=names).astype(float)
    if how.mend is not None:
        how.mend(table, source, indicator)
    if how.prices:
        keep = [name for name in table.columns if name != "value_signal" or type_ != "supertrend"]
        table[keep] /= scale
    table.iloc[: indicator.warmup] = np.nan
    return rows(bars, table)


def rows(bars: Sequence[Bar], table: pd.DataFrame) -> list[tuple[int, Figures]]:
    """Row by row what is a number; a row without one is left out."""
    values, names = table.to_numpy(dtype=float), list(table.columns)
    fine = np.isfinite(values)
    out = []
    for i in np.flatnonzero(fine.any(axis=1)).tolist():
        out.append((bars[i].time, {n: float(v) for n, v, ok in zip(names, values[i], fine[i], strict=True) if ok}))
    return out


# -- a ratio of nothing to nothing, and what the library leaves open ---------------------------------------------------------


def _middle(neutral: float) -> Callable[[pd.DataFrame, pd.DataFrame, Any], None]:
    def mend(table: pd.DataFrame, source: pd.DataFrame, indicator: Any) -> None:
        table["value"] = table["value"].fillna(neutral)

    return mend


def _mfi(table: pd.DataFrame, source: pd.DataFrame, indicator: Any) -> None:
    typical = (source["high"] + source["low"] + source["close"]) / 3
    flow = (typical * source["volume"]).where(typical.diff() != 0, 0.0).abs()
    # Of the flows, not of the sums: a rolling sum need not come back to zero.
    table.loc[flow.rolling(indicator.length).max() == 0, "value"] = 50.0


def _cci(table: pd.DataFrame, source: pd.DataFrame, indicator: Any) -> None:
    typical = (source["high"] + source["low"] + source["close"]) / 3
    still = typical.rolling(indicator.length).max() == typical.rolling(indicator.length).min()
    table.loc[still, "value"] = 0.0


def _stochastic(table: pd.DataFrame, source: pd.DataFrame, indicator: Any) -> None:
    flat = source["high"].rolling(indicator.k).max() == source["low"].rolling(indicator.k).min()
    if flat.any():
        # The library says 0 there; both averages are linear.
        share = flat.astype(float).rolling(indicator.smooth_k).mean()
        table["value"] += 50 * share
        table["value_signal"] += 50 * share.rolling(indicator.d).mean()


def _vwap(table: pd.DataFrame, source: pd.DataFrame, indicator: Any) -> None:
    typical = (source["high"] + source["low"] + source["close"]) / 3
    days = source.index.normalize()
    traded = source["volume"].groupby(days).cumsum() > 0
    table["value"] = table["value"].where(traded, typical)
    if source.index[0] != days[0]:
        table.loc[days == days[0], "value"] = np.nan


def _sides(table: pd.DataFrame, source: pd.DataFrame, indicator: Any) -> None:
    """Stops below a rising market, above a falling one."""
    table["value"] = table["lower_band"].where(table["lower_band"].notna(), table["upper_band"])
    table["value_signal"] = np.where(
        table["lower_band"].notna(), 1.0, np.where(table["upper_band"].notna(), -1.0, np.nan)
    )


_HLC: Final = ("high", "low", "close")
_MAP: Final[dict[str, _Mapped]] = {
    "rsi": _Mapped("rsi", ("close",), {"RSI": "value"}, mend=_middle(50.0)),
    "macd": _Mapped(
        "macd", ("close",), {"MACD": "value", "MACDs": "value_signal", "MACDh": "value_histogram"}, prices=True
    ),
    "bollinger": _Mapped(
        "bbands", ("close",), {"BBU": "upper_band", "BBM": "middle_band", "BBL": "lower_band"}, prices=True
    ),
    "momentum": _Mapped("mom", ("close",), {"MOM": "value"}, prices=True),
    "sma": _Mapped("sma", ("close",), {"SMA": "value"}, prices=True),
    "ema": _Mapped("ema", ("close",), {"EMA": "value"}, prices=True),
    "vwap": _Mapped("vwap", (*_HLC, "volume"), {"VWAP": "value"}, prices=True, mend=_vwap),
    "atr": _Mapped("atr", _HLC, {"ATRr": "value"}, prices=True),
    "stochastic": _Mapped("stoch", _HLC, {"STOCHk": "value", "STOCHd": "value_signal"}, mend=_stochastic),
    "adx": _Mapped("adx", _HLC, {"ADX": "value", "DMP": "upper_band", "DMN": "lower_band"}),
    "obv": _Mapped("obv", ("close", "volume"), {"OBV": "value"}),
    "supertrend": _Mapped(
        "supertrend", _HLC, {"SUPERTl": "lower_band", "SUPERTs": "upper_band"}, prices=True, mend=_sides
    ),
    "ichimoku": _Mapped(
        "ichimoku", _HLC, {"ITS": "value", "IKS": "value_signal", "ISA": "upper_band", "ISB": "lower_band"}, prices=True
    ),
    "mfi": _Mapped("mfi", (*_HLC, "volume"), {"MFI": "value"}, mend=_mfi),
    "cci": _Mapped("cci", _HLC, {"CCI": "value"}, mend=_cci),
    "williams_r": _Mapped("willr", _HLC, {"WILLR": "value"}, mend=_middle(-50.0)),
    "donchian": _Mapped(
        "donchian", ("high", "low"), {"DCU": "upper_band", "DCM": "middle_band", "DCL": "lower_band"}, prices=True
    ),
    "keltner": _Mapped("kc", _HLC, {"KCUe": "upper_band", "KCBe": "middle_band", "KCLe": "lower_band"}, prices=True),
}
