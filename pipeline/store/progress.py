"""Which ranges of which series the exchange's own candles are stored for: table `backfill_progress`."""

from pipeline.keeping.ranges import Range
from pipeline.store.session import Session, at, ms


class Progress:
    """Raises psycopg2 errors."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def ranges(self, exchange: str, symbol: str, timeframe: str) -> list[Range]:
        """Oldest first; no two touch."""
        with self._session.transaction() as cursor:
            cursor.execute(
                "SELECT range_start, range_end FROM backfill_progress "
                "WHERE exchange = %s AND symbol = %s AND timeframe = %s ORDER BY range_start",
                (exchange, symbol, timeframe),
            )
            return [Range(ms(start), ms(end)) for start, end in cursor.fetchall()]

    def add(self, exchange: str, symbol: str, timeframe: str, done: Range, candles: int) -> None:
        """Note `done`, joined with what it touches. `candles` came with it."""
        series, (start, end) = (exchange, symbol, timeframe), map(at, done)
        with self._session.transaction() as cursor:
            # Two may fill the same series, a worker and a command: one after the other.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", ("|".join(("backfill", *series)),))
            cursor.execute(
                "DELETE FROM backfill_progress WHERE exchange = %s AND symbol = %s AND timeframe = %s "
                "AND range_start <= %s AND range_end >= %s RETURNING range_start, range_end, candles",
                (*series, end, start),
            )
            touched = [*cursor.fetchall(), (start, end, candles)]
            cursor.execute(
                "INSERT INTO backfill_progress (exchange, symbol, timeframe, range_start, range_end, candles) "
                "VALUES (%s, %s, %s, %s, %s, %s)",
                (*series, min(t[0] for t in touched), max(t[1] for t in touched), sum(t[2] for t in touched)),
            )

    def stored(self, exchange: str, symbol: str, timeframe: str, part: Range) -> int:
        """Candles of the exchange's making that are in the database for `part`."""
        with self._session.transaction() as cursor:
            cursor.execute(
                "SELECT count(*) FROM candles WHERE exchange = %s AND symbol = %s AND timeframe = %s "
                "AND window_start >= %s AND window_start < %s AND closed AND source = 'historical'",
                (exchange, symbol, timeframe, *map(at, part)),
            )
            return int(cursor.fetchone()[0])
