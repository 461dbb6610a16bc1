"""The servers from wheels: as root or not, after any death."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest
import redis

from pipeline.embedded.postgres import EmbeddedPostgres
from pipeline.embedded.valkey import EmbeddedValkey
from pipeline.store.engine import dsn


def _sql(url: str, statement: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(dsn(url))
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def test_postgres_keeps_what_it_acknowledged_through_kill(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    url = server.start()
    _sql(url, "CREATE TABLE t (n int)")
    for number in range(20):
        _sql(url, f"INSERT INTO t VALUES ({number})")
    assert server.process is not None
    server.process.kill()
    server.process.wait()
    # The lock of the dead server now names a living process that is not PostgreSQL.
    lock = tmp_path / "postgres" / "postmaster.pid"
    lock.write_text("\n".join([str(os.getpid()), *lock.read_text().split("\n")[1:]]))
    again = EmbeddedPostgres(tmp_path)
    try:
        assert _sql(again.start(), "SELECT count(*) FROM t") == [(20,)]
    finally:
        again.stop()


def test_valkey_keeps_what_it_acknowledged_through_kill(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path)
    with redis.Redis.from_url(server.start()) as client:
        client.xadd("stream", {"n": 1})
    assert server.process is not None
    server.process.kill()
    server.process.wait()
    again = EmbeddedValkey(tmp_path)
    try:
        with redis.Redis.from_url(again.start()) as client:
            assert client.xlen("stream") == 1
            assert client.config_get("port") == {"port": "0"}
    finally:
        again.stop()


@pytest.mark.parametrize("make", [EmbeddedPostgres, EmbeddedValkey])
def test_long_paths_fall_back_to_a_private_short_folder(
    tmp_path: Path, make: Callable[[Path], EmbeddedPostgres | EmbeddedValkey]
) -> None:
    server = make(tmp_path / ("long" * 30))
    url = server.start()
    server.stop()
    assert "long" not in url


def test_an_orphan_server_of_a_killed_run_is_ended_first(tmp_path: Path) -> None:
    first = EmbeddedPostgres(tmp_path)
    first.start()
    second = EmbeddedPostgres(tmp_path)
    try:
        assert _sql(second.start(), "SELECT 1") == [(1,)]
        assert first.process is not None
        assert first.process.wait(5) == 0
    finally:
        first.stop()
        second.stop()
    assert second.process is None


def test_a_killed_parent_takes_its_server_along(tmp_path: Path) -> None:
    import subprocess
    import sys
    import time

    code = (
        "import sys, time; from pathlib import Path; from pipeline.embedded.valkey import EmbeddedValkey\n"
        "s = EmbeddedValkey(Path(sys.argv[1])); s.start(); print(s.process.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline, "valkey outlived its parent"
        time.sleep(0.02)
