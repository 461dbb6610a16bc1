"""One connection for small statements, shared by threads, made anew after an error."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import psycopg2
from psycopg2.extensions import connection as Connection

from pipeline.metrics import Timer
from pipeline.store.engine import dsn

#: What is counted and tidied in the background takes one core at most: PostgreSQL would use them all, and the writer wait.
_OPTIONS: Final = "-c timezone=UTC -c max_parallel_workers_per_gather=0"


class Session:
    """Raises psycopg2 errors; what raised left nothing behind, and the next transaction connects again."""

    def __init__(self, database_url: str) -> None:
        self._dsn = dsn(database_url)
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """A cursor; durable when left without an exception. One at a time: threads queue."""
        with self._lock:
            if self._connection is None or self._connection.closed:
                self._connection = psycopg2.connect(self._dsn, connect_timeout=5, options=_OPTIONS)
            connection = self._connection
            try:
                with Timer("transaction"), connection, connection.cursor() as cursor:
                    yield cursor
            except psycopg2.Error:
                connection.close()
                raise

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()


def at(ms: int) -> datetime:
    """Unix ms → UTC, exactly."""
    return datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)


def ms(moment: datetime) -> int:
    """UTC → Unix ms."""
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000
