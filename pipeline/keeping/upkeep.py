"""What the database is rid of: moved to the cold tier, or kept long enough (table `storage_plan`)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pipeline.settings import Settings
from pipeline.store.session import Session


class Upkeep:
    """Blocking; raises psycopg2 errors, and may then be called again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def look(self, stopped: Callable[[], bool] = lambda: False) -> None:
        settings, now = self._settings, datetime.now(UTC)
        hot = None
        if settings.cold_url:
            from pipeline.store.tiers import Tiers  # Parquet takes 60 MB: only who has a cold tier pays

            hot = timedelta(days=settings.stays_days)
            cold = Tiers(settings.database_url, settings.cold_url, settings.stays_days)
            cold.move(now, stopped)
            cold.expire(now)
        # Its own: deleting a month of rows keeps a connection for a while.
        session = Session(settings.database_url)
        try:
            with session.transaction() as cursor:
                cursor.execute("SELECT apply_retention(%s, %s, %s)", (timedelta(days=settings.backfill_days), hot, now))
                cursor.execute("SELECT FROM pg_extension WHERE extname = 'timescaledb'")
                if cursor.fetchone() is not None:
                    # What was emptied a week ago at least: nothing is about to be written there.
                    cursor.execute("SELECT drop_empty_chunks(%s)", (now - timedelta(days=7),))
        finally:
            session.close()
