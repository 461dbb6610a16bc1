"""The web application over real servers, with a little market in them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
import redis
from flask.testing import FlaskClient

from dashboard.app import create_app
from dashboard.services import services
from pipeline.generations import Generations, series
from pipeline.live import LivePublisher
from pipeline.model import Candle, Trade
from pipeline.settings import Settings
from pipeline.store.migrate import migrate
from pipeline.store.write import Store
from pipeline.timeframes import TIMEFRAMES
from tests.dashboard.people import SECRET, People

#: 2024-08-08T12:00:00Z
NOON = 1_723_118_400_000


def candle(
    n: int, timeframe: str = "1m", closed: bool = True, symbol: str = "BTC/USDT", close: str = "60000.10"
) -> Candle:
    """The n-th window after noon."""
    length = TIMEFRAMES[timeframe]
    start = NOON + n * length
    price = Decimal(close)
    return Candle(
        "BINANCE", symbol, timeframe, start, start + length, Decimal("60000.00000000"), price + 10, Decimal("59990.5"), price,
        Decimal("1.00000001"), 7, closed, start + 5, start + length - 5,
    )  # fmt: skip


def trade(n: int, id_: str | None = None, symbol: str = "BTC/USDT") -> Trade:
    return Trade("BINANCE", symbol, NOON + n, Decimal("60000.12000000"), Decimal("0.00000100"), "buy", id_ or str(n))


class Told(Store):
    """Writes as the writer does: tells then which series have changed."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        super().__init__(database_url)
        self._redis = redis.Redis.from_url(redis_url)
        self._generations = Generations(self._redis)

    def write(self, trades: Sequence[Trade], candles: Sequence[Candle], *rest: Any, **more: Any) -> None:
        super().write(trades, candles, *rest, **more)
        self._generations.changed(series(one.exchange, one.symbol, one.timeframe) for one in candles)

    def close(self) -> None:
        super().close()
        self._redis.close()


@pytest.fixture
def store(database_url: str, redis_url: str) -> Iterator[Store]:
    migrate(database_url)
    store = Told(database_url, redis_url)
    yield store
    store.close()


@pytest.fixture
def live(redis_url: str) -> Iterator[LivePublisher]:
    client = redis.Redis.from_url(redis_url)
    yield LivePublisher(client)
    client.close()


@contextmanager
def application(settings: Settings) -> Iterator[FlaskClient]:
    server = create_app(settings)
    with server.test_client() as client:
        yield client
    mine = services(server)
    mine.redis.close()
    mine.reader.close()
    if mine.access is not None:
        mine.access.authority.close()


@pytest.fixture
def web(settings: Callable[..., Settings], store: Store) -> Iterator[FlaskClient]:
    """A client of the application; the database is migrated and empty."""
    with application(settings()) as client:
        yield client


@pytest.fixture
def people(store: Store, database_url: str) -> Iterator[People]:
    people = People(database_url)
    yield people
    people.session.close()


@pytest.fixture
def guarded(settings: Callable[..., Settings], people: People) -> Iterator[FlaskClient]:
    with application(settings(access="on", secret_key=SECRET, metrics_token="m" * 40, rate_limit=100)) as client:
        yield client
