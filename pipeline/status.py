"""What each part says of itself: one Redis hash that the page, the doctor and the supervisor read."""

import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Literal, cast

import msgspec
import redis
import structlog

from pipeline import alive, metrics
from pipeline.clock import now_ms

KEY: Final = "status"
#: Seconds after which a step that goes on is told as no progress. What a healthy server needs longest is a checkpoint's second.
NO_PROGRESS: Final = 5.0
#: Seconds after which a worker that speaks every second, and does not, is told to be silent.
SILENT: Final = 10.0
_SPEAK: Final = frozenset(("collector", "candles", "writer", "bridge", "indicators", "alerts", "keeper"))

_log = structlog.get_logger()
State = Literal["starting", "running", "waiting", "failing", "finished", "stopped"]


class Status(msgspec.Struct, frozen=True):
    """`waiting` is healthy but held up (why is in `detail`); `failing` keeps dying; `at` is Unix ms."""

    state: State
    detail: str = ""
    at: int = 0
    facts: dict[str, str | int | float | bool] = {}


def connect(redis_url: str) -> redis.Redis:
    """A client for a worker's words and the live bridge. A server that hangs is as good as away: it raises after 5 s."""
    return redis.Redis.from_url(redis_url, socket_timeout=5.0, socket_connect_timeout=5.0)


def report(client: redis.Redis, worker: str, state: State, detail: str = "", **facts: str | int | float | bool) -> None:
    """Say it, best effort: a worker never fails because nobody listens. Whoever reports makes progress."""
    alive.beat()
    if worker == metrics.worker() and state in ("running", "finished"):
        metrics.PROGRESS.set(now_ms() / 1000)
    _say(client, worker, state, detail, facts)


def _say(
    client: redis.Redis, worker: str, state: State, detail: str, facts: Mapping[str, str | int | float | bool]
) -> None:
    try:
        client.hset(KEY, worker, msgspec.json.encode(Status(state, detail, now_ms(), dict(facts))))
    except redis.RedisError:
        return


def read_all(client: redis.Redis) -> dict[str, Status]:
    """Every part's newest word. Raises redis.RedisError."""
    stored = cast("dict[bytes, bytes]", client.hgetall(KEY))
    said = {name.decode(): msgspec.json.decode(value, type=Status) for name, value in stored.items()}
    return {name: _heard(one) if name in _SPEAK else one for name, one in said.items()}


def _heard(one: Status) -> Status:
    """A worker whose process stands still says nothing of it, and its last word was that it runs."""
    silent = (now_ms() - one.at) / 1000
    if silent < SILENT or one.state not in ("running", "waiting"):
        return one
    return msgspec.structs.replace(
        one, state="waiting", detail=f"no word for {silent:.0f} s; before: {one.detail or one.state}"
    )


class Pulse:
    """Says of a worker that it makes no progress while its loop hangs in one step: a server that takes the question and does not
    answer raises nothing. `with Pulse(…) as pulse`, and `pulse.at("what it does now")` before each step.
    """

    def __init__(self, client: redis.Redis, worker: str, patience: float = NO_PROGRESS) -> None:
        self._client = client
        self._worker = worker
        self._patience = patience
        self._step = ("starting", time.monotonic())
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="pulse", daemon=True)

    def __enter__(self) -> "Pulse":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def at(self, what: str) -> None:
        self._step = (what, time.monotonic())

    def _watch(self) -> None:
        told: tuple[str, float] | None = None
        while not self._over.wait(min(1.0, self._patience)):
            step = self._step
            stuck = time.monotonic() - step[1]
            if stuck < self._patience:
                if told is not None:
                    _log.warning("goes on", part=self._worker, after=told[0])
                told = None
                continue
            if told is None:
                _log.warning("no progress", part=self._worker, step=step[0], seconds=round(stuck))
            told = step
            # Not a report: a loop that hangs is not alive.
            _say(self._client, self._worker, "waiting", f"no progress for {stuck:.0f} s: {step[0]}", {})
