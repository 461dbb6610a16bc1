"""What workers say of themselves, above all when they cannot: servers that hang, processes that stand still."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
import redis

from pipeline import alive, status
from pipeline.embedded.postgres import EmbeddedPostgres
from pipeline.embedded.valkey import EmbeddedValkey
from pipeline.settings import load
from pipeline.store.migrate import migrate
from tests.drill.harm import children
from tests.line import Line
from tests.made import trades
from tests.stack import eventually


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(redis_url)
    yield client
    client.close()


def test_a_loop_that_hangs_is_told_with_the_step_and_a_loop_that_goes_on_is_not(client: redis.Redis) -> None:
    with status.Pulse(client, "writer", patience=0.2) as pulse:
        pulse.at("writing to the database")
        assert eventually(lambda: "writer" in status.read_all(client))
        said = status.read_all(client)["writer"]
        assert said.state == "waiting" and said.detail.startswith("no progress for")
        assert said.detail.endswith("writing to the database")


def test_the_file_of_health_checks_is_touched_by_who_goes_on_and_not_for_who_hangs(
    client: redis.Redis, tmp_path: Path
) -> None:
    file = tmp_path / "alive"
    alive.keep(str(file))
    try:
        with status.Pulse(client, "writer", patience=0.1) as pulse:
            pulse.at("writing to the database")
            assert eventually(lambda: "no progress" in said.detail if (said := heard(client)) else False)
            assert not file.exists()
        status.report(client, "writer", "waiting", "database: away")
        assert time.time() - file.stat().st_mtime < 5
        # Redis is away, and the worker is well all the same.
        os.utime(file, (0, 0))
        # As a worker has it: one by hand tries again for seconds.
        nobody = status.connect("redis://127.0.0.1:1/0")
        status.report(nobody, "writer", "running")
        assert time.time() - file.stat().st_mtime < 5
    finally:
        alive.keep("")


def heard(client: redis.Redis) -> status.Status | None:
    return status.read_all(client).get("writer")


def test_a_worker_that_fell_silent_is_not_said_to_run(client: redis.Redis) -> None:
    old = int(time.time() * 1000) - 60_000
    for name in ("candles", "web"):
        client.hset(status.KEY, name, msgspec.json.encode(status.Status("running", "", old)))
    client.hset(status.KEY, "writer", msgspec.json.encode(status.Status("stopped", "", old)))
    said = status.read_all(client)
    assert said["candles"].state == "waiting" and said["candles"].detail.startswith("no word for 60 s")
    # The web server reports once, and who has stopped has nothing more to say.
    assert (said["web"].state, said["writer"].state) == ("running", "stopped")


def _signal(processes: list[int], number: signal.Signals) -> None:
    for pid in processes:
        with suppress(ProcessLookupError):  # one that was ending anyway
            os.kill(pid, number)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[EmbeddedPostgres, EmbeddedValkey]]:
    """Of the test's own: it stops them."""
    tmp_path.chmod(0o755)
    postgres, valkey = EmbeddedPostgres(tmp_path), EmbeddedValkey(tmp_path)
    yield postgres, valkey
    postgres.stop()
    valkey.stop()


@pytest.mark.timeout(300)
def test_servers_that_go_away_are_waited_for_said_so_and_cost_nothing(
    servers: tuple[EmbeddedPostgres, EmbeddedValkey], tmp_path: Path
) -> None:
    postgres, valkey = servers
    database_url, redis_url = postgres.start(), valkey.start()
    migrate(database_url)
    line = Line(load(_env_file=None, redis_url=redis_url, database_url=database_url, bus="streams"), tmp_path)
    try:
        for worker in ("writer", "candles", "bridge"):
            line.start(worker)
        line.publish(trades(4000))
        assert eventually(lambda: line.stored() == 4000, 60), line.logs()

        # The database is away: its name is in what the workers say.
        postgres.stop()
        line.publish(trades(4000, first=4000))
        for worker in ("writer", "candles"):
            assert eventually(lambda w=worker: line.said(w).detail.startswith("database: "), 30), line.logs()
            assert line.said(worker).state == "waiting"
        postgres.start()
        assert eventually(lambda: line.stored() == 8000, 60), line.logs()
        assert eventually(lambda: line.said("writer").state == "running", 30)

        # It hangs: nothing fails, and nothing goes on.
        assert postgres.process is not None
        stopped = [postgres.process.pid, *children(postgres.process.pid)]
        _signal(stopped, signal.SIGSTOP)
        try:
            line.publish(trades(4000, first=8000))
            assert eventually(lambda: "writing to the database" in line.said("writer").detail, 30), line.logs()
            assert line.said("writer").detail.startswith("no progress for")
        finally:
            _signal(stopped, signal.SIGCONT)
        assert eventually(lambda: line.stored() == 12_000, 60), line.logs()

        # Valkey is away, and with it the place where workers speak: they say so in their logs.
        valkey.stop()
        time.sleep(3)
        valkey.start()
        line.publish(trades(4000, first=12_000))
        line.settle()
        assert '"what": "bus"' in line.logs()
    finally:
        line.close()
