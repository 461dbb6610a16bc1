"""The seven timeframes and their windows. All windows start at a multiple of their length since the Unix epoch (UTC)."""

from typing import Final

SECOND: Final = 1000
MINUTE: Final = 60 * SECOND

#: Timeframe → length in milliseconds, finest first. Each divides the next, so a window is made of whole windows of the one before.
TIMEFRAMES: Final[dict[str, int]] = {
    "5s": 5 * SECOND,
    "1m": MINUTE,
    "5m": 5 * MINUTE,
    "15m": 15 * MINUTE,
    "1h": 60 * MINUTE,
    "4h": 240 * MINUTE,
    "1d": 1440 * MINUTE,
}


def window_start(ts: int, length: int) -> int:
    """Start (ms) of the window of `length` ms that holds the instant `ts` (ms)."""
    return ts - ts % length
