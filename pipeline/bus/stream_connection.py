"""One connection to the server that never re-makes itself unseen, and which of its errors mean "away"."""

from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pipeline.bus.base import BusUnavailable

#: Seconds. A server that says nothing for so long is as good as away; it answers anything we ask within a second.
PATIENCE: Final = 10.0

_AWAY: Final = (
    redis.ConnectionError,  # loading and refused log-ins are among them
    redis.TimeoutError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.MasterDownError,
)
#: Replies for which redis-py has no class: the disk of the append-only file is full, a script holds the server up, a replica lacks.
_AWAY_WORDS: Final = ("MISCONF", "BUSY ", "NOREPLICAS", "OOM ")


def unavailable(error: redis.RedisError) -> BusUnavailable | None:
    """The error as the bus says it, None when waiting would not help (a bug, a key of another type)."""
    if isinstance(error, _AWAY) or str(error).startswith(_AWAY_WORDS):
        return BusUnavailable(str(error) or type(error).__name__)
    return None


class StreamConnection:
    """A connection with an identity: `{server run}:{client id}`, which no other connection ever has.

    Whoever asks the server for its clients learns from it whether the holder lives. A connection that fails in any way is dropped;
    the next `open` gives another identity. Replies come raw (RESP2, bytes). One thread.
    """

    def __init__(self, url: str, name: str) -> None:
        # Only to read the URL: connections are made by hand, so that none is made again behind our back.
        self._pool = redis.ConnectionPool.from_url(
            url,
            protocol=2,
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            retry=Retry(NoBackoff(), 0),
            client_name=name,
        )
        self._raw: Any = None
        self.identity: str | None = None

    def open(self) -> str:
        """Connect if need be; the identity. Raises BusUnavailable."""
        if self.identity is None:
            try:
                self._raw = self._pool.make_connection()
                self._raw.connect()
            except redis.RedisError as error:
                self.drop()
                raise unavailable(error) or error from error
            # Ids start again when the server does; its run does not come back.
            facts = dict(line.split(b":", 1) for line in self.call("INFO", "server").split(b"\r\n") if b":" in line)
            self.identity = f"{facts[b'run_id'].decode()}:{self.call('CLIENT', 'ID')}"
        return self.identity

    def call(self, *command: str | bytes | int) -> Any:
        """The raw reply. Raises BusUnavailable; a reply that is an error leaves the connection as it is, anything else drops it."""
        if self._raw is None:
            raise BusUnavailable("not connected")
        try:
            self._raw.send_command(*command)
            return self._raw.read_response(disconnect_on_error=True)
        except redis.ResponseError as error:
            raise unavailable(error) or error from error
        except redis.RedisError as error:
            self.drop()
            raise unavailable(error) or error from error
        except BaseException:
            # A reply may still be on its way, for whoever asks next.
            self.drop()
            raise

    def alive(self, identities: list[str]) -> set[str]:
        """Which of these are connected at this moment. Raises BusUnavailable."""
        run = self.open().split(":")[0]
        ids = [identity.split(":")[1] for identity in identities if identity.split(":")[0] == run]
        if not ids:
            return set()
        lines = self.call("CLIENT", "LIST", "ID", *ids).decode().splitlines()
        return {f"{run}:{line.split()[0].removeprefix('id=')}" for line in lines if line}

    def drop(self) -> None:
        raw, self._raw, self.identity = self._raw, None, None
        if raw is not None:
            raw.disconnect()
