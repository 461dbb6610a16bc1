"""A market, a bus, a database and the writer between the two."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg2
import pytest

from pipeline.bus.streams import StreamsBus
from pipeline.exchanges.binance import Binance
from pipeline.exchanges.simulator import Simulator
from pipeline.model import Candle, Trade
from pipeline.settings import Settings
from pipeline.store.engine import dsn
from pipeline.store.migrate import migrate
from pipeline.store.session import Session
from pipeline.workers import writer


class Asked(Binance):
    """Binance's client that remembers what it was asked."""

    def __init__(self, rest_url: str, **options: Any) -> None:
        super().__init__("", rest_url, **options)
        self.klines_asked: list[tuple[str, str, int, int | None]] = []

    async def klines(self, symbol: str, timeframe: str, limit: int, end: int | None = None) -> list[Candle]:
        self.klines_asked.append((symbol, timeframe, limit, end))
        return await super().klines(symbol, timeframe, limit, end)

    async def trades_from(self, symbol: str, from_id: int, limit: int) -> list[Trade]:
        return await super().trades_from(symbol, from_id, limit)


@pytest.fixture(scope="session")
def market() -> Iterator[Simulator]:
    with Simulator(seed=5, rate=20, symbols=["BTC/USDT", "ETH/USDT"], process=True) as sim:
        yield sim


@pytest.fixture
def ready(settings: Callable[..., Settings]) -> Settings:
    """Settings of a migrated, empty database."""
    made = settings(symbols="BTC/USDT,ETH/USDT")
    migrate(made.database_url)
    return made


@pytest.fixture
def bus(ready: Settings) -> Iterator[StreamsBus]:
    bus = StreamsBus(ready.redis_url)
    yield bus
    bus.close()


@pytest.fixture
def session(ready: Settings) -> Iterator[Session]:
    session = Session(ready.database_url)
    yield session
    session.close()


@pytest.fixture
def writing(ready: Settings) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=writer.run, args=(ready, stop))
    thread.start()
    yield
    stop.set()
    thread.join(30)


def rows(settings: Settings, sql: str, *values: object) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(dsn(settings.database_url), options="-c timezone=UTC")
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            return list(cursor.fetchall())
    finally:
        connection.close()
