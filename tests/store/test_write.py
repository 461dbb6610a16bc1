"""Upserts against a real PostgreSQL: which candle stays, and that writing twice changes nothing."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.model import Article, Candle, Indicator, Trade
from pipeline.store.engine import dsn
from pipeline.store.migrate import migrate
from pipeline.store.write import Store

CANDLE = Candle("BINANCE", "BTC/USDT", "1m", 60_000, 120_000, *map(Decimal, "24135"), 10, True, 60_001, 119_000)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    migrate(database_url)
    store = Store(database_url)
    yield store
    store.close()


def query(database_url: str, text: str) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(dsn(database_url))
    with connection.cursor() as cursor:
        cursor.execute(text)
        found = cursor.fetchall()
    connection.close()
    return found


def test_migrations_run_once_and_again(database_url: str) -> None:
    every = migrate(database_url)
    assert every == sorted(every) and every[:2] == ["010_tables.sql", "020_plain.sql"]
    assert migrate(database_url) == []
    connection = psycopg2.connect(dsn(database_url))
    with connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM schema_migrations")
    connection.close()
    assert migrate(database_url) == every


def test_trades_keep_every_digit_and_are_stored_once(store: Store, database_url: str) -> None:
    trade = Trade("BINANCE", "BTC/USDT", 1763640000123, Decimal("61837.63000000"), Decimal("0.00000001"), "buy", "7")
    store.write([trade, trade], [])
    store.write([trade], [])
    assert query(
        database_url, "SELECT extract(epoch FROM event_ts) * 1000, price::text, amount::text, trade_id FROM trades"
    ) == [(Decimal("1763640000123.000"), "61837.63000000", "0.00000001", "7")]


@given(
    st.lists(
        st.builds(
            lambda closed, source, complete, count: replace(
                CANDLE, closed=closed, source=source, complete=complete, trade_count=count, volume=Decimal(count)
            ),
            st.booleans(),
            st.sampled_from(["live", "historical"]),
            st.booleans(),
            st.integers(0, 3),
        ),
        min_size=1,
        max_size=6,
    ),
    st.integers(1, 6),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_better_candle_stays_however_they_arrive(
    store: Store, database_url: str, candles: list[Candle], size: int
) -> None:
    connection = psycopg2.connect(dsn(database_url))
    with connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM candles")
    connection.close()
    for at in range(0, len(candles), size):
        store.write([], candles[at : at + size])
    (kept,) = query(database_url, "SELECT closed, source, complete, trade_count FROM candles")

    def rank(c: Candle) -> tuple[int, int]:
        return (0 if not c.closed else 3 if c.source == "historical" else 2 if c.complete else 1), c.trade_count

    wanted = max(candles, key=rank)
    assert rank(replace(CANDLE, closed=kept[0], source=kept[1], complete=kept[2], trade_count=kept[3])) == rank(wanted)


def test_a_batch_that_fails_leaves_nothing(store: Store, database_url: str) -> None:
    good = Trade("BINANCE", "BTC/USDT", 1, Decimal(1), Decimal(1), "buy", "1")
    with pytest.raises(psycopg2.Error):
        store.write([good, replace(good, side="up", trade_id="2")], [])
    store.close()
    store.write([], [CANDLE])
    assert query(database_url, "SELECT count(*) FROM trades") == [(0,)]


def test_state_is_fenced(store: Store) -> None:
    assert store.load_state("candles@streams", 0) is None
    assert store.save_state("candles@streams", 0, None, "5-0", b"\x00one")
    assert not store.save_state("candles@streams", 0, None, "6-0", b"late")
    assert store.save_state("candles@streams", 0, "5-0", "7-0", b"two")
    assert not store.save_state("candles@streams", 0, "5-0", "8-0", b"late")
    assert store.load_state("candles@streams", 0) == ("7-0", b"two")


def test_indicators_replace_themselves(store: Store, database_url: str) -> None:
    first = Indicator(60_000, "BTC/USDT", "1m", "rsi", value=50.5)
    store.write([], [], [first, replace(first, value=51.25)])
    store.write([], [], [replace(first, indicator_type="bollinger", value=None, upper_band=2.0, lower_band=1.0)])
    found = "SELECT indicator_type, value, upper_band, lower_band FROM indicators ORDER BY 1 DESC"
    assert query(database_url, found) == [("rsi", 51.25, None, None), ("bollinger", None, 2.0, 1.0)]
    store.write([], [], [replace(first, value=49.0)])
    assert query(database_url, found)[0] == ("rsi", 49.0, None, None)


def test_articles_are_stored_once_and_any_text_survives(store: Store, database_url: str) -> None:
    text = "back\\slash\ttab\nline\r\\N \u2028 '\"; DROP TABLE news --"
    article = Article(60_000, "s", "https://a.example/1", text, text, 0.5, ("btc",))
    store.write([], [], [], [article])
    store.write([], [], [], [replace(article, time=120_000, title="edited", sentiment_score=None)])
    assert query(
        database_url, "SELECT extract(epoch FROM time)::int, title, content, sentiment_score, symbols FROM news"
    ) == [(60, "edited", text, None, ["btc"])]
