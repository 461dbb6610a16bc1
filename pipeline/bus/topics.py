"""The topics of CONTRACT §1: names, retention, cleanup."""

from typing import Final, NamedTuple

from pipeline.timeframes import TIMEFRAMES

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS


class Topic(NamedTuple):
    name: str
    cleanup: str
    retention_ms: int


TRADES: Final = "crypto.raw.trades"
TICKER: Final = "crypto.ticker"
NEWS: Final = "crypto.news"
DEADLETTER: Final = "crypto.deadletter"
_BAR_DAYS: Final = {"5s": 3, "1m": 30, "5m": 60, "15m": 90, "1h": 180, "4h": 360, "1d": 730}


def bars(timeframe: str) -> str:
    return f"crypto.aggregated.{timeframe}"


#: The indicators that are computed on every close, stored and streamed; any other is computed when asked for.
INDICATOR_TYPES: Final = (
    "rsi",
    "macd",
    "bollinger",
    "momentum",
    "support_resistance",
    "sma",
    "ema",
    "vwap",
    "atr",
    "stochastic",
    "adx",
    "obv",
    "supertrend",
    "ichimoku",
    "mfi",
    "cci",
    "williams_r",
    "donchian",
    "keltner",
    "psar",
)


def indicators(type_: str) -> str:
    return f"crypto.indicators.{type_}"


INDICATORS: Final = tuple(indicators(type_) for type_ in INDICATOR_TYPES)
BARS: Final = tuple(bars(timeframe) for timeframe in TIMEFRAMES)

TOPICS: Final[dict[str, Topic]] = {
    topic.name: topic
    for topic in (
        Topic(TRADES, "delete", 48 * HOUR_MS),
        Topic(TICKER, "compact,delete", 3 * DAY_MS),
        *(Topic(bars(timeframe), "compact,delete", days * DAY_MS) for timeframe, days in _BAR_DAYS.items()),
        *(Topic(name, "compact,delete", 30 * DAY_MS) for name in INDICATORS),
        Topic(NEWS, "delete", 7 * DAY_MS),
        Topic(DEADLETTER, "delete", 14 * DAY_MS),
    )
}
