"""Recorded frames through the whole pipeline, workers, bus and database, on both buses: exact to the last digit."""

import csv
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg2
import pytest
import redis

from pipeline import status
from pipeline.settings import Settings, load
from pipeline.store.engine import dsn
from pipeline.store.migrate import migrate
from pipeline.workers import bridge, candles, collector, writer

SESSION = ("hft_binance_spot_btcusdt_20240808.gz", "hft_binance_spot_btcusdt_20240809.gz")
KLINES = "binance_spot_BTCUSDT_1m_20240808T2348_20240809T0009.csv"
TRADES = 19_904
#: The minutes that the recording covers from end to end.
FIRST, LAST = 1_723_161_300_000, 1_723_161_840_000


@contextmanager
def running(settings: Settings, *workers: ModuleType) -> Iterator[None]:
    """The workers in threads; what one raises fails the test."""
    stop = threading.Event()
    raised: list[BaseException] = []

    def guarded(worker: ModuleType) -> None:
        try:
            worker.run(settings, stop)
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=guarded, args=(worker,), name=worker.__name__) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)
    assert not any(thread.is_alive() for thread in threads), "a worker did not stop"
    if raised:
        raise raised[0]


def eventually(check: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while True:
        found = check()
        if found or time.monotonic() > end:
            return found
        time.sleep(0.1)


def rows(database_url: str, query: str) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(dsn(database_url))
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()
    finally:
        connection.close()


@pytest.fixture(params=["streams", "kafka"])
def bus_settings(request: pytest.FixtureRequest, redis_url: str, database_url: str, data_dir: Path) -> Settings:
    kafka = {"kafka_brokers": request.getfixturevalue("kafka_brokers")} if request.param == "kafka" else {}
    files = ",".join(str(data_dir / "ws_raw" / name) for name in SESSION)
    migrate(database_url)
    return load(
        _env_file=None,
        bus=request.param,
        redis_url=redis_url,
        database_url=database_url,
        exchange=f"replay:{files}",
        replay_speed="max",
        symbols="BTC/USDT",
        **kafka,
    )


def test_a_recorded_session_becomes_the_exchanges_own_candles(bus_settings: Settings, data_dir: Path) -> None:
    url = bus_settings.database_url
    with running(bus_settings, writer, candles, bridge, collector):
        stored = eventually(lambda: rows(url, "SELECT count(*) FROM trades")[0][0] == TRADES)
        assert stored, rows(url, "SELECT count(*) FROM trades")
        done = f"SELECT count(*) FROM candles WHERE timeframe = '1m' AND closed AND window_start <= to_timestamp({LAST} / 1000)"
        assert eventually(lambda: rows(url, done)[0][0] == 11)
        client = redis.Redis.from_url(bus_settings.redis_url)
        assert eventually(lambda: status.read_all(client)["collector"].state == "finished")
        client.close()

    ours = {
        int(start * 1000): (figures, complete)
        for start, complete, *figures in rows(
            url,
            "SELECT extract(epoch FROM window_start), complete, open, high, low, close, volume FROM candles "
            "WHERE timeframe = '1m' AND closed AND source = 'live' ORDER BY window_start",
        )
    }
    with (data_dir / "trades_klines" / KLINES).open() as file:
        theirs = {
            int(r["open_time_ms"]): [Decimal(r[k]) for k in ("open", "high", "low", "close", "volume")]
            for r in csv.DictReader(file)
        }
    whole = {start: figures for start, (figures, complete) in ours.items() if complete}
    # The recording begins inside 23:54: that minute is kept, and marked.
    assert [start for start, (_, complete) in ours.items() if not complete] == [FIRST - 60_000]
    assert whole == {start: theirs[start] for start in range(FIRST, LAST + 1, 60_000)}
    # Nothing of the run's last, unfinished minute pretends to be closed.
    assert max(ours) == LAST


def test_playing_it_twice_changes_nothing(bus_settings: Settings) -> None:
    url = bus_settings.database_url
    everything = (
        "SELECT symbol, timeframe, window_start, open, high, low, close, volume, trade_count, complete "
        "FROM candles ORDER BY symbol, timeframe, window_start"
    )
    with running(bus_settings, writer, candles, collector):
        assert eventually(lambda: rows(url, "SELECT count(*) FROM trades")[0][0] == TRADES)
        assert eventually(
            lambda: rows(url, "SELECT count(*) FROM candles WHERE timeframe = '1m' AND complete")[0][0] == 10
        )
    first = rows(url, everything)
    client = redis.Redis.from_url(bus_settings.redis_url)
    client.delete(status.KEY)

    def said(worker: str) -> status.Status:
        # A worker that has not spoken since the deletion is still starting.
        return status.read_all(client).get(worker, status.Status("starting"))

    with running(bus_settings, writer, candles, collector):
        assert eventually(lambda: said("collector").state == "finished")
        assert eventually(lambda: said("writer").facts.get("lag") == 0 and said("candles").facts.get("lag") == 0)
    client.close()
    assert rows(url, "SELECT count(*) FROM trades")[0][0] == TRADES
    assert rows(url, everything) == first
