"""The supervisor on real workers: what dies comes back, what keeps dying is said, nothing is left behind."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from pipeline import status
from pipeline.embedded.supervisor import Supervisor
from pipeline.embedded.up import environment
from pipeline.embedded.valkey import EmbeddedValkey
from pipeline.settings import Settings

Said = list[tuple[str, str]]


def _bridge_pids(supervisor_pid: int) -> list[int]:
    """Running `cryptoviz bridge` processes of ours."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
            parent = int(Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == supervisor_pid and b"pipeline.cli" in words and b"bridge" in words:
            found.append(int(entry))
    return found


@contextmanager
def _supervised(
    tmp_path: Path, client: Any, worker: str, env: dict[str, str], arguments: tuple[str, ...] = ()
) -> Iterator[tuple[Supervisor, Callable[[Callable[[], bool], float], bool], Said]]:
    """A supervisor with one worker; the second value runs it until a condition holds."""
    said: Said = []
    supervisor = Supervisor(tmp_path / "logs", client, lambda name, text: said.append((name, text)))
    supervisor.add_worker(worker, env, arguments)

    def until(condition: Callable[[], bool], seconds: float) -> bool:
        stop = threading.Event()
        deadline = time.monotonic() + seconds

        def tick() -> None:
            if condition() or time.monotonic() > deadline:
                stop.set()

        supervisor.run(stop, tick)
        return condition()

    try:
        yield supervisor, until, said
    finally:
        supervisor.stop()


@pytest.fixture
def client(redis_url: str) -> Iterator[Any]:
    connection = redis.Redis.from_url(redis_url)
    yield connection
    connection.close()


def test_a_worker_that_dies_is_started_again_and_stop_leaves_none(
    tmp_path: Path, client: Any, settings: Callable[..., Settings]
) -> None:
    with _supervised(tmp_path, client, "bridge", environment(settings())) as (_, until, said):

        def runs() -> bool:
            return status.read_all(client)["bridge"].state == "running"

        assert until(runs, 20), (tmp_path / "logs" / "bridge.log").read_text()
        (pid,) = _bridge_pids(os.getpid())
        client.delete(status.KEY)
        os.kill(pid, 9)
        assert until(lambda: "bridge" in status.read_all(client) and runs(), 20)
        (again,) = _bridge_pids(os.getpid())
        assert again != pid
        assert any("killed by SIGKILL" in text for name, text in said if name == "bridge")
    assert _bridge_pids(os.getpid()) == []
    assert status.read_all(client)["bridge"].state == "stopped"


def test_a_worker_that_keeps_dying_is_failing_and_says_why(
    tmp_path: Path, client: Any, settings: Callable[..., Settings]
) -> None:
    env = environment(settings()) | {"CRYPTOVIZ_SIMULATOR_RATE": "-1"}
    with _supervised(tmp_path, client, "simulator", env) as (_, until, _said):

        def failing() -> bool:
            return status.read_all(client)["simulator"].state == "failing"

        assert until(failing, 30)
        assert "exit code 2" in status.read_all(client)["simulator"].detail
        assert "simulator_rate" in status.read_all(client)["simulator"].detail


def test_a_server_that_dies_is_started_again(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path / "data")
    with redis.Redis.from_url(server.start()) as client:
        said: Said = []
        supervisor = Supervisor(tmp_path / "logs", client, lambda name, text: said.append((name, text)))
        supervisor.add_server("valkey", server)
        assert server.process is not None
        server.process.kill()
        stop = threading.Event()
        deadline = time.monotonic() + 20

        def tick() -> None:
            if ("valkey", "runs again") in said or time.monotonic() > deadline:
                stop.set()

        supervisor.run(stop, tick)
        assert client.ping()
        supervisor.stop()
    assert server.process is None
