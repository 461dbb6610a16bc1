"""The exchange's request weight, counted in Redis by all our processes together.

Binance allows an address so much weight a minute, says in each answer how much is used, and bans who goes on after a 429.
So a call is counted before it is made, what the exchange has counted (other programs share our address) is taken over,
and a pause it asks one process for is everybody's.
"""

import asyncio
from typing import Any, Final
from urllib.parse import urlsplit

import redis
import structlog

_log = structlog.get_logger(__name__)

#: Request weight a minute (exchangeInfo says 6000 in 2025).
LIMIT: Final = 6000

# KEYS: pause, count. ARGV: weight, bound. → ms to wait; 0: counted, go. The minute is the server's, one for all of us.
_TAKE: Final = """
local pause = redis.call('PTTL', KEYS[1])
if pause > 0 then return pause end
local now = redis.call('TIME')
local minute = math.floor(now[1] / 60)
local used = 0
if tonumber(redis.call('HGET', KEYS[2], 'minute') or '0') == minute then used = tonumber(redis.call('HGET', KEYS[2], 'used')) end
if used + ARGV[1] > tonumber(ARGV[2]) then return (60 - now[1] % 60) * 1000 end
redis.call('HSET', KEYS[2], 'minute', minute, 'used', used + ARGV[1])
redis.call('EXPIRE', KEYS[2], 120)
return 0
"""
# KEYS: count. ARGV: used, as the exchange counts.
_TOLD: Final = """
local minute = math.floor(redis.call('TIME')[1] / 60)
local known = 0
if tonumber(redis.call('HGET', KEYS[1], 'minute') or '0') == minute then known = tonumber(redis.call('HGET', KEYS[1], 'used')) end
redis.call('HSET', KEYS[1], 'minute', minute, 'used', math.max(known, tonumber(ARGV[1])))
redis.call('EXPIRE', KEYS[1], 120)
"""
# KEYS: pause. ARGV: ms. Never shortened.
_PAUSE: Final = """
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], '1', 'PX', ARGV[1]) end
"""


class Weights:
    """`share` of the limit is the most that may be used, by anybody, when a caller of this one still goes on.

    Who can wait takes a smaller share, so that there is always some left for who cannot. While Redis is away every call goes:
    each process then still keeps to what the exchange says in its own answers.
    """

    def __init__(self, client: Any, base_url: str, share: float) -> None:
        host = urlsplit(base_url).netloc
        self._bound = int(LIMIT * share)
        self._pause = f"weight:{host}:pause"
        self._count = f"weight:{host}"
        self._client = client
        self._take = client.register_script(_TAKE)
        self._told = client.register_script(_TOLD)
        self._pauses = client.register_script(_PAUSE)

    async def take(self, weight: int) -> float:
        """Seconds to wait before trying again; 0.0: counted, go."""
        wait = await self._call(self._take, [self._pause, self._count], [weight, self._bound])
        return (wait or 0) / 1000

    async def told(self, used: int) -> None:
        """The exchange says that so much is used of this minute."""
        await self._call(self._told, [self._count], [used])

    async def pause(self, seconds: float) -> None:
        """The exchange wants no call for so long."""
        await self._call(self._pauses, [self._pause], [max(1, int(seconds * 1000))])

    @staticmethod
    async def _call(script: Any, keys: list[str], args: list[int]) -> Any:
        try:
            return await asyncio.to_thread(script, keys=keys, args=args)
        except redis.RedisError as error:
            _log.warning("request weight not counted", error=str(error))
            return None
