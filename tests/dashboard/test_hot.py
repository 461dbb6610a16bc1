"""The newest candles out of Redis: as they are stored, and no older."""

import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
import redis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from dashboard.services import services
from pipeline import bus as buses
from pipeline.bus.topics import BARS, bars
from pipeline.generations import KEY, Generations
from pipeline.settings import Settings
from pipeline.store.write import Store
from pipeline.wire import bar_record
from pipeline.workers import writer
from tests.dashboard.conftest import candle
from tests.stack import eventually

CANDLES = "/api/v1/crypto/data?symbol=BTC/USDT"


def counts(web: FlaskClient) -> tuple[int, int]:
    hot = services(web.application).hot
    return hot.hits, hot.misses


def test_asked_once_until_a_candle_is_stored(web: FlaskClient, store: Store) -> None:
    store.write([], [candle(n) for n in range(5)])
    first = web.get(CANDLES).json["data"]
    assert counts(web) == (0, 1)
    assert web.get(CANDLES).json["data"] == first
    assert web.get(CANDLES + "&limit=3").json["data"] == first[:3]
    assert counts(web) == (2, 1)
    store.write([], [candle(5), candle(0, symbol="ETH/USDT"), candle(0, "1h")])
    again = web.get(CANDLES).json["data"]
    assert (len(again), again[1:]) == (6, first)
    assert counts(web) == (2, 2)
    # What is mended, too.
    store.write([], [candle(5, close="61234.50000000")])
    assert web.get(CANDLES).json["data"][0]["close"] == 61234.5
    assert "cryptoviz_cache_hit_ratio 0.4" in web.get("/metrics").text


def test_every_digit_survives(web: FlaskClient, store: Store) -> None:
    store.write([], [candle(0)])
    assert web.get(CANDLES).text.partition(',"timestamp"')[0] == web.get(CANDLES).text.partition(',"timestamp"')[0]
    assert counts(web) == (1, 1)
    assert '"volume":1.00000001' in web.get(CANDLES).text


def test_ranges_and_pages_ask_the_database(web: FlaskClient, store: Store) -> None:
    store.write([], [candle(n) for n in range(5)])
    page = web.get(CANDLES + "&limit=2").json
    for more in (
        "&order=asc",
        "&start_time=2024-08-08T12:00:00Z",
        f"&cursor={page['pagination']['next_cursor']}",
        "&limit=5000",
    ):
        assert web.get(CANDLES + more).json["data"]
    assert counts(web) == (0, 1)


def test_a_change_while_the_database_is_read(web: FlaskClient, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read before the change is not kept as if it were of after it."""
    store.write([], [candle(0)])
    reader = services(web.application).reader
    read = reader.candles

    def slow(*args: Any, **options: Any) -> Any:
        rows = read(*args, **options)
        monkeypatch.setattr(reader, "candles", read)
        store.write([], [candle(1)])
        return rows

    monkeypatch.setattr(reader, "candles", slow)
    assert len(web.get(CANDLES).json["data"]) == 1
    assert len(web.get(CANDLES).json["data"]) == 2


@given(steps=st.lists(st.one_of(st.integers(0, 30), st.sampled_from([1, 2, 99, 100, 101, 700])), max_size=12))
@examples(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_never_older_than_the_database(web: FlaskClient, store: Store, steps: list[int]) -> None:
    """Any order of writes (numbers of candles) and reads (limits) gives what the database alone would."""
    for n, step in enumerate(steps):
        if n % 2:
            store.write([], [candle(step, close=f"60000.{n:02d}")])
        else:
            shown = [row["window_start"] for row in web.get(f"{CANDLES}&limit={max(1, step)}").json["data"]]
            stored = services(web.application).reader.candles(
                "BINANCE", "BTC/USDT", "1m", limit=max(1, step), ascending=False
            )
            assert shown == [row.window_start.isoformat().replace("+00:00", "Z") for row in stored]


@pytest.fixture
def writing(settings: Callable[..., Settings], store: Store) -> Iterator[Settings]:
    stop, given = threading.Event(), settings(bus="streams")
    worker = threading.Thread(target=writer.run, args=(given, stop))
    worker.start()
    yield given
    stop.set()
    worker.join(30)


def test_the_writer_says_what_it_stored(web: FlaskClient, writing: Settings) -> None:
    assert web.get(CANDLES).json["data"] == []
    bus = buses.connect(writing)
    try:
        bus.ensure_topics(BARS)
        made = candle(0, close="60000.12345678")
        bus.publish(bars("1m"), [bar_record(made)])
        assert eventually(lambda: len(web.get(CANDLES).json["data"]) == 1)
        assert Decimal(str(web.get(CANDLES).json["data"][0]["close"])) == made.close
    finally:
        bus.close()


def test_changes_are_told_when_redis_is_back(redis_url: str) -> None:
    client, away = redis.Redis.from_url(redis_url), redis.Redis(port=1)
    told = Generations(away)
    told.changed(["BINANCE|BTC/USDT|1m"])
    assert client.hgetall(KEY) == {}
    told._redis = client
    told.changed([])
    assert client.hgetall(KEY) == {b"BINANCE|BTC/USDT|1m": b"1"}
    told.changed([])
    assert client.hgetall(KEY) == {b"BINANCE|BTC/USDT|1m": b"1"}, "once"
    away.close()
    client.close()
