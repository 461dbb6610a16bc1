"""The sentiment table: written by the news worker, read by REST."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Engine, text

from pipeline.news.mood import HALF_LIVES, REACH, Mood, Scored
from pipeline.store.paging import within


class MoodRow(msgspec.Struct):
    """As `pipeline.news.mood.Mood`, with the time as REST writes it."""

    time: datetime
    coin: str
    timeframe: str
    value: float
    low: float
    high: float
    articles: int
    weight: float
    created_at: datetime


#: How far back articles count for anything (ms).
REMEMBERED: Final = REACH * max(HALF_LIVES.values())
_ROW: Final = ", ".join(MoodRow.__struct_fields__)
_UPSERT: Final = """
INSERT INTO sentiment (time, coin, timeframe, value, low, high, articles, weight)
VALUES (:time, :coin, :timeframe, :value, :low, :high, :articles, :weight)
ON CONFLICT (coin, timeframe, time) DO UPDATE SET
    value = excluded.value, low = excluded.low, high = excluded.high, articles = excluded.articles, weight = excluded.weight
"""


class Moods:
    """Raises sqlalchemy.exc.SQLAlchemyError when the database is away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def write(self, moods: Iterable[Mood]) -> None:
        """All or none; again changes nothing."""
        rows = [msgspec.structs.asdict(one) | {"time": datetime.fromtimestamp(one.time / 1000, UTC)} for one in moods]
        if rows:
            with self._engine.begin() as connection:
                connection.execute(text(_UPSERT), rows)

    def scored(self, since: int) -> list[Scored]:
        """The scored articles of the table from `since` (ms) on."""
        sql = "SELECT time, source, sentiment_score, symbols FROM news WHERE time >= :since AND sentiment_score IS NOT NULL"
        with self._engine.connect() as connection:
            rows = connection.execute(text(sql), {"since": datetime.fromtimestamp(since / 1000, UTC)})
            return [
                Scored(round(at.timestamp() * 1000), source, score, tuple(coins)) for at, source, score, coins in rows
            ]

    def page(
        self,
        coin: str,
        timeframe: str,
        *,
        limit: int,
        ascending: bool,
        start: datetime | None = None,
        end: datetime | None = None,
        after: datetime | None = None,
    ) -> list[MoodRow]:
        """Up to `limit` buckets with start ≤ time ≤ end, in order, those past `after` only."""
        where = ["coin = :coin", "timeframe = :timeframe", *within("time", ascending, start, end, after)]
        order = "ASC" if ascending else "DESC"
        sql = f"SELECT {_ROW} FROM sentiment WHERE {' AND '.join(where)} ORDER BY time {order} LIMIT :limit"  # noqa: S608
        values: dict[str, Any] = {
            "coin": coin, "timeframe": timeframe, "limit": limit, "start": start, "end": end, "after": after,
        }  # fmt: skip
        with self._engine.connect() as connection:
            return [MoodRow(*row) for row in connection.execute(text(sql), values)]
