"""The streamed set: every indicator of `topics.INDICATOR_TYPES`, one a file, with the parameters it is streamed with."""

from collections.abc import Iterable
from typing import Any, Final, cast, get_args

from pipeline.indicators.bar import Bar, Figures
from pipeline.indicators.incremental.adx import Adx
from pipeline.indicators.incremental.atr import Atr
from pipeline.indicators.incremental.base import Indicator, Window
from pipeline.indicators.incremental.bollinger import Bollinger
from pipeline.indicators.incremental.cci import Cci
from pipeline.indicators.incremental.donchian import Donchian
from pipeline.indicators.incremental.ema import Ema
from pipeline.indicators.incremental.ichimoku import Ichimoku
from pipeline.indicators.incremental.keltner import Keltner
from pipeline.indicators.incremental.macd import Macd
from pipeline.indicators.incremental.mfi import Mfi
from pipeline.indicators.incremental.momentum import Momentum
from pipeline.indicators.incremental.obv import Obv
from pipeline.indicators.incremental.psar import Psar
from pipeline.indicators.incremental.rsi import Rsi
from pipeline.indicators.incremental.sma import Sma
from pipeline.indicators.incremental.stochastic import Stochastic
from pipeline.indicators.incremental.supertrend import Supertrend
from pipeline.indicators.incremental.support_resistance import SupportResistance
from pipeline.indicators.incremental.vwap import Vwap
from pipeline.indicators.incremental.williams_r import WilliamsR

Streamed = (
    Rsi
    | Macd
    | Bollinger
    | Momentum
    | SupportResistance
    | Sma
    | Ema
    | Vwap
    | Atr
    | Stochastic
    | Adx
    | Obv
    | Supertrend
    | Ichimoku
    | Mfi
    | Cci
    | WilliamsR
    | Donchian
    | Keltner
    | Psar
)

#: Type → class; the defaults of its fields are the streamed parameters.
STREAMED: Final[dict[str, type[Streamed]]] = {class_.__struct_config__.tag: class_ for class_ in get_args(Streamed)}

Parameter = int | float
#: The fields of these classes that are parameters; all others are state.
_PARAMETERS: Final = frozenset(
    (
        "length", "fast", "slow", "signal", "std", "k", "d", "smooth_k", "multiplier", "tenkan", "kijun", "senkou", "scalar",
        "af", "max_af", "span", "memory",
    )
)  # fmt: skip


def make(type_: str, **parameters: Parameter) -> Streamed:
    """A fresh one. Raises TypeError for a parameter that it has not."""
    if strange := parameters.keys() - parameters_of(type_).keys():
        raise TypeError(f"{type_} has no parameter {', '.join(sorted(strange))}")
    class_: Any = STREAMED[type_]
    return cast("Streamed", class_(**parameters))


def over(type_: str, bars: Iterable[Bar], **parameters: Parameter) -> list[tuple[int, Figures]]:
    """One indicator over a stretch of history: (time, figures) of the bars where it is warm."""
    indicator = make(type_, **parameters)
    lengths = [int(getattr(indicator, name)) for name in parameters_of(type_)]
    window = Window(keep=max(64, *(2 * length + 1 for length in lengths), 0))
    out = []
    for b in bars:
        window.put(b)
        figures = indicator.step(window, True)
        window.settle()
        if figures:
            out.append((b.time, figures))
    return out


def parameters_of(type_: str) -> dict[str, Parameter]:
    """Names and streamed values of a type's parameters."""
    class_: Any = STREAMED[type_]
    fields = zip(class_.__struct_fields__, class_.__struct_defaults__, strict=True)
    return {name: value for name, value in fields if name in _PARAMETERS}


__all__ = ["STREAMED", "Indicator", "Parameter", "Streamed", "Window", "make", "over", "parameters_of"]
