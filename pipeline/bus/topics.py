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
DEADLETTER: Final = "crypto.deadletter"
_BAR_DAYS: Final = {"5s": 3, "1m": 30, "5m": 60, "15m": 90, "1h": 180, "4h": 360, "1d": 730}


def bars(timeframe: str) -> str:
    return f"crypto.aggregated.{timeframe}"


BARS: Final = tuple(bars(timeframe) for timeframe in TIMEFRAMES)

TOPICS: Final[dict[str, Topic]] = {
    topic.name: topic
    for topic in (
        Topic(TRADES, "delete", 48 * HOUR_MS),
        Topic(TICKER, "compact,delete", 3 * DAY_MS),
        *(Topic(bars(timeframe), "compact,delete", days * DAY_MS) for timeframe, days in _BAR_DAYS.items()),
        Topic(DEADLETTER, "delete", 14 * DAY_MS),
    )
}
