"""Reading what was moved to the object store: pages of a series, in the order of the table."""

import heapq
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Any, Final, NamedTuple, TypeVar

from sqlalchemy import Engine, text

from pipeline.errors import ColdUnavailable
from pipeline.store.objects import Objects

T = TypeVar("T")

#: Nothing younger is ever moved (settings.hot_days), so a page that ends there needs no look at the cold tier.
YOUNGEST: Final = timedelta(days=7)

_PARTS: Final = """
SELECT path, starts_at FROM cold_parts WHERE dataset = :dataset AND exchange = :exchange AND symbol = :symbol
AND timeframe = :timeframe AND ends_at > coalesce(CAST(:first AS timestamptz), '-infinity')
AND starts_at <= coalesce(CAST(:last AS timestamptz), 'infinity')
ORDER BY starts_at {order}, generation DESC
"""


class Wanted(NamedTuple):
    """A page: up to `limit` rows of a series with first ≤ time ≤ last, in order; `timeframe` is empty for trades."""

    dataset: str
    exchange: str
    symbol: str
    timeframe: str
    limit: int
    ascending: bool
    first: datetime | None
    last: datetime | None


def direct(work: Callable[[], T]) -> T:
    return work()


class Cold:
    """`aside` runs what blocks on files: a server with an event loop runs it elsewhere."""

    def __init__(self, url: str, engine: Engine, aside: Callable[[Callable[[], Any]], Any] = direct) -> None:
        self._objects = Objects(url)
        self._engine = engine
        self._aside = aside

    def page(
        self, wanted: Wanted, key: Callable[[tuple[Any, ...]], Any], keep: Callable[[Any], bool]
    ) -> list[tuple[Any, ...]]:
        """Rows as the dataset's columns have them, each key once. `keep` judges keys.

        Raises ColdUnavailable, and SQLAlchemyError like every read.
        """
        if wanted.first is not None and wanted.first > datetime.now(UTC) - YOUNGEST:
            return []
        parts = self._parts(wanted)
        out: list[tuple[Any, ...]] = []
        for _, group in groupby(parts, key=lambda part: part[1]):
            if len(out) >= wanted.limit:
                break
            paths = [path for path, _ in group]
            out += self._aside(partial(self._merged, paths, wanted, key, keep))
        return out[: wanted.limit]

    def has(self, dataset: str, exchange: str, symbol: str) -> bool:
        sql = "SELECT FROM cold_parts WHERE dataset = :dataset AND exchange = :exchange AND symbol = :symbol LIMIT 1"
        with self._engine.connect() as connection:
            return (
                connection.execute(text(sql), {"dataset": dataset, "exchange": exchange, "symbol": symbol}).first()
                is not None
            )

    def _parts(self, wanted: Wanted) -> list[Any]:
        sql = _PARTS.format(order="ASC" if wanted.ascending else "DESC")
        with self._engine.connect() as connection:
            return list(connection.execute(text(sql), wanted._asdict()))

    def _merged(
        self, paths: Sequence[str], wanted: Wanted, key: Callable[[tuple[Any, ...]], Any], keep: Callable[[Any], bool]
    ) -> list[tuple[Any, ...]]:
        """The files of one range, the newest first: its row of a key is the one that counts."""
        found: dict[Any, tuple[Any, ...]] = {}
        for path in paths:
            for one, row in self._of_file(path, wanted, key, keep):
                found.setdefault(one, row)
        pick = heapq.nsmallest if wanted.ascending else heapq.nlargest
        return [found[one] for one in pick(wanted.limit, found)]

    def _of_file(
        self, path: str, wanted: Wanted, key: Callable[[tuple[Any, ...]], Any], keep: Callable[[Any], bool]
    ) -> list[tuple[Any, tuple[Any, ...]]]:
        from pipeline.store import parts

        out: list[tuple[Any, tuple[Any, ...]]] = []
        dataset = parts.DATASETS[wanted.dataset]
        try:
            with self._objects.open(path) as file:
                for rows in parts.read(file, dataset, ascending=wanted.ascending, first=wanted.first, last=wanted.last):
                    out += [(one, row) for row in rows if keep(one := key(row))]
                    if len(out) >= wanted.limit:
                        break
        except FileNotFoundError:
            # Expired since we asked where it is; otherwise something is wrong.
            with self._engine.connect() as connection:
                if connection.execute(text("SELECT FROM cold_parts WHERE path = :path"), {"path": path}).first():
                    raise ColdUnavailable(f"{path} is missing in the object store.") from None
            return []
        return out
