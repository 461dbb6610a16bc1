"""How often somebody may call, counted in Redis: every web process counts along."""

import time
from typing import Final

import msgspec
import redis
from limits import RateLimitItemPerMinute
from limits.storage import RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter

#: Wrong passwords a minute, of one name and from one address.
_TRIES: Final = RateLimitItemPerMinute(10, namespace="cv:tries")


class Stand(msgspec.Struct, frozen=True):
    """`reset`: seconds until there is room again."""

    allowed: bool
    limit: int
    remaining: int
    reset: int


class Limits:
    """Raises redis.RedisError: who cannot count lets nobody in."""

    def __init__(self, client: redis.Redis, per_minute: int) -> None:
        # The library wraps errors in its own unless told not to; ours become a 503 as any of Redis'.
        storage = RedisStorage("redis://", connection_pool=client.connection_pool)
        self._counter = SlidingWindowCounterRateLimiter(storage)
        self._calls = RateLimitItemPerMinute(per_minute, namespace="cv:calls")

    def call(self, who: str) -> Stand:
        """Count one."""
        allowed = self._counter.hit(self._calls, who)
        stats = self._counter.get_window_stats(self._calls, who)
        return Stand(
            allowed, self._calls.amount, max(0, stats.remaining), max(1, round(stats.reset_time - time.time()))
        )

    def may_try(self, name: str, address: str) -> bool:
        return all(self._counter.test(_TRIES, who) for who in _who(name, address))

    def failed(self, name: str, address: str) -> None:
        for who in _who(name, address):
            self._counter.hit(_TRIES, who)


def _who(name: str, address: str) -> tuple[str, str]:
    return f"name:{name.lower()[:60]}", f"address:{address}"
