"""Keeps the ledger of quality: counts the running hour and the one before, and every hour that changed since."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pipeline.collecting import duplicates
from pipeline.keeping.backfill import KEPT
from pipeline.store.quality import Ledger
from pipeline.store.session import at, ms

_HOUR: Final = timedelta(hours=1)
#: How far back a start looks for hours that were not counted: repairs reach no further.
_BACK: Final = timedelta(hours=48)
#: A commit may be as much older than its row's visibility; counting an hour again does no harm.
_OVERLAP: Final = timedelta(minutes=1)
#: Share of the time that counting may take: an hour of a flood is millions of rows.
_DUTY: Final = 0.05
#: Seconds between two looks at most: a database that hung for 20 s in the middle of one (found by the drill) says nothing of how
#: long counting takes, and kept the ledger silent for seven minutes.
_PAUSE: Final = 60.0


class Keeping:
    """Blocking; raises psycopg2 errors and redis.RedisError, and may then be called again."""

    def __init__(
        self,
        ledger: Ledger,
        client: Any,
        exchange: str,
        changed: Callable[[datetime, datetime], object] = lambda first, last: None,
    ) -> None:
        """`changed` hears the first and the last hour before the running one that repairs changed."""
        self._ledger = ledger
        self._changed = changed
        self._redis = client
        self._exchange = exchange
        self._since: datetime | None = None

    def look(self, symbols: Sequence[str]) -> float:
        """Bring the ledger up to date; seconds until there is time for it again."""
        began = time.monotonic()
        now = datetime.now(UTC)
        dropped = duplicates.noted(self._redis)
        hours = self._hours(symbols, now)
        hours |= {(symbol, at(hour)) for exchange, symbol, hour in dropped if exchange == self._exchange}
        counted = (
            self._ledger.count(self._exchange, symbol, hour, dropped.get((self._exchange, symbol, ms(hour)), 0), KEPT)
            for symbol, hour in sorted(hours)
        )
        self._ledger.write([hour for hour in counted if hour is not None])
        if old := [hour for _, hour in hours if hour <= now - _HOUR]:
            self._changed(min(old), max(old))
        duplicates.forget(self._redis, ms(now - 2 * _HOUR))
        # Only now: what failed is looked for again.
        self._since = now - _OVERLAP
        return min((time.monotonic() - began) / _DUTY, _PAUSE)

    def _hours(self, symbols: Sequence[str], now: datetime) -> set[tuple[str, datetime]]:
        this = now.replace(minute=0, second=0, microsecond=0)
        first = this - _HOUR
        since = self._since
        if since is None:
            # Since the last run: its last hour went on after it was counted.
            newest = self._ledger.newest(self._exchange)
            first = max(this - _BACK, newest[0] - _HOUR) if newest else this - _BACK
            since = newest[1] - _OVERLAP if newest else this - _BACK
        out = {(symbol, first + n * _HOUR) for symbol in symbols for n in range(int((this - first) / _HOUR) + 1)}
        return out | set(self._ledger.changed(self._exchange, since))
