"""The ledger: what it counts, against trades of which we know what is missing."""

import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg2
import pytest
import redis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.app import create_app
from dashboard.services import services
from pipeline.collecting import duplicates
from pipeline.collecting.gaps import LostTrades
from pipeline.keeping.ledger import Keeping
from pipeline.model import Candle, Trade
from pipeline.settings import Settings
from pipeline.store.checks import Check, Checks
from pipeline.store.engine import dsn
from pipeline.store.gaps import Gaps
from pipeline.store.quality import Ledger, percentile
from pipeline.store.session import Session, at, ms
from pipeline.store.write import Store
from tests.keeping.conftest import rows

HOUR = 3_600_000
NOW = ms(datetime.now(UTC).replace(minute=0, second=0, microsecond=0))


def trade(number: int, ts: int, repaired: bool = False, symbol: str = "BTC/USDT") -> Trade:
    return Trade("BINANCE", symbol, ts, Decimal(1), Decimal(1), "buy", str(number), repaired=repaired)


@pytest.fixture
def store(ready: Settings) -> Iterator[Store]:
    store = Store(ready.database_url)
    yield store
    store.close()


@pytest.fixture
def client(ready: Settings) -> Iterator[Any]:
    client = redis.Redis.from_url(ready.redis_url)
    yield client
    client.close()


@pytest.fixture
def keeping(session: Session, client: Any) -> Keeping:
    return Keeping(Ledger(session), client, "BINANCE")


@pytest.fixture
def web(ready: Settings) -> Iterator[FlaskClient]:
    server = create_app(ready)
    with server.test_client() as client:
        yield client
    services(server).redis.close()
    services(server).reader.close()


