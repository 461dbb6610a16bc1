"""The store: rows in beside raw COPY, the newest 500 candles out of ten million beside the bare SQL, bytes a candle."""

import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg2

from pipeline.model import Trade
from pipeline.store.engine import dsn, engine
from pipeline.store.migrate import migrate
from pipeline.store.read import Reader
from pipeline.store.write import COPY_TRADES, UPSERT_TRADES, Store
from pipeline.trade_messages import spelled
from pipeline.wire import number
from tests.bench.figure import Figure
from tests.bench.throughput import market, servers
from tests.timescale.fixtures import MODULES, serve

WRITES = 200_000
#: What the writer stores in one transaction when there is a lot to do.
BATCH = 5000
CANDLES = 10_000_000
#: Symbols of those: each has 200 000 minutes.
SERIES = 50
READS = 400
#: ms in which 500 candles are to come from the database.
READ_AIM = 3.0
#: Enough for a thousand candles a segment; the whole database is in the memory of one WebAssembly process.
COMPRESSED = 100_000

#: Prices like real ones: near the one before, two or more digits behind the point.
_FILL = """
INSERT INTO candles (window_start, window_end, exchange, symbol, timeframe, open, high, low, close, volume, trade_count, closed,
                     first_trade_ts, last_trade_ts, duration_ms, source, created_at)
SELECT t, t + interval '1 minute', 'BINANCE', s || '/USDT', '1m', p, p + 3.17, p - 2.41, p + 0.33,
       round((40 + 30 * sin(n * 7))::numeric, 5),
       (200 + 150 * sin(n * 3))::bigint, true, t + interval '120 ms', t + interval '59.7 s', 59580, 'live', t + interval '61 s'
FROM generate_series(1, {series}) AS s, generate_series(1, {each}) AS n,
LATERAL (SELECT timestamptz '2026-01-01 UTC' + n * interval '1 minute' AS t,
                round((60000 + 900 * sin(n / 700.0) + 40 * sin(n / 9.0))::numeric, 2) AS p) AS made
"""
_SIZE = "SELECT pg_total_relation_size('candles')"


def measure() -> Iterator[Figure]:
    with servers() as (database_url, _, _):
        migrate(database_url)
        yield from writes(database_url)
        yield from reads(database_url)
    yield from compressed()


def writes(database_url: str) -> Iterator[Figure]:
    trades = list(itertools.islice(market(), WRITES))
    batches = [trades[n : n + BATCH] for n in range(0, WRITES, BATCH)]
    connection = psycopg2.connect(dsn(database_url))
    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE incoming_trades (event_ts timestamptz, exchange text, symbol text, trade_id text, "
                   "price numeric, amount numeric, side text, source text DEFAULT 'live') ON COMMIT DELETE ROWS")  # fmt: skip
    connection.commit()
    store = Store(database_url)

    def copy(batch: Sequence[Trade], table: str = "") -> None:
        cursor.copy_expert(COPY_TRADES.replace("trades", table or "trades", 1), StringIO("".join(map(_line, batch))))
        if table:
            cursor.execute(UPSERT_TRADES)
        connection.commit()

    ways: dict[str, Callable[[Sequence[Trade]], None]] = {
        "raw COPY": copy,
        "COPY, then upsert": lambda batch: copy(batch, "incoming_trades"),
        "store": lambda batch: store.write(batch, []),
        "store, all there already": lambda batch: store.write(batch, []),
    }
    rates = {}
    for name, way in ways.items():
        if "there" not in name:
            cursor.execute("TRUNCATE trades")
            connection.commit()
        begin = time.perf_counter()
        for batch in batches:
            way(batch)
        rates[name] = WRITES / (time.perf_counter() - begin)
    cursor.execute("SELECT pg_total_relation_size('trades')")
    size = cursor.fetchone()[0]
    store.close()
    connection.close()
    raw, plain = rates["raw COPY"], rates["COPY, then upsert"]
    yield Figure(
        f"rows into the database, batches of {BATCH}", rates["store"], "rows/s", "COPY, then upsert", plain, f"raw COPY {raw:,.0f}"
    )  # fmt: skip
    yield Figure("a million trades stored, index included", size / WRITES * 1e6 / 2**20, "MiB")
    yield Figure("the same rows once more", rates["store, all there already"], "rows/s", "COPY, then upsert", plain)


def _line(t: Trade) -> str:
    second, ms = divmod(t.ts, 1000)
    return f"{spelled(second)}.{ms:03d}+00\t{t.exchange}\t{t.symbol}\t{t.trade_id}\t{number(t.price)}\t{number(t.amount)}\t{t.side}\n"


def reads(database_url: str) -> Iterator[Figure]:
    connection = psycopg2.connect(dsn(database_url))
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute(_FILL.format(series=SERIES, each=CANDLES // SERIES))
    cursor.execute("VACUUM ANALYZE candles")
    size = _one(cursor, _SIZE)
    yield Figure("a million candles stored, index included", size / CANDLES * 1e6 / 2**20, "MiB")
    reader = Reader(engine(database_url))
    names = [f"{1 + n * 7 % SERIES}/USDT" for n in range(READS)]
    ours = _timed(names, lambda s: reader.candles("BINANCE", s, "1m", limit=500, ascending=False))
    sql = "SELECT * FROM candles WHERE exchange = 'BINANCE' AND symbol = %s AND timeframe = '1m' ORDER BY window_start DESC LIMIT 500"

    def bare(symbol: str) -> list[Any]:
        cursor.execute(sql, (symbol,))
        return list(cursor.fetchall())

    plain = _timed(names, bare)
    # The server's own time: what psql would wait for but the drawing.
    times = []
    for name in names:
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}", (name,))
        plan = cursor.fetchone()[0][0]
        times.append(plan["Planning Time"] + plan["Execution Time"])
    reader.close()
    connection.close()
    found = statistics.median(times)
    yield Figure(
        "the newest 500 candles of ten million, p50", ours[0], "ms", "the bare query by psycopg2", plain[0],
        f"{found:.2f} ms of it finding the rows", most=READ_AIM,
    )  # fmt: skip
    yield Figure("the same, p99", ours[1], "ms", "the bare query by psycopg2", plain[1])


def _timed(symbols: Sequence[str], read: Callable[[str], list[Any]]) -> tuple[float, float]:
    """p50 and p99, ms."""
    times = []
    for symbol in symbols:
        begin = time.perf_counter()
        rows = read(symbol)
        times.append((time.perf_counter() - begin) * 1000)
        assert len(rows) == 500
    cuts = statistics.quantiles(times, n=100)
    return cuts[49], cuts[98]


def compressed() -> Iterator[Figure]:
    if not (MODULES / ".fetched").exists():
        raise SystemExit("TimescaleDB is not installed: make timescale")
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as url:
        migrate(url)
        connection = psycopg2.connect(dsn(url))
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(_FILL.format(series=5, each=COMPRESSED // 5))
        cursor.execute("SELECT compress_chunk(c) FROM show_chunks('candles') AS c")
        cursor.execute("SELECT sum(before_compression_total_bytes), sum(after_compression_total_bytes) "
                       "FROM hypertable_compression_stats('candles')")  # fmt: skip
        before, after = cursor.fetchone()
        scale = 1e6 / COMPRESSED / 2**20
        connection.close()
    yield Figure(
        "the same on TimescaleDB, compressed", float(after) * scale, "MiB", "not compressed", float(before) * scale, f"from {COMPRESSED:,}"
    )  # fmt: skip


def _one(cursor: Any, text: str) -> int:
    cursor.execute(text)
    return int(cursor.fetchone()[0])
