"""All of `sql/`, every write and every read, and what only TimescaleDB does, on a real TimescaleDB; beside plain PostgreSQL."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import psycopg2
import psycopg2.errors
import pytest

from pipeline.collecting.gaps import LostTrades
from pipeline.keeping.ranges import Range
from pipeline.model import Article, Candle, Indicator, Trade
from pipeline.store.aggregates import Aggregates
from pipeline.store.checks import Check, Checks
from pipeline.store.currencies import Currencies
from pipeline.store.engine import dsn, engine
from pipeline.store.gaps import Gaps
from pipeline.store.migrate import migrate
from pipeline.store.places import Places
from pipeline.store.progress import Progress
from pipeline.store.quality import Ledger
from pipeline.store.read import Reader, TradeKey
from pipeline.store.session import Session, at, ms
from pipeline.store.users import Users
from pipeline.store.write import Store
from tests.timescale.inserting import InsertingStore
from tests.tools import REPOSITORY

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
TODAY = ms(datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0))
NAMES = ("BTC/USDT", "ETH/USDT", "SOL/USDT")


def trade(number: int, ts: int, symbol: str = "BTC/USDT", *, price: str = "10.50", repaired: bool = False) -> Trade:
    return Trade(
        "BINANCE", symbol, ts, Decimal(price), Decimal("0.010"), "buy" if number % 3 else "sell", str(number),
        repaired=repaired,
    )  # fmt: skip


def candle(start: int, close: str = "3", symbol: str = "BTC/USDT", source: str = "live", **more: Any) -> Candle:
    return Candle(
        "BINANCE", symbol, "1m", start, start + MINUTE, Decimal(2), Decimal(5), Decimal(1), Decimal(close), Decimal("1.5"), 7,
        True, start + 1, start + 900, source=source, **more,
    )  # fmt: skip


def fill(store: Store) -> None:
    """Forty days of everything, thinly."""
    trades = [
        trade(day * 100 + n, TODAY - day * DAY + n * 7 * MINUTE, name)
        for day in range(40, -1, -1)
        for n in range(20)
        for name in NAMES
    ]
    candles = [candle(TODAY - n * 6 * HOUR, str(3 + n % 2), name) for n in range(160) for name in NAMES]
    indicators = [
        Indicator(
            time=TODAY - n * 6 * HOUR,
            exchange="BINANCE",
            symbol="BTC/USDT",
            timeframe="1m",
            indicator_type=name,
            value=n / 7,
        )
        for n in range(160)
        for name in ("rsi", "sma")
    ]
    articles = [
        Article(
            time=TODAY - n * HOUR,
            source="CoinDesk",
            url=f"https://x.example/{n}",
            title=f"News {n}",
            content="",
            sentiment_score=0.5,
            symbols=("btc",),
        )
        for n in range(9)
    ]
    store.write(trades, candles, indicators, articles)
    # Again, and one of them twice: nothing changes.
    store.write(trades, candles[:5], indicators, articles)
    store.write([trade(1, TODAY - 3 * DAY + 1, repaired=True)] * 2, [])


@pytest.fixture(scope="module")
def both(timescale_url: str, postgres_url: str) -> Iterator[tuple[str, str]]:
    """TimescaleDB and plain PostgreSQL with the same rows."""
    connection = psycopg2.connect(dsn(postgres_url))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("DROP DATABASE IF EXISTS beside_timescale WITH (FORCE)")
        cursor.execute("CREATE DATABASE beside_timescale")
    plain = postgres_url.replace("/cryptoviz?", "/beside_timescale?")
    assert "061_timescale.sql" in migrate(timescale_url)
    assert "061_timescale.sql" not in migrate(plain)
    for store in (InsertingStore(timescale_url), Store(plain)):
        with closing(store):
            fill(store)
    yield timescale_url, plain
    with connection.cursor() as cursor:
        cursor.execute("DROP DATABASE beside_timescale WITH (FORCE)")
    connection.close()


@pytest.fixture
def url(both: tuple[str, str]) -> str:
    return both[0]


@contextmanager
def cursor_of(url: str) -> Iterator[Any]:
    """One that commits each statement."""
    connection = psycopg2.connect(dsn(url))
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def query(url: str, text: str, *values: object) -> list[tuple[Any, ...]]:
    with cursor_of(url) as cursor:
        cursor.execute(text, values)
        return list(cursor.fetchall())


def run_policies(url: str, name: str) -> None:
    for (job,) in query(
        url, "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = %s ORDER BY job_id", name
    ):
        with cursor_of(url) as cursor:
            cursor.execute("CALL run_job(%s)", (job,))


LONG_AGO = at(TODAY - 30 * DAY)
READS: dict[str, Callable[[Reader], Any]] = {
    "candles": lambda r: r.candles("BINANCE", "BTC/USDT", "1m", limit=100, ascending=False),
    "candles between": lambda r: r.candles(
        "BINANCE",
        "ETH/USDT",
        "1m",
        limit=100,
        ascending=True,
        start=LONG_AGO,
        end=at(TODAY - 9 * DAY),
        after=at(TODAY - 29 * DAY),
    ),
    "trades": lambda r: r.trades("BINANCE", "BTC/USDT", limit=1000, ascending=False),
    "trades between": lambda r: r.trades(
        "BINANCE",
        "SOL/USDT",
        limit=50,
        ascending=True,
        start=LONG_AGO,
        end=at(TODAY),
        after=TradeKey(at(TODAY - 9 * DAY + 7 * MINUTE), "901"),
    ),
    "indicators": lambda r: r.indicators(
        "BINANCE",
        "BTC/USDT",
        "1m",
        "rsi",
        limit=50,
        ascending=True,
        start=LONG_AGO,
        end=at(TODAY),
        after=at(TODAY - 20 * DAY),
    ),
    "newest indicators": lambda r: r.newest_indicators("BINANCE", "BTC/USDT", "1m", ["sma", "macd", "rsi"]),
    "symbols": lambda r: r.symbols(at(TODAY - DAY)),
    "reaching": lambda r: r.reaching("BINANCE", "BTC/USDT", "1m", at(TODAY - DAY)),
    "span": lambda r: r.span("BINANCE", "BTC/USDT", "1m", at(TODAY - 12 * DAY), at(TODAY)),
    "currencies": lambda r: r.currencies(),
    "quality": lambda r: r.quality("BINANCE", None, limit=10, ascending=False, after=(at(TODAY), "BTC/USDT")),
    "gaps": lambda r: r.gaps("BINANCE", "BTC/USDT", limit=10),
}
#: When a row was written is the row's own.
MADE = {"created_at", "updated_at", "noted_at"}


def without_made(value: Any) -> Any:
    rows = msgspec.to_builtins(value)
    if not isinstance(rows, list):
        return rows
    return [{k: v for k, v in row.items() if k not in MADE} if isinstance(row, dict) else row for row in rows]


@pytest.mark.parametrize("name", READS)
def test_reads_answer_as_on_plain_postgresql(both: tuple[str, str], name: str) -> None:
    answers = []
    for url in both:
        session = Session(url)
        Gaps(session).add([LostTrades("BINANCE", "BTC/USDT", 5, 9, TODAY - 5 * DAY, TODAY - 5 * DAY + HOUR, "x")])
        ledger = Ledger(session)
        hour, _ = ledger.count("BINANCE", "BTC/USDT", at(TODAY - DAY), 1, ["1m"])
        assert hour is not None
        ledger.write([hour._replace(lag_p50=None, lag_p99=None)])
        session.close()
        reader = Reader(engine(url, pool_size=1))
        reader.alive()
        answers.append(without_made(READS[name](reader)))
        reader.close()
    assert answers[0] == answers[1]
    assert answers[0] or name == "quality"


def test_every_file_runs_again(url: str) -> None:
    names = [row[0] for row in query(url, "SELECT name FROM schema_migrations ORDER BY name")]
    before = query(url, "SELECT count(*) FROM timescaledb_information.jobs")
    with cursor_of(url) as cursor:
        # As after weeks of running: some chunks are compressed.
        cursor.execute(
            "SELECT compress_chunk(c, true) FROM show_chunks('candles', older_than => now() - interval '20 days') AS c"
        )
        cursor.execute("DELETE FROM schema_migrations")
    assert migrate(url) == names
    assert query(url, "SELECT count(*) FROM timescaledb_information.jobs") == before


def test_chunks_are_as_designed(url: str) -> None:
    found = query(
        url,
        "SELECT hypertable_name, column_name, time_interval, num_partitions FROM timescaledb_information.dimensions "
        "WHERE hypertable_name IN ('trades', 'candles', 'indicators') ORDER BY hypertable_name, dimension_number",
    )
    assert found == [
        ("candles", "window_start", timedelta(days=30), None),
        ("indicators", "time", timedelta(days=7), None),
        ("trades", "event_ts", timedelta(days=1), None),
        ("trades", "symbol", None, 4),
    ]


def test_a_question_reads_its_own_chunks_only(url: str) -> None:
    plan = query(
        url,
        "EXPLAIN SELECT * FROM trades WHERE exchange = 'BINANCE' AND symbol = 'BTC/USDT' AND event_ts >= %s AND event_ts < %s",
        at(TODAY - 2 * DAY),
        at(TODAY - DAY),
    )
    assert str(plan).count("_hyper_") and len({word for word in str(plan).split() if word.startswith("_hyper_")}) == 1


def test_policies_compress_what_is_old_and_nothing_else(both: tuple[str, str]) -> None:
    url, plain = both
    run_policies(url, "policy_compression")
    young = query(
        url,
        "SELECT count(*) FILTER (WHERE is_compressed), count(*) FROM timescaledb_information.chunks "
        "WHERE hypertable_name = 'trades' AND range_end > now() - interval '7 days'",
    )
    old = query(
        url,
        "SELECT count(*) FILTER (WHERE NOT is_compressed), count(*) > 20 FROM timescaledb_information.chunks "
        "WHERE hypertable_name = 'trades' AND range_end < now() - interval '8 days'",
    )
    assert young[0][0] == 0 and young[0][1] > 0
    assert old == [(0, True)]
    # What is compressed lies in tables of its own, and is told apart.
    pool = engine(url, pool_size=1)
    places = {(one.dataset, one.tier): one.bytes for one in Places(pool).all()}
    pool.dispose()
    assert places["trades", "hot"] > 0 and places["trades", "compressed"] > 0
    # The same rows, the same answers.
    columns = "event_ts, symbol, trade_id, price::text, amount::text, side, source"
    text = f"SELECT {columns} FROM trades ORDER BY symbol, event_ts, trade_id"
    assert query(url, text) == query(plain, text)


def test_late_writes_reach_compressed_chunks(both: tuple[str, str]) -> None:
    """What a long look-back of backfill, or a repair after a week off, still brings."""
    url, plain = both
    start = TODAY - 39 * DAY
    with cursor_of(url) as cursor:
        cursor.execute(
            "SELECT compress_chunk(c, true) FROM show_chunks('candles', older_than => now() - interval '9 days') AS c"
        )
    for store in (InsertingStore(url), Store(plain)):
        with closing(store):
            store.write([trade(4000, start), trade(77_777, start + 1)], [])  # one is there
            store.write([], [candle(start, "4", source="historical"), candle(start + MINUTE, "9")])
            store.write([], [candle(start, "1")])  # our own never replaces the exchange's
    for text in (
        "SELECT window_start, symbol, close::text, source FROM candles ORDER BY 1, 2",
        "SELECT event_ts, symbol, trade_id FROM trades ORDER BY 1, 2, 3",
    ):
        assert query(url, text) == query(plain, text)


HOURS = "SELECT hour, symbol, trade_count, volume, quote_volume, buy_volume, high, low FROM trade_hours ORDER BY 1, 2"
DAYS = "SELECT day, symbol, trade_count, volume, quote_volume, buy_volume, high, low FROM trade_days ORDER BY 1, 2"


def test_aggregates_are_real_time_and_refreshed_after_a_repair(both: tuple[str, str]) -> None:
    url, plain = both
    # Before anything was materialized, and after the policies ran.
    assert query(url, HOURS) == query(plain, HOURS) and query(url, DAYS) == query(plain, DAYS)
    run_policies(url, "policy_refresh_continuous_aggregate")
    assert query(url, HOURS) == query(plain, HOURS)
    long_ago, now = TODAY - 2 * DAY, ms(datetime.now(UTC))
    for store in (InsertingStore(url), Store(plain)):
        with closing(store):
            # A trade of now is there at once, without any refresh.
            store.write([trade(90_000, now + 3)], [])
    assert query(url, HOURS) == query(plain, HOURS)
    for store in (InsertingStore(url), Store(plain)):
        with closing(store):
            store.write([trade(90_001, long_ago + 5, price="99", repaired=True)], [])
    # Materialized hours hold still until they are refreshed, which the keeper does when the ledger sees the repair.
    assert query(url, HOURS) != query(plain, HOURS)
    assert Aggregates(url).refresh(at(long_ago), at(long_ago)) is True
    assert query(url, HOURS) == query(plain, HOURS)
    assert query(url, DAYS) == query(plain, DAYS)
    assert Aggregates(plain).refresh(at(long_ago), at(long_ago)) is False


def test_stats(both: tuple[str, str]) -> None:
    text = "SELECT symbol, timeframe, latest_price, price_change_24h, volume_24h, high_24h, low_24h FROM stats(%s)"
    assert query(both[0], text, "ETH/USDT") == query(both[1], text, "ETH/USDT")
    # Newest candle at 00:00 of today; 24 h before its end are the four before it.
    assert query(both[0], text, "ETH/USDT")[0][2:5] == (Decimal(3), Decimal(1), Decimal("6.0"))
    assert query(both[0], text, "NO/SUCH") == []


def test_the_small_tables(url: str) -> None:
    session = Session(url)
    try:
        progress = Progress(session)
        progress.add("BINANCE", "BTC/USDT", "1m", Range(TODAY - DAY, TODAY), 1440)
        assert progress.ranges("BINANCE", "BTC/USDT", "1m") == [Range(TODAY - DAY, TODAY)]
        assert progress.stored("BINANCE", "BTC/USDT", "1m", Range(TODAY - DAY, TODAY)) == 0
        checks = Checks(session)
        ours = checks.unchecked("BINANCE", "BTC/USDT", "1m", Range(TODAY - 2 * DAY, TODAY), 100)
        assert len(ours) == 8
        checks.add([Check(one, None, False) for one in ours])
        assert checks.unchecked("BINANCE", "BTC/USDT", "1m", Range(TODAY - 2 * DAY, TODAY), 100) == []
        assert Ledger(session).changed("BINANCE", at(TODAY - 365 * DAY))
        assert Users(session).add("Ann", "hash").name == "Ann" and Users(session).find("ANN") is not None
        assert Currencies(session).find("btc") is not None
    finally:
        session.close()
    with closing(InsertingStore(url)) as store:
        assert store.save_state("w", 0, None, "1", b"x") and store.load_state("w", 0) == ("1", b"x")


def test_retention_is_per_timeframe_and_drops_empty_chunks(both: tuple[str, str]) -> None:
    later = at(TODAY + 85 * DAY)
    text = "SELECT apply_retention(interval '7 days', NULL, %s)"
    assert query(both[0], text, later) == query(both[1], text, later)
    for table, column in (("trades", "event_ts"), ("candles", "window_start"), ("indicators", "time")):
        left = f"SELECT count(*), min({column}) FROM {table}"
        assert query(both[0], left) == query(both[1], left)
    run_policies(both[0], "policy_refresh_continuous_aggregate")
    assert query(both[0], HOURS) == query(both[1], HOURS) and query(both[0], DAYS) == query(both[1], DAYS)
    chunks = "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'trades'"
    before = query(both[0], chunks)[0][0]
    dropped = query(both[0], "SELECT drop_empty_chunks(now())")[0][0]
    assert dropped > 10 and query(both[0], chunks)[0][0] < before


def test_the_dashboard_of_the_database(url: str) -> None:
    """What Grafana asks of TimescaleDB's own tables, it answers."""
    board = json.loads((REPOSITORY / "deploy" / "grafana" / "dashboards" / "database.json").read_text())
    asked = [target["rawSql"] for panel in board["panels"] for target in panel["targets"] if "rawSql" in target]
    assert len(asked) == 3
    for sql in asked:
        assert query(url, sql.replace("%", "%%"))