def counted(settings: Settings) -> list[tuple[Any, ...]]:
    """Hours from now, expected, stored, repaired, of BTC/USDT; oldest first."""
    return [
        ((ms(hour) - NOW) // HOUR, *rest)
        for hour, *rest in rows(
            settings,
            "SELECT hour, trades_expected, trades_stored, trades_repaired FROM quality WHERE symbol = 'BTC/USDT' ORDER BY hour",
        )
    ]


def test_what_is_missing_is_known_and_hours_add_up(store: Store, keeping: Keeping, ready: Settings) -> None:
    # Ids over the step from 9 to 10 digits, as text sorts them wrongly; 3 missing within an hour, 5 between two.
    first = 999_999_995
    there = [n for n in range(40) if n not in {11, 12, 13, *range(20, 25)}]
    old, recent = NOW - 3 * HOUR, NOW - HOUR
    store.write([trade(first + n, (old if n < 20 else recent) + n) for n in there], [])
    assert 0 <= keeping.look(["BTC/USDT", "ETH/USDT"]) < 60
    assert counted(ready) == [(-3, 20, 17, 0), (-1, 20, 15, 0)]
    assert rows(ready, "SELECT FROM quality WHERE symbol = 'ETH/USDT'") == []
    # The hole is repaired: an hour long past is counted again.
    store.write([trade(first + n, old + n, repaired=True) for n in (11, 12, 13)], [])
    keeping.look(["BTC/USDT"])
    assert counted(ready) == [(-3, 20, 20, 3), (-1, 20, 15, 0)]


def test_a_restart_counts_the_hours_it_was_not_there_for(
    store: Store, keeping: Keeping, session: Session, client: Any, ready: Settings
) -> None:
    store.write([trade(n, NOW - 5 * HOUR + n) for n in range(10)], [])
    keeping.look(["BTC/USDT"])
    store.write([trade(n, NOW - 5 * HOUR + n) for n in range(10, 15)], [])
    store.write([trade(n, NOW - 3 * HOUR + n) for n in range(15, 20)], [])
    assert [row[2] for row in counted(ready)] == [10]
    Keeping(Ledger(session), client, "BINANCE").look(["BTC/USDT"])
    assert counted(ready) == [(-5, 15, 15, 0), (-3, 5, 5, 0)]


def test_of_an_hour_that_goes_on_only_what_is_new_is_read(
    store: Store, keeping: Keeping, session: Session, ready: Settings
) -> None:
    def read() -> int:
        with session.transaction() as cursor:
            cursor.execute("ANALYZE trades; SELECT pg_stat_force_next_flush()")
        return int(rows(ready, "SELECT sum(idx_tup_fetch + seq_tup_read) FROM pg_stat_user_tables")[0][0])

    def there(numbers: Iterable[int], repaired: bool = False) -> list[Trade]:
        return [trade(n, NOW - HOUR + n * 500, repaired) for n in numbers]

    store.write(there(n for n in range(6000) if n != 7), [])
    keeping.look(["BTC/USDT"])
    assert counted(ready) == [(-1, 6000, 5999, 0)]
    store.write(there(range(6000, 6010)), [])
    before = read()
    keeping.look(["BTC/USDT"])
    assert read() - before < 1000
    assert counted(ready) == [(-1, 6010, 6009, 0)]
    # A repair in what was counted long ago.
    store.write(there([7], repaired=True), [])
    keeping.look(["BTC/USDT"])
    assert counted(ready) == [(-1, 6010, 6010, 1)]


def test_an_hour_that_is_over_is_counted_from_its_beginning(
    store: Store, keeping: Keeping, session: Session, ready: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock(datetime):
        at = 0

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.fromtimestamp(cls.at / 1000, tz)

    monkeypatch.setattr("pipeline.keeping.ledger.datetime", Clock)
    Clock.at = NOW + HOUR // 2
    store.write([trade(n, NOW + n * 5000) for n in range(300)], [])
    keeping.look(["BTC/USDT"])
    with session.transaction() as cursor:
        cursor.execute("DELETE FROM trades WHERE trade_id = '20'")
    for minutes, stored in ((1, 300), (6, 299)):
        Clock.at = NOW + HOUR + minutes * 60_000
        keeping.look(["BTC/USDT"])
        assert counted(ready) == [(0, 300, stored, 0)]


@given(st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_counted_in_parts_is_counted_at_once(store: Store, session: Session, data: st.DataObject) -> None:
    with session.transaction() as cursor:
        cursor.execute("TRUNCATE trades")
    ledger, hour, settled, number = Ledger(session), at(NOW), None, 0
    for _ in range(data.draw(st.integers(1, 5))):
        batch = []
        for gap, seconds in data.draw(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 40)), max_size=30)):
            number += gap
            batch.append(trade(number, NOW + number * 1000 + seconds * 1000))
        store.write(batch, [])
        found, settled = ledger.count("BINANCE", "BTC/USDT", hour, 0, ["1m"], settled)
        assert found == ledger.count("BINANCE", "BTC/USDT", hour, 0, ["1m"])[0]


