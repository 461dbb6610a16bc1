"""`cryptoviz up` as a user meets it: it comes up, goes away whole, and comes back after any death."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from pipeline.embedded.up import environment
from pipeline.settings import Settings, load
from tests.stack import Program, Up, eventually


def _left(data: Path) -> list[str]:
    """Every process that works in `data` or was told of it."""
    found = []
    mark = f"CRYPTOVIZ_DATA={data}\0".encode()
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            folder = Path(f"/proc/{entry}")
            command = (folder / "cmdline").read_bytes()
            if str(data) in os.readlink(folder / "cwd") or mark in (folder / "environ").read_bytes():
                found.append(command.replace(b"\0", b" ").decode()[:200])
        except OSError:
            continue
    return [command for command in found if command]


def _candles(stack: Up) -> Callable[[], bool]:
    def there() -> bool:
        try:
            answer = httpx.get(f"{stack.url}/api/v1/crypto/data", params={"symbol": "BTC/USDT"}, timeout=2)
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK and len(answer.json()["data"]) > 0

    return there


def _simulated(folder: Path) -> Up:
    return Up(folder, "--exchange", "simulator", "--symbols", "BTC/USDT,ETH/USDT", "--rate", "100")


@pytest.mark.e2e
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_up_shows_candles_and_stops_with_nothing_left(tmp_path: Path, ending: signal.Signals) -> None:
    stack = _simulated(tmp_path)
    try:
        assert eventually(_candles(stack), 40), stack.said()
        assert eventually(lambda: " s  collector " in stack.program.log.read_text()), stack.said()
        stack.program.process.send_signal(ending)
        assert stack.program.process.wait(30) == 0
        assert _left(stack.data) == []
        said = stack.program.log.read_text()
        for part in ("valkey", "postgres", "sql", "exchange", "collector", "candles", "writer", "bridge", "web"):
            assert f" s  {part} " in said, said
        assert f"Open {stack.url}" in said
        assert "died" not in said
    finally:
        stack.close()


@pytest.mark.e2e
def test_up_starts_again_after_kill_without_repair(tmp_path: Path) -> None:
    stack = _simulated(tmp_path)
    try:
        assert eventually(_candles(stack), 40), stack.said()
        refused = Program("up", "--data", str(stack.data), "--port", "0", log=tmp_path / "second.log")
        assert refused.process.wait(20) == 2
        assert f"pid {stack.program.process.pid}" in refused.log.read_text()
        stack.program.kill()
        again = _simulated(tmp_path)
        try:
            assert eventually(_candles(again), 40), again.said()
            # Another simulated market, not a hole of millions of trades in the one before.
            facts = lambda: httpx.get(f"{again.url}/api/v1/status").json()["data"]["workers"]["collector"]["facts"]  # noqa: E731
            assert eventually(lambda: facts().get("trades", 0) > 50, 30), again.said()
            assert (facts()["gaps_open"], facts()["gaps_given_up"]) == (0, 0)
        finally:
            again.close()
        assert _left(stack.data) == []
    finally:
        stack.close()


@pytest.mark.e2e
def test_kill_of_up_takes_everything_along(tmp_path: Path) -> None:
    stack = _simulated(tmp_path)
    try:
        stack.ready(40)
        stack.program.kill()
        assert eventually(lambda: not _left(stack.data), 15), _left(stack.data)
    finally:
        stack.close()


@pytest.mark.e2e
def test_stop_while_it_is_still_starting(tmp_path: Path) -> None:
    stack = _simulated(tmp_path)
    assert eventually(lambda: "valkey" in stack.program.log.read_text(), every=0.01)
    assert stack.program.stop() == 0, stack.said()
    assert _left(stack.data) == []


def test_fresh_leaves_a_folder_alone_that_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "up", "--fresh", "--yes", "--port", "0", "--data", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "was not made by cryptoviz" in done.stderr
    assert (tmp_path / "thesis.txt").exists()


def test_a_taken_port_is_one_readable_message(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.cli", "up", "--port", port, "--data", str(tmp_path / "data")],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert "choose another with --port" in done.stderr
    assert "Traceback" not in done.stderr


def test_workers_get_every_setting_as_it_is(settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    given = settings(symbols="BTC/USDT,ETH/USDT", secret_key="0f1e2d3c4b5a69788796a5b4c3d2e1f0", min_volume="1.50")
    for name, value in environment(given).items():
        monkeypatch.setenv(name, value)
    assert load() == given
