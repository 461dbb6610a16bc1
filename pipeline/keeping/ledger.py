"""Keeps the ledger of quality: counts the running hour and the one before, and every hour that changed since.

Of a running hour only what came since the last look is read: counting all of it each time took two cores for seconds in a flood of
5000 trades/s, and the writer waited (found by the soak). An hour that is over is counted once more from its beginning.
"""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pipeline.collecting import duplicates
from pipeline.keeping.backfill import KEPT
from pipeline.store.quality import Hour, Ledger, Tally
from pipeline.store.session import at, ms

_HOUR: Final = timedelta(hours=1)
#: How far back a start looks for hours that were not counted: repairs reach no further.
_BACK: Final = timedelta(hours=48)
#: A commit may be as much older than its row's visibility; counting an hour again does no harm.
_OVERLAP: Final = timedelta(minutes=1)
#: How long after its end an hour is counted anew: by then its last trades are stored.
_AFTER: Final = timedelta(minutes=5)
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
        #: Of the running hour and the one before.
        self._settled: dict[tuple[str, datetime], Tally] = {}
        self._over: set[tuple[str, datetime]] = set()

    def look(self, symbols: Sequence[str]) -> float:
        """Bring the ledger up to date; seconds until there is time for it again."""
        began = time.monotonic()
        now = datetime.now(UTC)
        dropped = duplicates.noted(self._redis)
        this = now.replace(minute=0, second=0, microsecond=0)
        changed = self._changed_hours(symbols, now)
        hours = {(symbol, hour) for symbol in symbols for hour in (this - _HOUR, this)} | changed.keys()
        hours |= {(symbol, at(hour)) for exchange, symbol, hour in dropped if exchange == self._exchange}
        over = {each for each in hours if each[1] == this - _HOUR and now >= this + _AFTER}
        for each in {each for each, traded in changed.items() if traded} | (over - self._over):
            self._settled.pop(each, None)
        self._over = over
        counted: list[Hour] = []
        for symbol, hour in sorted(hours):
            again = dropped.get((self._exchange, symbol, ms(hour)), 0)
            found, settled = self._ledger.count(
                self._exchange, symbol, hour, again, KEPT, self._settled.get((symbol, hour))
            )
            self._settled[symbol, hour] = settled
            counted += [found] if found else []
        self._ledger.write(counted)
        self._settled = {each: tally for each, tally in self._settled.items() if each[1] >= this - _HOUR}
        if old := [hour for _, hour in hours if hour <= now - _HOUR]:
            self._changed(min(old), max(old))
        duplicates.forget(self._redis, ms(now - 2 * _HOUR))
        # Only now: what failed is looked for again.
        self._since = now - _OVERLAP
        return min((time.monotonic() - began) / _DUTY, _PAUSE)

    def _changed_hours(self, symbols: Sequence[str], now: datetime) -> dict[tuple[str, datetime], bool]:
        """What repairs, checks and gaps changed since the last look, and at a start all that was not counted yet; and whether there
        are other trades in it."""
        this = now.replace(minute=0, second=0, microsecond=0)
        if self._since is not None:
            return self._ledger.changed(self._exchange, self._since)
        # Since the last run: its last hour went on after it was counted.
        newest = self._ledger.newest(self._exchange)
        first = max(this - _BACK, newest[0] - _HOUR) if newest else this - _BACK
        missed = {(symbol, first + n * _HOUR): True for symbol in symbols for n in range(int((this - first) / _HOUR))}
        return missed | self._ledger.changed(self._exchange, newest[1] - _OVERLAP if newest else this - _BACK)
