"""`cryptoviz tiers`: what lies where, and moving what is due."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import psycopg2

from pipeline.errors import SetupError
from pipeline.settings import Settings
from pipeline.store.engine import dsn

_WHERE: Final = """
SELECT 'hot', 'trades', '', count(*), 0::numeric, min(event_ts), max(event_ts), NULL::bigint FROM trades HAVING count(*) > 0
UNION ALL
SELECT 'hot', 'candles', timeframe, count(*), 0, min(window_start), max(window_start), NULL FROM candles GROUP BY timeframe
UNION ALL
SELECT 'cold', dataset, timeframe, sum(row_count), sum(bytes), min(starts_at), max(ends_at), count(*)
FROM cold_parts GROUP BY dataset, timeframe
ORDER BY 2 DESC, 3, 1 DESC
"""


def run(settings: Settings, move: bool, say: Callable[[str], None]) -> None:
    """Raises SetupError when the database or the cold tier is away."""
    try:
        if move:
            _move(settings, say)
        connection = psycopg2.connect(dsn(settings.database_url), connect_timeout=5, options="-c timezone=UTC")
        with connection, connection.cursor() as cursor:
            cursor.execute(_WHERE)
            for tier, dataset, timeframe, rows, size, first, last, files in cursor.fetchall():
                where = "" if files is None else f"  {files} files, {size / 2**20:,.1f} MiB"
                say(
                    f"{dataset} {timeframe:<4} {tier:<4} {rows:>13,} rows  {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}{where}"
                )
        connection.close()
    except psycopg2.Error as error:
        raise SetupError(f"The database does not answer: {str(error).splitlines()[0]}") from error
    if settings.cold_url:
        say(f"cold tier: {settings.cold_url.partition('?')[0]}, after {settings.stays_days} days")
    else:
        say("cold tier: none (cold_url)")


def _move(settings: Settings, say: Callable[[str], None]) -> None:
    if not settings.cold_url:
        raise SetupError("--move: there is no cold tier. Set cold_url to a folder, or to s3://bucket/prefix.")
    from pipeline.store.tiers import Tiers

    tiers, now = Tiers(settings.database_url, settings.cold_url, settings.stays_days), datetime.now(UTC)
    moved = tiers.move(now)
    expired = tiers.expire(now)
    say(f"{moved.rows:,} rows moved in {moved.parts} files; {expired} files expired")
    if moved.failed:
        raise SetupError(f"{moved.failed} could not be moved and stay in the database; the log says why.")
