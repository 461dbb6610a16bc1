"""Waiting for a server that is away, on an event loop: as `pipeline.retry`, in a thread, for ever."""

import asyncio
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

import psycopg2
import redis
import structlog

from pipeline import metrics
from pipeline.backoff import Backoff
from pipeline.bus.base import BusUnavailable

_AWAY: Final = {psycopg2.Error: "database", redis.RedisError: "redis", BusUnavailable: "bus"}
_P = ParamSpec("_P")
_T = TypeVar("_T")
_log = structlog.get_logger(__name__)


async def patiently(say: Callable[[str], None], call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """What the blocking `call` returns once its server answers; `say` hears why it does not, and "" when it does again."""
    backoff = Backoff(0.2, 5.0)
    failed = False
    while True:
        try:
            answer = await asyncio.to_thread(call, *args, **kwargs)
        except tuple(_AWAY) as error:
            failed = True
            metrics.RETRIES.add(1, next(name for kind, name in _AWAY.items() if isinstance(error, kind)))
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            _log.warning("waiting", error=reason)
            say(reason)
            await asyncio.sleep(backoff.next())
        else:
            if failed:
                say("")
            return answer
