"""Makes library.json and docs/indicator-list.md: `python -m pipeline.indicators.catalogue`.

Names, categories, inputs and parameters are read off the library's functions; outputs, warm-up, units, pane and repainting are
found by trying each on the same random walk: with half of it cut off, with prices doubled, with volume doubled.
"""

import ast
import inspect
import math
import random
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import numpy as np
import pandas as pd

from pipeline.indicators import pandas_engine
from pipeline.indicators.bar import Bar
from pipeline.indicators.registry import Entry, Output, Parameter, Unit, Value, entries

_COLUMNS: Final = ("open_", "high", "low", "close", "volume")
#: Not a parameter of ours: shifts, fills and switches that are the chart's business or the machine's.
_OURS: Final = frozenset(("offset", "talib", "kwargs", "drift", "append_span", "as_dataframe", "asint"))
_BARS: Final = 700
#: Outputs that the page names of each; the candle patterns have sixty.
_LISTED: Final = 8
_HERE: Final = Path(__file__).parent


def introspect() -> list[Entry]:
    """Every indicator that works on the columns of one series."""
    walk = sample()
    found = []
    for category, names in sorted(pandas_engine.CATEGORIES.items()):
        for name in sorted(names):
            entry = _entry(category, name, walk)
            if entry is not None:
                found.append(entry)
    return found


def sample() -> list[Bar]:
    """The same hours of a market every time, tens of thousands like BTC."""
    walk = random.Random(4)
    price, bars = 60_000.0, []
    for n in range(_BARS):
        before = price
        price *= math.exp(walk.gauss(0, 0.01))
        top, bottom = max(before, price), min(before, price)
        bars.append(
            Bar(
                1_704_067_200_000 + n * 3_600_000, before, top * (1 + abs(walk.gauss(0, 0.003))),
                bottom * (1 - abs(walk.gauss(0, 0.003))), price, walk.uniform(1, 100),
            )
        )  # fmt: skip
    return bars


