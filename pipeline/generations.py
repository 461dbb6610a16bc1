"""Which stored series have changed: a number each in Redis, raised after every write of its candles.

What is cached of a series is kept with the number that was read before the database was; another number now means that it may be old.
"""

from collections.abc import Iterable
from typing import Final

import redis

KEY: Final = "cache:generations"


def series(exchange: str, symbol: str, timeframe: str) -> str:
    return f"{exchange}|{symbol}|{timeframe}"


class Generations:
    """The writing side. While Redis is away the changes are remembered, and told when it is back."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._untold: set[str] = set()

    def changed(self, names: Iterable[str]) -> None:
        """Call when it can be read, not before."""
        self._untold.update(names)
        if not self._untold:
            return
        pipeline = self._redis.pipeline(transaction=False)
        for name in self._untold:
            pipeline.hincrby(KEY, name, 1)
        try:
            pipeline.execute()
        except redis.RedisError:
            return
        self._untold.clear()
