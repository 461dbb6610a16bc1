"""REST on one web server: 500 candles out of the cache, and read from the database, beside the bare query over psycopg2."""

import http.client
import itertools
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2

from pipeline.store.engine import dsn
from pipeline.store.migrate import migrate
from tests.bench.fanout import answers
from tests.bench.figure import Figure
from tests.bench.store import _FILL
from tests.bench.throughput import servers
from tests.stack import Program, eventually, free_port

SERIES = 20
EACH = 50_000
CALLS = 1000
CONNECTIONS = 8
LIMIT = 500

Ask = Callable[[int], None]


def measure() -> Iterator[Figure]:
    with servers() as (database_url, redis_url, _), tempfile.TemporaryDirectory() as folder:
        migrate(database_url)
        connection = psycopg2.connect(dsn(database_url))
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(_FILL.format(series=SERIES, each=EACH))
        cursor.execute("VACUUM ANALYZE candles")
        sql = (
            "SELECT * FROM candles WHERE exchange = 'BINANCE' AND symbol = %s AND timeframe = '1m' ORDER BY window_start DESC "
            f"LIMIT {LIMIT}"
        )

        def bare(n: int) -> None:
            cursor.execute(sql, (_symbol(n),))
            cursor.fetchall()

        base, base99 = _latency(bare)
        port = free_port()
        web = Program(
            "web", "--port", str(port), log=Path(folder) / "web.log", CRYPTOVIZ_REDIS_URL=redis_url, CRYPTOVIZ_DATABASE_URL=database_url
        )  # fmt: skip
        assert eventually(lambda: answers(port))
        # A range, even an open one, is read from the database.
        for name, more in (
            ("out of the cache", ""),
            ("read from the database", "&end_time=2030-01-01T00:00:00Z&order=desc"),
        ):
            p50, p99 = _latency(_getter(port, more))
            rate = _rate(lambda more=more: _getter(port, more))  # type: ignore[misc]
            yield Figure(f"REST, {LIMIT} candles {name}, p50", p50, "ms", "the bare query by psycopg2", base)
            yield Figure("the same, p99", p99, "ms", "the bare query by psycopg2", base99)
            yield Figure(f"the same over {CONNECTIONS} connections", rate, "requests/s")
        web.stop(10)
        connection.close()


def _symbol(n: int) -> str:
    return f"{1 + n * 7 % SERIES}/USDT"


def _getter(port: int, more: str) -> Ask:
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def get(n: int) -> None:
        connection.request("GET", f"/api/v1/crypto/data?symbol={_symbol(n)}&interval=1m&limit={LIMIT}{more}")
        response = connection.getresponse()
        body = response.read()
        assert response.status == 200 and len(body) > 100_000

    return get


def _latency(ask: Ask) -> tuple[float, float]:
    """p50 and p99, ms, of calls one after the other."""
    for n in range(SERIES):
        ask(n)
    times = []
    for n in range(CALLS):
        begin = time.perf_counter()
        ask(n)
        times.append((time.perf_counter() - begin) * 1000)
    times.sort()
    return statistics.median(times), times[len(times) * 99 // 100]


def _rate(getter: Callable[[], Ask]) -> float:
    """Calls a second of several connections at once."""
    numbers = itertools.count()

    def caller() -> None:
        ask = getter()
        while (n := next(numbers)) < CALLS:
            ask(n)

    threads = [threading.Thread(target=caller) for _ in range(CONNECTIONS)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return CALLS / (time.perf_counter() - begin)
