"""The ledger of quality: table `quality`, and the counts it is made of."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pipeline.candles import CONSECUTIVE_IDS
from pipeline.store.session import Session

_HOUR = timedelta(hours=1)
#: Live trades of a symbol are stored one after the other: none comes later that is this much older than the newest.
_SETTLES = timedelta(minutes=1)

_NEWEST = """
SELECT max(event_ts) FROM trades
WHERE exchange = %(exchange)s AND symbol = %(symbol)s AND event_ts >= %(since)s AND event_ts < %(end)s
"""
# One pass, whose size does not matter to the rest: a row per lag, a few thousand at most.
_TRADES = """
SELECT event_ts < %(settled)s AS early,
       CASE WHEN source = 'live' THEN round(extract(epoch FROM created_at - event_ts) * 1000)::bigint END AS lag, count(*), {ids}
FROM trades WHERE exchange = %(exchange)s AND symbol = %(symbol)s AND event_ts >= %(since)s AND event_ts < %(end)s
GROUP BY early, lag
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
SELECT symbol, date_trunc('hour', moment) AS hour, bool_or(traded) FROM (
    SELECT symbol, event_ts AS moment, true AS traded FROM trades
    WHERE exchange = %(exchange)s AND source <> 'live' AND created_at > %(since)s
    UNION ALL
    SELECT symbol, window_start, false FROM candle_checks WHERE exchange = %(exchange)s AND checked_at > %(since)s
    UNION ALL
    SELECT symbol, starts_at, false FROM gaps WHERE exchange = %(exchange)s AND noted_at > %(since)s) AS changes
GROUP BY symbol, hour
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


class Tally(NamedTuple):
    """Trades of a symbol's hour before `upto`. `lags`: lag in ms → how many live trades, None → how many repaired ones; `first` and
    `last`: ids, where they count up."""

    upto: datetime
    lags: Mapping[int | None, int]
    first: int | None = None
    last: int | None = None

    def plus(self, upto: datetime, rows: Sequence[tuple[Any, ...]]) -> "Tally":
        """With `rows` of (lag, count, first, last), which lie before that `upto`."""
        lags = Counter(self.lags)
        for lag, count, *_ in rows:
            lags[lag] += count
        ids = [id for row in ((None, None, self.first, self.last), *rows) for id in row[2:] if id is not None]
        return Tally(upto, lags, min(ids, default=None), max(ids, default=None))


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

    def changed(self, exchange: str, since: datetime) -> dict[tuple[str, datetime], bool]:
        """Symbols and hours that repairs, checks and gaps noted after `since` belong to, and whether they have other trades now."""
        with self._session.transaction() as cursor:
            cursor.execute(_CHANGED, {"exchange": exchange, "since": since})
            return {(symbol, hour): traded for symbol, hour, traded in cursor.fetchall()}

    def count(
        self, exchange: str, symbol: str, hour: datetime, duplicates: int, timeframes: Sequence[str], settled: Tally | None = None
    ) -> tuple[Hour | None, Tally]:  # fmt: skip
        """Count an hour from what is stored: None when there is nothing of it. `settled` is what need not be counted again; what is
        returned beside the hour is that for the next time."""
        consecutive = exchange in CONSECUTIVE_IDS
        end = hour + _HOUR
        before = settled or Tally(hour, {})
        values: dict[str, Any] = {
            "exchange": exchange, "symbol": symbol, "hour": hour, "since": before.upto, "end": end, "timeframes": list(timeframes),
        }  # fmt: skip
        with self._session.transaction() as cursor:
            cursor.execute(_NEWEST, values)
            (newest,) = cursor.fetchone()
            upto = values["settled"] = max(before.upto, newest - _SETTLES) if newest else before.upto
            cursor.execute(_TRADES.format(ids=_IDS if consecutive else "NULL, NULL"), values)
            rows = cursor.fetchall()
            settled = before.plus(upto, [row for early, *row in rows if early])
            whole = settled.plus(end, [row for early, *row in rows if not early])
            expected = 0 if consecutive else None
            if whole.first is not None and whole.last is not None:
                cursor.execute(_NEWEST_BEFORE, values)
                earlier = cursor.fetchone()
                # Trades that came before the hour by their time have smaller ids; whatever is between is missing.
                expected = whole.last - min(earlier[0] if earlier else whole.first - 1, whole.first - 1)
            cursor.execute(_REST, values)
            gaps, checked, mismatched = cursor.fetchone()
        stored = sum(whole.lags.values())
        if not (stored or gaps or checked or duplicates):
            return None, settled
        live = sorted((lag, count) for lag, count in whole.lags.items() if lag is not None)
        return Hour(
            hour, exchange, symbol, expected, stored, whole.lags.get(None, 0), duplicates, gaps, checked, mismatched,
            percentile(live, 0.5), percentile(live, 0.99),
        ), settled  # fmt: skip

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
