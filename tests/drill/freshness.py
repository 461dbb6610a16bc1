"""How long it takes until the newest trades are stored."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import psycopg2

from tests.drill.harm import Done

#: Stored data this much behind the market (s) is not fresh.
_FRESH: Final = 2.0


class Freshness(threading.Thread):
    """How far what is stored lies behind the clock, four times a second: `samples` are (`time.monotonic()`, seconds)."""

    def __init__(self, connect: Callable[[], Any], symbols: Sequence[str]) -> None:
        super().__init__(name="freshness", daemon=True)
        self._connect = connect
        self._symbols = symbols
        self._over = threading.Event()
        self.samples: list[tuple[float, float]] = []

    def run(self) -> None:
        connection: Any = None
        while not self._over.wait(0.25):
            try:
                connection = connection or self._connect()
                with connection, connection.cursor() as cursor:
                    cursor.execute(
                        "SELECT max(extract(epoch FROM (SELECT now() - event_ts FROM trades WHERE exchange = 'BINANCE' AND symbol = s "
                        "ORDER BY event_ts DESC LIMIT 1))) FROM unnest(%s) AS s",
                        [list(self._symbols)],
                    )
                    behind = float(cursor.fetchone()[0])
            except psycopg2.Error:
                if connection is not None:
                    connection.close()
                connection, behind = None, float("inf")
            self.samples.append((time.monotonic(), behind))
        if connection is not None:
            connection.close()

    def stop(self) -> None:
        self._over.set()
        self.join(20)

    def recovery(self, done: Done) -> float:
        """0 when data stayed fresh until something else could have been the reason."""
        after = [(at, behind) for at, behind in self.samples if at >= done.at]
        late = next((at for at, behind in after if behind > _FRESH and at < done.until + 3), None)
        if late is None:
            return 0.0
        fresh = next(
            (at for at, behind in after if at > max(late, done.until) and behind <= _FRESH), self.samples[-1][0]
        )
        return fresh - done.at
