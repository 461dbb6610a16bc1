"""The servers from wheels: as root or not, after any death."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest
import redis

from pipeline.embedded.postgres import EmbeddedPostgres
from pipeline.embedded.valkey import EmbeddedValkey
from pipeline.store.engine import dsn
from tests.tools import tool_missing


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


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test here already runs as a plain user")
def test_servers_start_as_a_plain_user(tmp_path: Path) -> None:
    setpriv = shutil.which("setpriv") or tool_missing("setpriv (util-linux)")
    code = (
        "import sys; from pathlib import Path; from pipeline.embedded.valkey import EmbeddedValkey\n"
        "from pipeline.embedded.postgres import EmbeddedPostgres\n"
        "servers = [kind(Path(sys.argv[1])) for kind in (EmbeddedValkey, EmbeddedPostgres)]\n"
        "print([server.start() for server in servers]); [server.stop() for server in servers]"
    )
    # May search folders, so that this interpreter is found even under /root; owns nothing but the data folder.
    step_down = ["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=+dac_read_search"]
    with tempfile.TemporaryDirectory() as data:
        os.chown(data, 65534, 65534)
        done = subprocess.run(
            [setpriv, *step_down, "--ambient-caps=+dac_read_search", sys.executable, "-B", "-c", code, data],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert (Path(data) / "postgres").stat().st_uid == 65534


def test_as_root_postgres_reaches_a_folder_only_root_may_enter(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir(mode=0o700)
    server = EmbeddedPostgres(tmp_path / "private" / "data")
    try:
        assert _sql(server.start(), "SELECT 1") == [(1,)]
    finally:
        server.stop()
