"""Hot and cold: old days leave the database for Parquet files in an object store, and expire there.

A range of a series is written, read back and compared, row by row by digest; only then, in one transaction, its rows are deleted and
the file is entered into `cold_parts`. What changed meanwhile, or was cut short anywhere, stays in the database and is tried again.
"""

import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg2
import structlog
from psycopg2.errors import SerializationFailure
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ
from psycopg2.extensions import connection as Connection

from pipeline.errors import ColdUnavailable
from pipeline.store import parts
from pipeline.store.engine import dsn
from pipeline.store.objects import Objects
from pipeline.store.parts import Dataset, Digest

_log = structlog.get_logger(__name__)

#: Rows fetched at a time: a few MB, however large the day.
_FETCH: Final = 20_000

# What is kept for ever is small (hours and days): it stays.
_MOVING: Final = """
SELECT dataset, timeframe, stay FROM storage_plan, LATERAL (
    SELECT %(hot)s * coalesce(candle_minutes(nullif(timeframe, '')), 1) AS stay) AS counted
WHERE dataset = ANY(%(names)s) AND keep > stay
"""
# Those with rows before the limit. Trades go by the day, candles by the month: a file of some MB each.
_DUE: Final = """
SELECT DISTINCT exchange, symbol, {timeframe}, date_trunc('{unit}', {time}, 'UTC') AS start FROM {name}
WHERE {time} < date_trunc('{unit}', %(before)s, 'UTC') AND {of_timeframe} ORDER BY start, symbol
"""
_WHERE: Final = (
    "exchange = %(exchange)s AND symbol = %(symbol)s AND {time} >= %(start)s AND {time} < %(end)s AND {of_timeframe}"
)
# What a row is, so that one that changed between reading and deleting is noticed. The sum is the same in every order.
_SUM: Final = "coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)"
_DELETE: Final = f"WITH t AS (DELETE FROM {{name}} WHERE {{where}} RETURNING *) SELECT count(*), {_SUM} FROM t"  # noqa: S608
_ENTER: Final = """
INSERT INTO cold_parts (dataset, exchange, symbol, timeframe, starts_at, ends_at, generation, path, row_count, bytes, digest)
SELECT %(dataset)s, %(exchange)s, %(symbol)s, %(timeframe)s, %(start)s, %(end)s, coalesce(max(generation), 0) + 1,
       %(path)s, %(rows)s, %(bytes)s, %(digest)s
FROM cold_parts WHERE dataset = %(dataset)s AND exchange = %(exchange)s AND symbol = %(symbol)s AND timeframe = %(timeframe)s
AND starts_at = %(start)s
"""
_EXPIRED: Final = """
DELETE FROM cold_parts AS p USING storage_plan AS plan
WHERE plan.dataset = p.dataset AND plan.timeframe = p.timeframe AND p.ends_at < %s - plan.keep RETURNING p.path
"""


class Part(NamedTuple):
    """A range of a series: start ≤ time < end. `timeframe` is empty for trades."""

    dataset: Dataset
    exchange: str
    symbol: str
    timeframe: str
    start: datetime
    end: datetime

    def values(self) -> dict[str, Any]:
        return {**self._asdict(), "dataset": self.dataset.name}

    def sql(self, text: str) -> str:
        of = "timeframe = %(timeframe)s" if self.timeframe else "true"
        return text.format(name=self.dataset.name, time=self.dataset.time, of_timeframe=of, where=_WHERE).format(
            time=self.dataset.time, of_timeframe=of
        )


class Moved(NamedTuple):
    parts: int
    rows: int
    failed: int


