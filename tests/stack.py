"""The whole embedded stack as a user starts it, `cryptoviz up`, and a market of its own that outlives it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx

T = TypeVar("T")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(check: Callable[[], T], seconds: float = 30, every: float = 0.1) -> T:
    """The first true answer of `check`, or its last one when the time is up."""
    end = time.monotonic() + seconds
    while True:
        found = check()
        if found or time.monotonic() > end:
            return found
        time.sleep(every)


class Program:
    """A `cryptoviz` command in a process of its own; what it prints goes to `log`."""

    def __init__(self, *arguments: str, log: Path, **env: str) -> None:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("CRYPTOVIZ_")}
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pipeline.cli", *arguments],
                stdout=out,
                stderr=subprocess.STDOUT,
                # No test asks the world for news.
                env=clean | {"CRYPTOVIZ_NEWS_CONFIG": "off"} | env,
                start_new_session=True,
            )

    def stop(self, patience: float = 30) -> int:
        """End it as a terminal would; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(patience)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


class Market:
    """A simulator process."""

    def __init__(self, folder: Path, rate: float, symbols: str, seed: int = 7) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.program = Program(
            "simulator", "--port", str(self.port), "--rate", str(rate), "--seed", str(seed), "--symbols", symbols,
            log=folder / "market.log",
        )  # fmt: skip
        assert eventually(lambda: _answers(f"{self.url}/api/v3/ping")), self.program.log.read_text()

    @property
    def env(self) -> dict[str, str]:
        """Settings that make the Binance client find this market."""
        return {"CRYPTOVIZ_BINANCE_WS_URL": f"ws://127.0.0.1:{self.port}", "CRYPTOVIZ_BINANCE_REST_URL": self.url}

    def control(self, **request: Any) -> Any:
        answer = httpx.post(f"{self.url}/control", json=request, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def stats(self) -> dict[str, Any]:
        return dict(httpx.get(f"{self.url}/control/stats", timeout=30).json())

    def close(self) -> None:
        self.program.kill()


class Up:
    """`cryptoviz up` on a free port and a folder of its own."""

    def __init__(self, folder: Path, *arguments: str, **env: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.data = folder / "data"
        self.program = Program(
            "up", "--port", str(self.port), "--data", str(self.data), "--yes", *arguments, log=folder / "up.log", **env
        )

    def ready(self, seconds: float = 30) -> None:
        assert eventually(lambda: _answers(f"{self.url}/ready"), seconds), self.said()

    def said(self) -> str:
        logs = sorted(self.data.glob("logs/*.log"))
        return "\n".join(f"--- {path.name}\n{path.read_text()[-3000:]}" for path in (self.program.log, *logs))

    def pid(self, worker: str) -> int | None:
        """The process of one worker, None while there is none."""
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
                parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, ValueError):
                continue
            if parent == self.program.process.pid and worker.encode() in words:
                return int(folder.name)
        return None

    def setting(self, name: str) -> str:
        """A setting as the workers got it."""
        pid = self.pid("writer")
        assert pid is not None
        words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        return dict(word.decode().split("=", 1) for word in words if b"=" in word)[f"CRYPTOVIZ_{name.upper()}"]

    def close(self) -> None:
        if self.program.process.poll() is None:
            self.program.stop()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
