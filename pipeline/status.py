"""What each part says of itself: one Redis hash that the page, the doctor and the supervisor read."""

from typing import Final, Literal, cast

import msgspec
import redis

from pipeline.clock import now_ms

KEY: Final = "status"
State = Literal["starting", "running", "waiting", "failing", "finished", "stopped"]


class Status(msgspec.Struct, frozen=True):
    """`waiting` is healthy but held up (why is in `detail`); `failing` keeps dying; `at` is Unix ms."""

    state: State
    detail: str = ""
    at: int = 0
    facts: dict[str, str | int | float | bool] = {}


def report(client: redis.Redis, worker: str, state: State, detail: str = "", **facts: str | int | float | bool) -> None:
    """Say it, best effort: a worker never fails because nobody listens."""
    try:
        client.hset(KEY, worker, msgspec.json.encode(Status(state, detail, now_ms(), facts)))
    except redis.RedisError:
        return


def read_all(client: redis.Redis) -> dict[str, Status]:
    """Every part's newest word. Raises redis.RedisError."""
    stored = cast("dict[bytes, bytes]", client.hgetall(KEY))
    return {name.decode(): msgspec.json.decode(value, type=Status) for name, value in stored.items()}