class Tiers:
    """Whole days of trades, and whole months of candles, older than `hot_days` move; of coarser candles than 1m as many stay. Blocking;
    raises psycopg2 errors.
    """

    def __init__(self, database_url: str, cold_url: str, hot_days: int) -> None:
        self._dsn = dsn(database_url)
        self._objects = Objects(cold_url)
        self._hot = timedelta(days=hot_days)

    def move(self, now: datetime, stopped: Callable[[], bool] = lambda: False) -> Moved:
        """Move what is due, the oldest first, until `stopped`. What fails is logged, counted and left where it is."""
        moved = rows = failed = 0
        connection = self._connect()
        try:
            for part in self._due(connection, now):
                if stopped():
                    break
                try:
                    rows += self._move(connection, part)
                    moved += 1
                except (ColdUnavailable, _Changed, SerializationFailure, ValueError) as error:
                    # pyarrow's own are ValueErrors: a figure too long for any column.
                    connection.rollback()
                    failed += 1
                    _log.error(
                        "not moved",
                        dataset=part.dataset.name,
                        symbol=part.symbol,
                        start=str(part.start),
                        why=str(error),
                    )
                    if isinstance(error, ColdUnavailable):
                        break
        finally:
            connection.close()
        return Moved(moved, rows, failed)

    def expire(self, now: datetime) -> int:
        """Remove the files that `storage_plan` keeps no longer; how many."""
        connection = self._connect()
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(_EXPIRED, (now,))
                paths = [row[0] for row in cursor.fetchall()]
        finally:
            connection.close()
        for path in paths:
            try:
                self._objects.remove(path)
            except ColdUnavailable as error:
                # Nobody reads it any more; the store's own expiry rules may take it.
                _log.error("expired file not removed", path=path, why=str(error))
        return len(paths)

    def _due(self, connection: Connection, now: datetime) -> list[Part]:
        found = []
        with connection, connection.cursor() as cursor:
            cursor.execute(
                _MOVING,
                {"names": list(parts.DATASETS), "hot": self._hot},
            )
            for name, timeframe, stay in cursor.fetchall():
                dataset = parts.DATASETS[name]
                unit = "month" if timeframe else "day"
                cursor.execute(
                    _DUE.format(
                        name=name, time=dataset.time, unit=unit, timeframe="timeframe" if timeframe else "''",
                        of_timeframe="timeframe = %(timeframe)s" if timeframe else "true",
                    ),
                    {"before": now - stay, "timeframe": timeframe},
                )  # fmt: skip
                for exchange, symbol, _, start in cursor.fetchall():
                    found.append(Part(dataset, exchange, symbol, timeframe, start, _next(start, unit)))
        return sorted(found, key=lambda part: part.start)

    def _move(self, connection: Connection, part: Part) -> int:
        with tempfile.TemporaryDirectory(prefix="cryptoviz-") as folder:
            file = Path(folder) / "part.parquet"
            digest, there = self._read(connection, part, file)
            size = file.stat().st_size
            # Its digest in the name: another try at the same range never writes over a file that is in use.
            path = "/".join((
                part.dataset.name, part.exchange, part.symbol.replace("/", "-"), *([part.timeframe] if part.timeframe else []),
                f"{part.start:%Y-%m-%d}_{digest.hex()[:16]}.parquet",
            ))  # fmt: skip
            self._objects.put(file, path)
        self._verify(part, path, digest, size)
        with connection, connection.cursor() as cursor:
            cursor.execute(part.sql(_DELETE), part.values())
            if cursor.fetchone() != there:
                raise _Changed("rows changed while they were moved")
            cursor.execute(
                _ENTER, {**part.values(), "path": path, "rows": digest.rows, "bytes": size, "digest": digest.hex()}
            )
        _log.info("moved", path=path, rows=digest.rows, bytes=size)
        return digest.rows

    def _read(self, connection: Connection, part: Part, file: Path) -> tuple[Digest, tuple[int, Any]]:
        """Write the range to `file`; its digest, and what the deleted rows must amount to. All of one snapshot."""
        names = part.dataset.decimals
        lengths = ", ".join(
            f"coalesce(max(length(trunc(abs({n}))::text)), 1), coalesce(max(scale({n})), 0)" for n in names
        )
        with connection:
            with connection.cursor() as cursor:
                counting = f"SELECT count(*), {_SUM}, {lengths} FROM {{name}} AS t WHERE {{where}}"  # noqa: S608
                cursor.execute(part.sql(counting), part.values())
                count, total, *most = cursor.fetchone()
            digits = {name: (most[2 * n], most[2 * n + 1]) for n, name in enumerate(names)}
            with file.open("wb") as out:
                digest = parts.write(out, part.dataset, self._rows(connection, part), digits)
        return digest, (count, total)

    def _rows(self, connection: Connection, part: Part) -> Iterator[parts.Row]:
        with connection.cursor("part") as cursor:
            cursor.itersize = _FETCH
            columns = ", ".join(part.dataset.columns)
            reading = f"SELECT {columns} FROM {{name}} WHERE {{where}} ORDER BY {part.dataset.order}"  # noqa: S608
            cursor.execute(part.sql(reading), part.values())
            yield from cursor

    def _verify(self, part: Part, path: str, digest: Digest, size: int) -> None:
        """Read it back from where it lies."""
        again = Digest()
        if self._objects.size(path) == size:
            with self._objects.open(path) as file:
                for rows in parts.read(file, part.dataset):
                    again.add(rows)
        if (again.rows, again.hex()) != (digest.rows, digest.hex()):
            self._objects.remove(path)
            raise ColdUnavailable(f"{path} reads otherwise than it was written: {again.rows} rows of {digest.rows}")

    def _connect(self) -> Connection:
        connection = psycopg2.connect(self._dsn, connect_timeout=5, options="-c timezone=UTC")
        connection.set_isolation_level(ISOLATION_LEVEL_REPEATABLE_READ)
        return connection


class _Changed(Exception):
    """Rows came or changed while they were moved."""


def _next(start: datetime, unit: str) -> datetime:
    if unit == "day":
        return start + timedelta(days=1)
    return (start + timedelta(days=31)).replace(day=1)
