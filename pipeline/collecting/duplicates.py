"""Trades that came twice and were dropped, counted per symbol and hour in Redis, for the ledger."""

from collections.abc import Mapping
from typing import Any, Final

import redis

from pipeline.clock import now_ms

#: Redis hash: `EXCHANGE|SYMBOL|<hour, ms>` → dropped.
KEY: Final = "collector:duplicates"
_HOUR: Final = 3_600_000


class Duplicates:
    def __init__(self, client: Any, exchange: str) -> None:
        self._redis = client
        self._exchange = exchange
        self._noted: dict[str, int] = {}

    def note(self, counts: Mapping[str, int]) -> None:
        """Symbol → dropped since our start. What has come since the last note counts for this hour; best effort."""
        hour = now_ms() // _HOUR * _HOUR
        for symbol, count in counts.items():
            if more := count - self._noted.get(symbol, 0):
                try:
                    self._redis.hincrby(KEY, f"{self._exchange}|{symbol}|{hour}", more)
                except redis.RedisError:
                    return
                self._noted[symbol] = count


def noted(client: Any) -> dict[tuple[str, str, int], int]:
    """(exchange, symbol, hour in ms) → dropped. Raises redis.RedisError."""
    out = {}
    for field, count in client.hgetall(KEY).items():
        exchange, symbol, hour = field.decode().split("|")
        out[exchange, symbol, int(hour)] = int(count)
    return out


def forget(client: Any, before: int) -> None:
    """Drop the counts of hours before `before` (ms). Raises redis.RedisError."""
    if old := [field for field in client.hkeys(KEY) if int(field.rpartition(b"|")[2]) < before]:
        client.hdel(KEY, *old)
