"""Waiting for a server that is away: exponential back-off with jitter, for ever, said out loud."""

from collections.abc import Callable
from threading import Event
from typing import ParamSpec, TypeVar

import structlog

from pipeline import metrics
from pipeline.backoff import Backoff

#: Seconds. Long enough not to hammer a server that starts, short enough that nobody waits once it is back.
_FIRST, _LONGEST = 0.2, 5.0

_P = ParamSpec("_P")
_T = TypeVar("_T")
log = structlog.get_logger()


class Stopped(Exception):
    """The stop event was set before the call got through."""


class Retry:
    """Calls a thing until it returns: `retry(subscription.poll, 0.5)`.

    On one of `errors` it says so (log, and `waiting` with the reason), backs off and calls again. Anything else is raised, and
    `Stopped` when `stop` is set first.
    """

    def __init__(
        self,
        what: str,
        errors: type[Exception],
        stop: Event,
        waiting: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self._what = what
        self._errors = errors
        self._stop = stop
        self._waiting = waiting
        metrics.RETRIES.add(0, what)

    def __call__(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        backoff = Backoff(_FIRST, _LONGEST)
        while True:
            try:
                return call(*args, **kwargs)
            except self._errors as error:
                delay = backoff.next()
                metrics.RETRIES.add(1, self._what)
                reason = (str(error).strip() or type(error).__name__).splitlines()[0]
                log.warning("waiting", what=self._what, error=reason, again_in=round(delay, 1))
                self._waiting(f"{self._what}: {reason}")
            if self._stop.wait(delay):
                raise Stopped(self._what)
