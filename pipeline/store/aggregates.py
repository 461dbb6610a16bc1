"""The continuous aggregates `trade_hours` and `trade_days`, brought up to date after a repair. Views on plain PostgreSQL."""

from datetime import datetime, timedelta
from typing import Final

import psycopg2

from pipeline.store.engine import dsn

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


class Aggregates:
    """Raises psycopg2 errors."""

    def __init__(self, database_url: str) -> None:
        self._dsn = dsn(database_url)

    def refresh(self, first: datetime, last: datetime) -> bool:
        """Materialize again what changed from the hour `first` to the hour `last`, both included; False on plain PostgreSQL.

        Only what TimescaleDB noted as changed is computed, so a wide range costs no more than its changes.
        """
        connection = psycopg2.connect(self._dsn, connect_timeout=5, options="-c timezone=UTC")
        try:
            # The procedure commits in between, which no transaction of ours may stand around.
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT FROM pg_extension WHERE extname = 'timescaledb'")
                if cursor.fetchone() is None:
                    return False
                midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
                days = (last - midnight) // _DAY + 1
                # Days are made of hours.
                for view, start, end in (
                    ("trade_hours", first.replace(minute=0, second=0, microsecond=0), last + _HOUR),
                    ("trade_days", midnight, midnight + days * _DAY),
                ):
                    cursor.execute(
                        "CALL refresh_continuous_aggregate(%s, %s::timestamptz, %s::timestamptz)", (view, start, end)
                    )
            return True
        finally:
            connection.close()
