"""Trades that are missing for good: table `gaps`."""

from collections.abc import Sequence

from pipeline.collecting.gaps import LostTrades
from pipeline.store.session import Session, at


class Gaps:
    """Raises psycopg2 errors."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, lost: Sequence[LostTrades]) -> None:
        """Each once, however often it is told."""
        with self._session.transaction() as cursor:
            for gap in lost:
                cursor.execute(
                    "INSERT INTO gaps (exchange, symbol, first_id, last_id, starts_at, ends_at, reason) "
                    "VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                    (gap.exchange, gap.symbol, gap.first_id, gap.last_id, at(gap.start), at(gap.end), gap.reason),
                )
