"""Own candles held against the exchange's: table `candle_checks`."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from psycopg2.extras import execute_values

from pipeline.keeping.ranges import Range
from pipeline.model import Candle
from pipeline.store.session import Session, at, ms

_encode = msgspec.json.Encoder(decimal_format="number").encode
_FIGURES = ("open", "high", "low", "close", "volume", "trade_count")


class Check(NamedTuple):
    """`theirs` is None when the exchange has no such candle."""

    ours: Candle
    theirs: Candle | None
    matched: bool


class Checks:
    """Raises psycopg2 errors."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def unchecked(self, exchange: str, symbol: str, timeframe: str, part: Range, limit: int) -> list[Candle]:
        """Own closed, whole candles that start and end in `part` and were not checked yet; the newest `limit`, newest first."""
        with self._session.transaction() as cursor:
            cursor.execute(
                "SELECT window_start, window_end, open, high, low, close, volume, trade_count FROM candles AS c "
                "WHERE exchange = %s AND symbol = %s AND timeframe = %s AND window_start >= %s AND window_start < %s "
                "AND window_end <= %s AND closed AND complete AND source = 'live' AND NOT EXISTS ("
                "  SELECT FROM candle_checks AS k WHERE k.exchange = c.exchange AND k.symbol = c.symbol "
                "  AND k.timeframe = c.timeframe AND k.window_start = c.window_start) "
                "ORDER BY window_start DESC LIMIT %s",
                (exchange, symbol, timeframe, at(part.start), at(part.end), at(part.end), limit),
            )
            return [
                Candle(exchange, symbol, timeframe, ms(start), ms(end), opened, high, low, close, volume, count, True)
                for start, end, opened, high, low, close, volume, count in cursor.fetchall()
            ]

    def add(self, checks: Sequence[Check]) -> None:
        """Each once, however often it is told."""
        rows = [
            (
                c.ours.exchange, c.ours.symbol, c.ours.timeframe, at(c.ours.window_start), c.matched,
                None if c.matched else _json(c.ours), None if c.matched or c.theirs is None else _json(c.theirs),
            )
            for c in checks
        ]  # fmt: skip
        with self._session.transaction() as cursor:
            execute_values(
                cursor,
                "INSERT INTO candle_checks (exchange, symbol, timeframe, window_start, matched, ours, theirs) "
                "VALUES %s ON CONFLICT DO NOTHING",
                rows,
            )


def _json(candle: Candle) -> str:
    figures: dict[str, Any] = {name: getattr(candle, name) for name in _FIGURES}
    return _encode(figures).decode()
