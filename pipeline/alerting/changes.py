"""Tells the workers that rules have changed: a number in Redis, raised when it can be read in the database, not before."""

from typing import Final

import redis

KEY: Final = "alerts:generation"


def changed(client: redis.Redis) -> None:
    """Best effort: without it the workers look again by themselves, some seconds later."""
    try:
        client.incr(KEY)
    except redis.RedisError:
        return


def generation(client: redis.Redis) -> int:
    """Raises redis.RedisError."""
    return int(client.get(KEY) or 0)
