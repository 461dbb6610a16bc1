"""Waiting for a server that is away: exponential back-off with jitter, for ever, said out loud."""

import random
from collections.abc import Callable
from threading import Event
from typing import TypeVar

import structlog

_FIRST = 0.1
#: Long enough not to hammer a server that starts, short enough that nobody waits once it is back.
_LONGEST = 5.0

_T = TypeVar("_T")
log = structlog.get_logger()


class Stopped(Exception):  # noqa: N818 - not an error: the worker was asked to stop while it waited
    """The stop event was set before the call got through."""


def until_it_works(
    call: Callable[[], _T],
    *,
    stop: Event,
    what: str,
    errors: tuple[type[Exception], ...],
    waiting: Callable[[str], None] = lambda reason: None,
) -> _T:
    """Call until it returns. On one of `errors`: say so (`waiting`), back off, again. Raises Stopped when `stop` is set first."""
    delay = _FIRST
    while True:
        try:
            return call()
        except errors as error:
            reason = f"{what}: {error}".strip().splitlines()[0]
            log.warning("waiting", what=what, error=str(error), again_in=round(delay, 1))
            waiting(reason)
        if stop.wait(delay * random.uniform(0.7, 1.3)):
            raise Stopped(what)
        delay = min(delay * 2, _LONGEST)