def _entry(category: str, name: str, walk: list[Bar]) -> Entry | None:
    function = pandas_engine.function(name)
    signature = inspect.signature(function).parameters
    inputs = tuple(n for n in signature if n in _COLUMNS)
    others = [
        n for n, p in signature.items() if n not in _COLUMNS and p.default is p.empty and p.kind is not p.VAR_KEYWORD
    ]
    if not inputs or others:
        return None
    fixed = {"as_dataframe": True} if name == "ichimoku" else {}

    def run(bars: list[Bar]) -> pd.DataFrame | None:
        try:
            out = pandas_engine.call(name, pandas_engine.frame(bars), inputs, **fixed)
        except Exception:
            # What cannot be run on an ordinary series is not offered, whatever its reason.
            return None
        if not isinstance(out, pd.DataFrame):
            return None
        out = out.select_dtypes(["number", "bool"]).astype(float)
        return out if len(out) == len(bars) else None

    whole = run(walk)
    if whole is None or whole.empty:
        return None
    dear, busy = (run([_scaled(b, *by) for b in walk]) for by in ((2.0, 1.0), (1.0, 2.0)))
    half = run(walk[: _BARS // 2])
    if dear is None or busy is None:
        return None
    outputs = tuple(
        Output(column, _unit(whole[column], dear.iloc[:, i], busy.iloc[:, i]), _warmup(whole[column]))
        for i, column in enumerate(whole.columns)
    )
    repaints = half is None or any(
        not np.allclose(half.iloc[:, i], whole.iloc[: _BARS // 2, i], rtol=1e-6, equal_nan=True)
        for i in range(min(half.shape[1], whole.shape[1]))
    )
    return Entry(
        name,
        _title(function, name),
        category,
        inputs,
        _parameters(function),
        outputs,
        _pane(whole, outputs, walk),
        repaints,
    )


def _scaled(b: Bar, price: float, volume: float) -> Bar:
    return Bar(b.time, b.open * price, b.high * price, b.low * price, b.close * price, b.volume * volume)


def _unit(plain: pd.Series, dear: pd.Series, busy: pd.Series) -> Unit:
    def grows(other: pd.Series, by: float) -> bool:
        return bool(np.allclose(other, plain * by, rtol=1e-6, atol=1e-12, equal_nan=True))

    moves_with = grows(dear, 2), grows(busy, 2), grows(dear, 1), grows(busy, 1)
    if moves_with[2] and moves_with[3]:
        return "none"
    if moves_with[0] and moves_with[3]:
        return "price"
    return "volume" if moves_with[1] and moves_with[2] else "other"


def _warmup(series: pd.Series) -> int:
    at = np.flatnonzero(np.isfinite(series.to_numpy()))
    return int(at[0]) if len(at) else -1


def _pane(table: pd.DataFrame, outputs: tuple[Output, ...], walk: list[Bar]) -> Literal["overlay", "own"]:
    """Overlay if its prices lie where the candles are."""
    low, high = min(b.low for b in walk), max(b.high for b in walk)
    prices = [output.name for output in outputs if output.unit == "price" and output.warmup >= 0]
    inside = [bool(table[name].dropna().between(low * 0.8, high * 1.2).mean() > 0.9) for name in prices]
    return "overlay" if inside and all(inside) else "own"


def _title(function: Callable[..., Any], name: str) -> str:
    first = (inspect.getdoc(function) or name).strip().splitlines()[0]
    return re.sub(r"^Indicator:\s*|\s*\*beta\*", "", first).strip(" .") or name


def _parameters(function: Callable[..., Any]) -> tuple[Parameter, ...]:
    defaults = _defaults(function)
    out = []
    for name, parameter in inspect.signature(function).parameters.items():
        kind = re.search(r"\b(int|float|bool|str)\b", str(parameter.annotation))
        if name in _COLUMNS or name in _OURS or kind is None:
            continue
        default = parameter.default if parameter.default is not None else defaults.get(name)
        kind_name = kind[1]
        if kind_name == "float" and isinstance(default, int) and not isinstance(default, bool):
            default = float(default)
        out.append(Parameter(name, kind_name, default))  # type: ignore[arg-type]
    return tuple(out)


def _defaults(function: Callable[..., Any]) -> dict[str, Value]:
    """`length = int(length) if length and length > 0 else 14` and `fast = _pos_int(fast, 12)`: the library's two ways to say it."""
    out: dict[str, Value] = {}
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        name, value = node.targets[0].id, node.value
        last: ast.expr | None = None
        if isinstance(value, ast.IfExp):
            last = value.orelse
        elif isinstance(value, ast.Call) and len(value.args) > 1 and isinstance(value.args[0], ast.Name):
            last = value.args[1] if value.args[0].id == name else None
        if isinstance(last, ast.Constant) and isinstance(last.value, int | float | bool | str):
            out.setdefault(name, last.value)
    return out


def page() -> str:
    """docs/indicator-list.md."""
    lines = [
        "# Every indicator that can be shown", "",
        "Made by `python -m pipeline.indicators.catalogue`; not written by hand. Those marked ● are computed on every close, stored and",
        "pushed ([how](indicators.md)); all others on request: `/api/v1/indicators/<name>?symbol=BTC/USDT&length=21`.", "",
        "Unit: what an output grows with. Warm-up: bars before the first value, with the default parameters. Pane: over the candles, or",
        "its own. ↺: a later bar changes values already shown.", "",
    ]  # fmt: skip
    every = entries()
    for category in sorted({entry.category for entry in every.values()}):
        lines += [
            f"## {category.capitalize()}",
            "",
            "| name | | parameters | outputs (unit, warm-up) | pane |",
            "| --- | --- | --- | --- | --- |",
        ]
        for entry in sorted(every.values(), key=lambda e: e.name):
            if entry.category != category:
                continue
            parameters = ", ".join(p.name if p.default is None else f"{p.name} {p.default}" for p in entry.parameters)
            outputs = ", ".join(f"{o.name} ({o.unit}, {o.warmup})" for o in entry.outputs[:_LISTED])
            if len(entry.outputs) > _LISTED:
                outputs += f" and {len(entry.outputs) - _LISTED} more"
            mark = " ●" if entry.streamed else " ↺" if entry.repaints else ""
            lines.append(
                f"| `{entry.name}`{mark} | {entry.title.replace('|', '/')} | {parameters} | {outputs} | {entry.pane} |"
            )
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def library() -> bytes:
    """library.json, an entry a line."""
    return b"[\n" + b",\n".join(msgspec.json.encode(entry) for entry in introspect()) + b"\n]\n"


def main() -> None:
    (_HERE / "library.json").write_bytes(library())
    entries.cache_clear()
    (_HERE.parents[1] / "docs" / "indicator-list.md").write_text(page())


if __name__ == "__main__":
    main()
