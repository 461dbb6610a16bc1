"""What is stored of the time before a message, as alerts want it (`pipeline.alerting.desk.Past`)."""

from decimal import Decimal
from typing import Any

from psycopg2 import sql

from pipeline.alerting.moves import LENGTHS, Bucket
from pipeline.alerting.rules import SPANS
from pipeline.clock import now_ms
from pipeline.retry import Retry
from pipeline.store.session import Session, at, ms


class Before:
    """Waits for a database that is away, with `patient`: half of a batch cannot be taken back."""

    def __init__(self, session: Session, patient: Retry) -> None:
        self._session = session
        self._patient = patient

    def range(self, exchange: str, symbol: str, span: str) -> list[Bucket]:
        """Lows and highs of the closed candles of the span that ends now."""
        rows = self._rows(
            "SELECT window_start, low, high FROM candles WHERE exchange = %s AND symbol = %s AND timeframe = %s "
            "AND window_start > %s AND closed ORDER BY window_start",
            exchange, symbol, SPANS[span], at(now_ms() - LENGTHS[span][0]),
        )  # fmt: skip
        return [(ms(start), low, high) for start, low, high in rows]

    def indicator(
        self, exchange: str, symbol: str, timeframe: str, type_: str, figure: str, before: int
    ) -> float | None:
        # The name of a column is no value; it was checked when the alert was made.
        query = sql.SQL(
            "SELECT {} FROM indicators WHERE exchange = %s AND symbol = %s AND timeframe = %s AND indicator_type = %s "
            "AND time < %s ORDER BY time DESC LIMIT 1"
        ).format(sql.Identifier(figure))
        rows = self._rows(query, exchange, symbol, timeframe, type_, at(before))
        return rows[0][0] if rows else None

    def volume(self, exchange: str, symbol: str, timeframe: str, before: int, count: int) -> Decimal | None:
        [(average, found)] = self._rows(
            "SELECT avg(volume), count(*) FROM (SELECT volume FROM candles WHERE exchange = %s AND symbol = %s "
            "AND timeframe = %s AND window_start < %s AND closed ORDER BY window_start DESC LIMIT %s) AS those",
            exchange, symbol, timeframe, at(before), count,
        )  # fmt: skip
        return average if found == count else None

    def _rows(self, query: Any, *values: object) -> list[tuple[Any, ...]]:
        def ask() -> list[tuple[Any, ...]]:
            with self._session.transaction() as cursor:
                cursor.execute(query, values)
                return list(cursor.fetchall())

        return self._patient(ask)
