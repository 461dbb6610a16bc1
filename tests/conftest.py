"""Real servers for every test that asks: started once a session, an empty database each."""

import io
import itertools
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import redis
import structlog
from xdist.scheduler import LoadScopeScheduling

from pipeline import logs
from pipeline.embedded.postgres import EmbeddedPostgres
from pipeline.embedded.valkey import EmbeddedValkey
from pipeline.settings import Settings, load
from pipeline.store.engine import dsn
from tests.tools import REPOSITORY, recordings_missing

pytest_plugins = ["tests.kafka.fixtures", "tests.timescale.fixtures"]

_numbers = itertools.count()


class _Files(LoadScopeScheduling):
    """`make test` runs two files of tests at a time, and all of the browser's in one process: they share a running stack."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        return "tests/e2e" if file.startswith("tests/e2e/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return _Files(config, log)


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> Iterator[None]:
    """A developer's own CRYPTOVIZ_* must not change what the tests see."""
    saved = {key: os.environ.pop(key) for key in list(os.environ) if key.startswith("CRYPTOVIZ_")}
    yield
    os.environ.update(saved)


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The session's PostgreSQL. Tests want `database_url`."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    yield server.start()
    server.stop()


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The session's Valkey. Tests want `redis_url`."""
    server = EmbeddedValkey(tmp_path_factory.mktemp("valkey"))
    yield server.start()
    server.stop()


@pytest.fixture
def redis_url(valkey_url: str) -> str:
    """An empty database of the session's Valkey; a number of its own, so a straggler of the last test disturbs nobody."""
    url = valkey_url.replace("db=0", f"db={1 + next(_numbers) % 60}")
    client = redis.Redis.from_url(url)
    client.flushdb()
    client.close()
    return url


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """A fresh empty database (no tables: call `migrate`)."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    _administer(postgres_url, f"CREATE DATABASE {name}")
    yield postgres_url.replace("/cryptoviz?", f"/{name}?")
    _administer(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


def _administer(url: str, statement: str) -> None:
    connection = psycopg2.connect(dsn(url))
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()


@pytest.fixture
def settings(redis_url: str, database_url: str, tmp_path: Path) -> Callable[..., Settings]:
    """`settings(symbols="BTC/USDT", …)`: settings that point at the test's servers, with a free web port."""

    def make(**overrides: Any) -> Settings:
        known: dict[str, Any] = {
            "redis_url": redis_url,
            "database_url": database_url,
            "data": tmp_path / "data",
            "port": 0,
        }
        return Settings(_env_file=None, **known | overrides)

    return make


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of recordings beside the checkout."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        recordings_missing(folder)
    return folder


@pytest.fixture(scope="session")
def recordings(data_dir: Path) -> Path:
    """Raw frames recorded from exchanges."""
    return data_dir / "ws_raw"


@pytest.fixture
def logging_to() -> Iterator[Callable[..., Callable[[], list[str]]]]:
    """`written = logging_to(log_format="json", …)`: logs as a worker has them; `written()` is the lines so far."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    levels = {name: logging.getLogger(name).level for name in ("httpx", "httpcore", "websockets", "asyncio")}

    def start(**settings: Any) -> Callable[[], list[str]]:
        logs.setup(load(_env_file=None, **settings), "writer")
        (handler,) = root.handlers
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(io.StringIO())
        return lambda: handler.stream.getvalue().splitlines()

    yield start
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
