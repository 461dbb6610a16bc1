"""Keeps processes alive: the servers from wheels and the workers, each an OS process of its own.

A part that dies is started again with back-off; one that dies often is reported as failing until it lives again. Children
are tied to this process by the kernel (`launch.py`), so nothing survives it, not even its kill -9.
"""

import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from pipeline import status
from pipeline.backoff import Backoff
from pipeline.embedded import processes
from pipeline.errors import SetupError

#: This many deaths within a minute is no accident: the part is reported as failing.
_MANY_DEATHS: Final = 3
_MINUTE: Final = 60.0
#: A part that lived this long (s) has recovered: its next death starts from the shortest wait.
_RECOVERED: Final = 20.0
#: A log of a worker larger than this (bytes) makes room at the next start; one older file is kept.
_LOG_SIZE: Final = 10_000_000
_TICK: Final = 0.1

Say = Callable[[str, str], None]


class Server(Protocol):
    """An embedded server."""

    @property
    def process(self) -> "subprocess.Popen[bytes] | None": ...

    def start(self) -> str: ...

    def stop(self) -> None: ...


class _Part:
    """What servers and workers have in common: a process, its deaths, and when to try again."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.failing = False
        self.reason = ""
        self.started = 0.0
        self.retry_at: float | None = None
        self._deaths: deque[float] = deque(maxlen=_MANY_DEATHS)
        self._backoff = Backoff(first=0.5, cap=10.0)

    def died(self, reason: str) -> None:
        now = time.monotonic()
        self.reason = reason
        self._deaths.append(now)
        self.failing = len(self._deaths) == _MANY_DEATHS and now - self._deaths[0] < _MINUTE
        self.retry_at = now + self._backoff.next()

    def settled(self) -> bool:
        """Called now and then while it runs: has it just recovered?"""
        if time.monotonic() - self.started < _RECOVERED:
            return False
        recovered, self.failing = self.failing, False
        if self._deaths:
            self._deaths.clear()
            self._backoff.reset()
        return recovered


class _Worker(_Part):
    def __init__(
        self, name: str, argv: list[str], env: Mapping[str, str], log: Path, death: signal.Signals, speaks: bool
    ) -> None:
        super().__init__(name)
        self.speaks = speaks
        self.process: subprocess.Popen[bytes] | None = None
        self._argv = argv
        self._env = env
        self._log = log
        self._death = death
        self._from = 0

    def start(self) -> None:
        if self._log.exists() and self._log.stat().st_size > _LOG_SIZE:
            self._log.replace(self._log.with_suffix(".log.1"))
        with self._log.open("ab") as log:
            self._from = log.tell()
            self.process = processes.start(self._argv, env=self._env, log=log, death_signal=self._death)
        self.started = time.monotonic()
        self.retry_at = None

    def last_words(self) -> str:
        """How it ended, in one line."""
        assert self.process is not None
        code = self.process.returncode
        if code < 0:
            return f"killed by {signal.Signals(-code).name}"
        with self._log.open("rb") as log:
            log.seek(max(self._from, log.seek(0, 2) - 4000))
            lines = [line.strip() for line in log.read().decode(errors="replace").splitlines()]
        # Of a traceback the last line says what it was; JSON lines were written before.
        words = [line for line in lines if line and not line.startswith("{")]
        return f"exit code {code}: {words[-1][:300]}" if words else f"exit code {code}"


class _ServerPart(_Part):
    def __init__(self, name: str, server: Server) -> None:
        super().__init__(name)
        self.server = server


class Supervisor:
    """Add servers (started by the caller) and workers, then `run`. Everything on one thread: the main one."""

    def __init__(self, logs: Path, client: Any, say: Say) -> None:
        self._logs = logs
        self._redis = client
        self._say = say
        self._servers: list[_ServerPart] = []
        self._workers: list[_Worker] = []
        self._hurry = threading.Event()
        logs.mkdir(parents=True, exist_ok=True)

    def add_server(self, name: str, server: Server) -> None:
        """Watch a running server from now on."""
        part = _ServerPart(name, server)
        part.started = time.monotonic()
        self._servers.append(part)
        status.report(self._redis, name, "running")

    def add_worker(
        self,
        name: str,
        env: Mapping[str, str],
        arguments: tuple[str, ...] = (),
        *,
        death: signal.Signals = signal.SIGKILL,
        speaks: bool = True,
    ) -> None:
        """Start `cryptoviz <name> <arguments>` and keep it alive.

        Workers bear kill -9, so that is the `death` they get when we die. One that does not say of itself that it runs
        (`speaks`) is said to by us.
        """
        argv = [sys.executable, "-m", "pipeline.cli", name, *arguments]
        worker = _Worker(name, argv, env, self._logs / f"{name}.log", death, speaks)
        self._workers.append(worker)
        status.report(self._redis, name, "starting" if speaks else "running")
        worker.start()

    def run(self, stop: threading.Event, tick: Callable[[], None]) -> None:
        """Until `stop`: start again what dies; `tick` is called ten times a second."""
        reported = 0.0
        while not stop.wait(_TICK):
            for server in self._servers:
                self._look_after_server(server)
            for worker in self._workers:
                self._look_after_worker(worker)
            if time.monotonic() - reported >= 1.0:
                reported = time.monotonic()
                self._report()
            tick()

    def hurry(self) -> None:
        """Stop being patient with those that take their time to end. Safe in a signal handler."""
        self._hurry.set()

    def stop(self) -> None:
        """End everything: the collector first (nothing new comes in), then the other workers, the servers last."""
        first = [worker for worker in self._workers if worker.name == "collector"]
        rest = [worker for worker in self._workers if worker.name != "collector"]
        for group in (first, rest):
            self._end(group)
        for server in reversed(self._servers):
            server.server.stop()

    def _end(self, workers: list[_Worker], patience: float = 10.0) -> None:
        running = [w.process for w in workers if w.process is not None and w.process.poll() is None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + patience
        while any(process.poll() is None for process in running):
            if self._hurry.is_set() or time.monotonic() > deadline:
                for process in running:
                    process.kill()
            time.sleep(0.02)

    def _look_after_worker(self, worker: _Worker) -> None:
        if worker.retry_at is not None:
            if time.monotonic() >= worker.retry_at:
                worker.start()
                if not worker.speaks and not worker.failing:
                    status.report(self._redis, worker.name, "running")
        elif worker.process is not None and worker.process.poll() is not None:
            worker.died(worker.last_words())
            self._report_death(worker)
        elif worker.settled():
            self._say(worker.name, "runs again")
            status.report(self._redis, worker.name, "running")

    def _look_after_server(self, part: _ServerPart) -> None:
        process = part.server.process
        if process is not None and process.poll() is None:
            part.settled()
            return
        if part.retry_at is None:
            part.died(f"exit code {process.returncode if process else '?'}")
            self._report_death(part)
        if part.retry_at is not None and time.monotonic() >= part.retry_at:
            try:
                part.server.start()
                part.started = time.monotonic()
                part.retry_at = None
                self._say(part.name, "runs again")
                status.report(self._redis, part.name, "running")
            except SetupError as error:
                part.died(str(error))
                self._report_death(part)

    def _report_death(self, part: _Part) -> None:
        self._say(part.name, f"died ({part.reason}); starting it again")
        self._report()

    def _report(self) -> None:
        for part in (*self._servers, *self._workers):
            if part.failing:
                status.report(self._redis, part.name, "failing", part.reason)
            elif part.retry_at is not None:
                status.report(self._redis, part.name, "starting", f"died and is started again: {part.reason}")