def test_everything_else_that_is_known_of_an_hour(
    store: Store, keeping: Keeping, session: Session, client: Any, ready: Settings, web: FlaskClient
) -> None:
    store.write([trade(n, NOW - HOUR + n) for n in (1, 2, 4)], [])
    store.write([trade(9, NOW - 3 * HOUR, symbol="ETH/USDT")], [])
    dropped = duplicates.Duplicates(client, "BINANCE")
    for counts in ({"BTC/USDT": 3}, {"BTC/USDT": 3}, {"BTC/USDT": 7}):
        dropped.note(counts)
    candle = Candle(
        "BINANCE", "BTC/USDT", "1m", NOW - HOUR, NOW - HOUR + 60_000, *map(Decimal, (2, 4, 1, 3, 5)), 10, True
    )
    Gaps(session).add([LostTrades("BINANCE", "BTC/USDT", 3, 3, NOW - HOUR + 2, NOW - HOUR + 4, "gone")])
    Checks(session).add([Check(candle, None, False)])
    keeping.look(["BTC/USDT", "ETH/USDT"])
    keeping.look(["BTC/USDT", "ETH/USDT"])
    answer = web.get("/api/v1/quality?symbol=BTCUSDT").json
    assert answer is not None and answer["success"]
    by_hour = {row["hour"]: row for row in answer["data"]}
    spelt = datetime.fromtimestamp((NOW - HOUR) / 1000, UTC).isoformat().replace("+00:00", "Z")
    hour = by_hour[spelt]
    age = ms(datetime.now(UTC)) - (NOW - HOUR)
    assert age - 60_000 < hour["lag_p50_ms"] <= hour["lag_p99_ms"] <= age
    assert {key: value for key, value in hour.items() if "lag" not in key and key != "updated_at"} == {
        "hour": spelt, "exchange": "BINANCE", "symbol": "BTC/USDT", "trades_expected": 4, "trades_stored": 3,
        "trades_missing": 1, "trades_repaired": 0, "duplicates": 0, "gaps": 1, "candles_checked": 1, "candles_mismatched": 1,
    }  # fmt: skip
    assert sum(row["duplicates"] for row in answer["data"]) == 7
    every = web.get("/api/v1/quality?limit=1").json
    assert every is not None
    seen = list(every["data"])
    while every["pagination"]["next_cursor"]:
        every = web.get(f"/api/v1/quality?limit=1&cursor={every['pagination']['next_cursor']}").json
        assert every is not None
        seen += every["data"]
    assert [(row["hour"], row["symbol"]) for row in seen] == sorted(
        ((row["hour"], row["symbol"]) for row in seen), reverse=True
    )
    assert {row["symbol"] for row in seen} == {"BTC/USDT", "ETH/USDT"} and len(seen) == len(answer["data"]) + 1
    ranged = web.get(f"/api/v1/quality?end_time={spelt}").json
    assert ranged is not None and ranged["data"][0]["symbol"] == "ETH/USDT"
    gaps = web.get("/api/v1/quality/gaps?symbol=BTC/USDT").json
    assert gaps is not None
    assert [(gap["first_id"], gap["last_id"], gap["reason"]) for gap in gaps["data"]] == [(3, 3, "gone")]


def test_ids_that_do_not_count_up_are_counted_and_nothing_is_expected(
    store: Store, session: Session, client: Any, ready: Settings
) -> None:
    store.write([Trade("KRAKEN", "BTC/USD", NOW + 5, Decimal(1), Decimal(1), "buy", "T-x")], [])
    Keeping(Ledger(session), client, "KRAKEN").look(["BTC/USD"])
    assert rows(ready, "SELECT exchange, trades_expected, trades_stored FROM quality") == [("KRAKEN", None, 1)]


def test_duplicates_of_a_while_ago_are_forgotten_in_redis_and_kept_in_the_ledger(
    keeping: Keeping, client: Any, ready: Settings
) -> None:
    client.hset(duplicates.KEY, f"BINANCE|BTC/USDT|{NOW - 4 * HOUR}", 6)
    keeping.look(["BTC/USDT"])
    assert client.hlen(duplicates.KEY) == 0
    keeping.look(["BTC/USDT"])
    found = rows(ready, "SELECT hour, duplicates FROM quality")
    assert found == [(datetime.fromtimestamp(NOW / 1000, UTC) - timedelta(hours=4), 6)]


@given(st.lists(st.integers(-5, 50), min_size=1, max_size=60), st.sampled_from([0.01, 0.5, 0.99, 1.0]))
def test_percentiles_are_those_of_the_sorted_list(values: list[int], share: float) -> None:
    counts = [(value, values.count(value)) for value in sorted(set(values))]
    place = max(0, -int(-share * len(values) // 1) - 1)
    assert percentile(counts, share) == sorted(values)[place]
    assert percentile([], share) is None


def test_a_database_that_hung_meanwhile_does_not_silence_the_ledger(
    keeping: Keeping, store: Store, ready: Settings
) -> None:
    """The drill stopped the server for 12 s in the middle of a count; the next one came seven minutes later."""
    store.write([trade(1, NOW + 1)], [])
    holder = psycopg2.connect(dsn(ready.database_url))
    with holder.cursor() as cursor:
        cursor.execute("LOCK TABLE trades IN ACCESS EXCLUSIVE MODE")
    release = threading.Timer(4, holder.rollback)
    release.start()
    try:
        assert keeping.look(["BTC/USDT"]) <= 60
    finally:
        release.join()
        holder.close()
    assert counted(ready)
