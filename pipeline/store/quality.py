"""The ledger of quality: table `quality`, and the counts it is made of."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pipeline.candles import CONSECUTIVE_IDS
from pipeline.store.session import Session

_HOUR = timedelta(hours=1)

# One pass over the hour, whose size does not matter to the rest: a row per lag, a few thousand at most.
_TRADES = """
SELECT CASE WHEN source = 'live' THEN round(extract(epoch FROM created_at - event_ts) * 1000)::bigint END AS lag, count(*),
       {ids}
FROM trades WHERE exchange = %(exchange)s AND symbol = %(symbol)s AND event_ts >= %(hour)s AND event_ts < %(end)s
GROUP BY lag ORDER BY lag NULLS LAST
"""
_IDS = "min(trade_id::bigint), max(trade_id::bigint)"
_NEWEST_BEFORE = """
SELECT trade_id::bigint FROM trades WHERE exchange = %(exchange)s AND symbol = %(symbol)s AND event_ts < %(hour)s
ORDER BY event_ts DESC, length(trade_id) DESC, trade_id DESC LIMIT 1
"""
_REST = """
SELECT (SELECT count(*) FROM gaps WHERE exchange = %(exchange)s AND symbol = %(symbol)s
        AND starts_at >= %(hour)s AND starts_at < %(end)s),
       count(*), count(*) FILTER (WHERE NOT matched)
FROM candle_checks WHERE exchange = %(exchange)s AND symbol = %(symbol)s AND timeframe = ANY(%(timeframes)s)
AND window_start >= %(hour)s AND window_start < %(end)s
"""
_UPSERT = """
INSERT INTO quality (hour, exchange, symbol, trades_expected, trades_stored, trades_repaired, duplicates, gaps, candles_checked,
                     candles_mismatched, lag_p50_ms, lag_p99_ms)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (exchange, symbol, hour) DO UPDATE SET
    trades_expected = excluded.trades_expected, trades_stored = excluded.trades_stored,
    trades_repaired = excluded.trades_repaired, duplicates = greatest(quality.duplicates, excluded.duplicates),
    gaps = excluded.gaps, candles_checked = excluded.candles_checked, candles_mismatched = excluded.candles_mismatched,
    lag_p50_ms = excluded.lag_p50_ms, lag_p99_ms = excluded.lag_p99_ms, updated_at = now()
"""
_CHANGED = """
SELECT DISTINCT symbol, date_trunc('hour', moment) FROM (
    SELECT symbol, event_ts AS moment FROM trades WHERE exchange = %(exchange)s AND source <> 'live' AND created_at > %(since)s
    UNION ALL
    SELECT symbol, window_start FROM candle_checks WHERE exchange = %(exchange)s AND checked_at > %(since)s
    UNION ALL
    SELECT symbol, starts_at FROM gaps WHERE exchange = %(exchange)s AND noted_at > %(since)s) AS changes
"""


class Hour(NamedTuple):
    """One symbol's hour. Lags in ms, from the exchange's time of a live trade to its row in the database."""

    hour: datetime
    exchange: str
    symbol: str
    expected: int | None
    stored: int
    repaired: int
    duplicates: int
    gaps: int
    checked: int
    mismatched: int
    lag_p50: int | None
    lag_p99: int | None


class Ledger:
    """Raises psycopg2 errors."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def newest(self, exchange: str) -> tuple[datetime, datetime] | None:
        """The newest hour there is, and when it was counted last."""
        with self._session.transaction() as cursor:
            cursor.execute(
                "SELECT hour, max(updated_at) FROM quality WHERE exchange = %s GROUP BY hour ORDER BY hour DESC LIMIT 1",
                (exchange,),
            )
            row: tuple[datetime, datetime] | None = cursor.fetchone()
            return row

    def changed(self, exchange: str, since: datetime) -> list[tuple[str, datetime]]:
        """Symbols and hours that repairs, checks and gaps noted after `since` belong to."""
        with self._session.transaction() as cursor:
            cursor.execute(_CHANGED, {"exchange": exchange, "since": since})
            return list(cursor.fetchall())

    def count(
        self, exchange: str, symbol: str, hour: datetime, duplicates: int, timeframes: Sequence[str]
    ) -> Hour | None:
        """Count an hour from what is stored; None when there is nothing of it."""
        consecutive = exchange in CONSECUTIVE_IDS
        values: dict[str, Any] = {
            "exchange": exchange, "symbol": symbol, "hour": hour, "end": hour + _HOUR, "timeframes": list(timeframes),
        }  # fmt: skip
        with self._session.transaction() as cursor:
            cursor.execute(_TRADES.format(ids=_IDS if consecutive else "NULL, NULL"), values)
            by_lag = cursor.fetchall()
            stored = sum(row[1] for row in by_lag)
            expected = None
            if consecutive and by_lag:
                cursor.execute(_NEWEST_BEFORE, values)
                before = cursor.fetchone()
                first = min(row[2] for row in by_lag)
                # Trades that came before the hour by their time have smaller ids; whatever is between is missing.
                expected = max(row[3] for row in by_lag) - min(before[0] if before else first - 1, first - 1)
            elif consecutive:
                expected = 0
            cursor.execute(_REST, values)
            gaps, checked, mismatched = cursor.fetchone()
        live = [(row[0], row[1]) for row in by_lag if row[0] is not None]
        if not (stored or gaps or checked or duplicates):
            return None
        return Hour(
            hour, exchange, symbol, expected, stored, stored - sum(count for _, count in live), duplicates, gaps, checked,
            mismatched, percentile(live, 0.5), percentile(live, 0.99),
        )  # fmt: skip

    def write(self, hours: Sequence[Hour]) -> None:
        """Duplicates never count down: Redis may have forgotten them."""
        with self._session.transaction() as cursor:
            for hour in hours:
                cursor.execute(_UPSERT, hour)


def percentile(counts: Sequence[tuple[int, int]], share: float) -> int | None:
    """Of (value, how often), ascending: the smallest value that at least `share` of all are not above."""
    wanted, seen = share * sum(count for _, count in counts), 0
    for value, count in counts:
        seen += count
        if seen >= wanted:
            return value
    return None
