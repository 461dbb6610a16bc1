"""Trades that stay missing, on their way from the collector to the table `gaps`.

The collector has no database. It leaves word in Redis, and the keeper takes it from there.
"""

import asyncio
from collections import deque
from typing import Any, Final

import msgspec
import redis
import structlog

_log = structlog.get_logger(__name__)

#: Redis list, oldest first.
KEY: Final = "collector:gaps"


class LostTrades(msgspec.Struct, frozen=True):
    """Ids `first_id`…`last_id`, both included; `start` and `end` (ms) are the times of the trades on either side."""

    exchange: str
    symbol: str
    first_id: int
    last_id: int
    start: int
    end: int
    reason: str


class GapNotes:
    def __init__(self, client: Any) -> None:
        self._redis = client
        self._pending: deque[LostTrades] = deque()

    async def add(self, lost: LostTrades) -> None:
        """Note it; while Redis is away, as soon as it is back (`flush`)."""
        self._pending.append(lost)
        await self.flush()

    async def flush(self) -> None:
        while self._pending:
            lost = self._pending[0]
            try:
                await asyncio.to_thread(self._redis.rpush, KEY, msgspec.json.encode(lost))
            except redis.RedisError as error:
                _log.warning("a gap is not noted yet", error=str(error))
                return
            if self._pending and self._pending[0] is lost:
                self._pending.popleft()


def noted(client: Any, count: int) -> list[LostTrades]:
    """The oldest notes, at most `count`. Raises redis.RedisError."""
    return [msgspec.json.decode(note, type=LostTrades) for note in client.lrange(KEY, 0, count - 1)]


def taken(client: Any, count: int) -> None:
    """The oldest `count` notes are in the database. Raises redis.RedisError."""
    client.ltrim(KEY, count, -1)
