"""What can be shown: the streamed types with their CONTRACT columns, and everything that pandas-ta-classic computes from one series.

The library's part is read from library.json, which `python -m pipeline.indicators.catalogue` makes by looking at the library and
trying it, so that knowing a name costs no import of pandas.
"""

from functools import cache
from importlib.resources import files
from typing import Final, Literal

import msgspec

from pipeline.indicators.incremental import STREAMED, parameters_of

Unit = Literal["price", "volume", "none", "other"]
Value = int | float | bool | str

#: Longer windows are no indicator of anything, and what they need of history is not kept.
LONGEST: Final = 1000


class Parameter(msgspec.Struct, frozen=True):
    """`default` None: the library decides by other parameters, or leaves the thing out."""

    name: str
    kind: Literal["int", "float", "bool", "str"]
    default: Value | None = None


class Output(msgspec.Struct, frozen=True):
    """`unit`: what it grows with, price (quote) or volume (base); none: a ratio, an index or a count; other: none of these.

    `warmup` is the index of the first bar that has it, with the default parameters.
    """

    name: str
    unit: Unit
    warmup: int


class Entry(msgspec.Struct, frozen=True):
    """`pane` overlay: drawn over the candles. `repaints`: a later bar changes earlier values. `inputs` in the library's spelling."""

    name: str
    title: str
    category: str
    inputs: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    outputs: tuple[Output, ...]
    pane: Literal["overlay", "own"]
    repaints: bool = False
    streamed: bool = False


#: Title, outputs (figure, unit, warm-up), pane of the streamed types. The figures' meaning is in docs/indicators.md.
_STREAMED: Final[dict[str, tuple[str, str, tuple[tuple[str, Unit, int], ...], Literal["overlay", "own"]]]] = {
    "rsi": ("Relative strength index", "momentum", (("value", "none", 14),), "own"),
    "macd": (
        "Moving average convergence/divergence",
        "momentum",
        (("value", "price", 25), ("value_signal", "price", 33), ("value_histogram", "price", 33)),
        "own",
    ),
    "bollinger": (
        "Bollinger bands",
        "volatility",
        (("upper_band", "price", 19), ("middle_band", "price", 19), ("lower_band", "price", 19)),
        "overlay",
    ),
    "momentum": ("Momentum", "momentum", (("value", "price", 10),), "own"),
    "support_resistance": (
        "Support and resistance",
        "overlap",
        (
            ("support_level", "price", 14),
            ("resistance_level", "price", 14),
            ("support_strength", "none", 14),
            ("resistance_strength", "none", 14),
        ),
        "overlay",
    ),
    "sma": ("Simple moving average", "overlap", (("value", "price", 19),), "overlay"),
    "ema": ("Exponential moving average", "overlap", (("value", "price", 19),), "overlay"),
    "vwap": ("Volume-weighted average price", "overlap", (("value", "price", 0),), "overlay"),
    "atr": ("Average true range", "volatility", (("value", "price", 14),), "own"),
    "stochastic": ("Slow stochastic", "momentum", (("value", "none", 15), ("value_signal", "none", 17)), "own"),
    "adx": (
        "Average directional index",
        "trend",
        (("value", "none", 27), ("upper_band", "none", 14), ("lower_band", "none", 14)),
        "own",
    ),
    "obv": ("On-balance volume", "volume", (("value", "volume", 0),), "own"),
    "supertrend": (
        "Supertrend",
        "overlap",
        (
            ("value", "price", 10),
            ("value_signal", "none", 10),
            ("upper_band", "price", 10),
            ("lower_band", "price", 10),
        ),
        "overlay",
    ),
    "ichimoku": (
        "Ichimoku cloud",
        "overlap",
        (
            ("value", "price", 8),
            ("value_signal", "price", 25),
            ("upper_band", "price", 51),
            ("lower_band", "price", 77),
        ),
        "overlay",
    ),
    "mfi": ("Money flow index", "volume", (("value", "none", 14),), "own"),
    "cci": ("Commodity channel index", "momentum", (("value", "none", 19),), "own"),
    "williams_r": ("Williams %R", "momentum", (("value", "none", 13),), "own"),
    "donchian": (
        "Donchian channel",
        "volatility",
        (("upper_band", "price", 19), ("middle_band", "price", 19), ("lower_band", "price", 19)),
        "overlay",
    ),
    "keltner": (
        "Keltner channel",
        "volatility",
        (("upper_band", "price", 20), ("middle_band", "price", 20), ("lower_band", "price", 20)),
        "overlay",
    ),
    "psar": (
        "Parabolic stop and reverse",
        "trend",
        (("value", "price", 1), ("value_signal", "none", 1), ("upper_band", "price", 1), ("lower_band", "price", 1)),
        "overlay",
    ),
}


@cache
def entries() -> dict[str, Entry]:
    """Name → entry; a streamed type stands before the library's indicator of the same name."""
    library = msgspec.json.decode(files("pipeline.indicators").joinpath("library.json").read_bytes(), type=list[Entry])
    return {entry.name: entry for entry in (*library, *map(_streamed, STREAMED))}


def _streamed(type_: str) -> Entry:
    title, category, outputs, pane = _STREAMED[type_]
    parameters = tuple(
        Parameter(name, "int" if isinstance(value, int) else "float", value)
        for name, value in parameters_of(type_).items()
    )
    return Entry(
        type_, title, category, ("high", "low", "close", "volume"), parameters, tuple(Output(*each) for each in outputs),
        pane, streamed=True,
    )  # fmt: skip


def parse(entry: Entry, given: dict[str, str]) -> dict[str, Value]:
    """Parameters as typed by a user → as the engine takes them. Raises ValueError with a sentence for them."""
    known = {parameter.name: parameter for parameter in entry.parameters}
    out: dict[str, Value] = {}
    for name, text in given.items():
        if name not in known:
            raise ValueError(f"{name}: {entry.name} has {', '.join(known) or 'no parameters'}.")
        out[name] = _value(known[name], text.strip())
    return out


def _value(parameter: Parameter, text: str) -> Value:
    name = parameter.name
    if parameter.kind == "bool":
        if text.lower() not in ("true", "false", "1", "0"):
            raise ValueError(f"{name}: '{text[:20]}' is neither true nor false.")
        return text.lower() in ("true", "1")
    if parameter.kind == "str":
        if not (text.isascii() and text.isalpha() and len(text) <= 20):
            raise ValueError(f"{name}: '{text[:20]}' is not a word like sma.")
        return text.lower()
    try:
        value = int(text) if parameter.kind == "int" else float(text)
    except ValueError:
        value = 0
    if not 0 < value <= LONGEST:
        whole = "a whole number from 1" if parameter.kind == "int" else "a number above 0 and up"
        raise ValueError(f"{name}: '{text[:20]}' is not {whole} to {LONGEST}.")
    return value
