"""Reading the news table. Rows are in the order and spelling of CONTRACT §2."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Engine, text


class ArticleRow(msgspec.Struct):
    time: datetime
    source: str
    url: str
    title: str
    content: str
    sentiment_score: float | None
    symbols: list[str]
    created_at: datetime


class ArticleKey(NamedTuple):
    """Where a page ended."""

    time: datetime
    url: str


_ARTICLE: Final = ", ".join(ArticleRow.__struct_fields__)


class ArticleReader:
    """Raises sqlalchemy.exc.SQLAlchemyError when the database is away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def at(self, url: str) -> ArticleRow | None:
        """The article of that address, as it is stored."""
        sql = f"SELECT {_ARTICLE} FROM news WHERE url = :url"  # noqa: S608
        with self._engine.connect() as connection:
            row = connection.execute(text(sql), {"url": url}).first()
        return ArticleRow(*row) if row is not None else None

    def newest(
        self,
        *,
        limit: int,
        coin: str | None = None,
        source: str | None = None,
        min_score: float | None = None,
        max_score: float | None = None,
        words: Sequence[str] = (),
        after: ArticleKey | None = None,
    ) -> list[ArticleRow]:
        """Up to `limit` articles, newest first: of one coin (token), of one source (any case), with a score between both ends, with
        every one of `words` somewhere in title or teaser; those past `after` only."""
        where = {
            "symbols @> CAST(:coin AS jsonb)": coin is not None,
            "lower(source) = lower(:source)": source is not None,
            "sentiment_score >= :min_score": min_score is not None,
            "sentiment_score <= :max_score": max_score is not None,
            "(time, url) < (:after_time, :after_url)": after is not None,
        }
        values: dict[str, Any] = {
            "limit": limit, "coin": json.dumps([coin]), "source": source, "min_score": min_score, "max_score": max_score,
        }  # fmt: skip
        for n, word in enumerate(words):
            where[rf"(title ILIKE :word{n} ESCAPE '~' OR content ILIKE :word{n} ESCAPE '~')"] = True
            values[f"word{n}"] = "%" + word.replace("~", "~~").replace("%", "~%").replace("_", "~_") + "%"
        if after is not None:
            values |= {"after_time": after.time, "after_url": after.url}
        conditions = " AND ".join(condition for condition, on in where.items() if on) or "true"
        sql = f"SELECT {_ARTICLE} FROM news WHERE {conditions} ORDER BY time DESC, url DESC LIMIT :limit"  # noqa: S608
        with self._engine.connect() as connection:
            return [ArticleRow(*row) for row in connection.execute(text(sql), values)]
