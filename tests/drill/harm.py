"""What is done to a running terminal: every part of it killed or stopped, and its exchange misbehaving."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

import httpx

from pipeline.embedded import processes
from tests.stack import Market, Up

WORKERS: Final = ("collector", "candles", "writer", "bridge", "indicators", "alerts", "web", "keeper")
#: How often each kind comes. What everything leans on comes as often as each worker.
_KINDS: Final = {
    "kill worker": 6,
    "stall worker": 5,
    "kill valkey": 2,
    "stall valkey": 2,
    "kill postgres": 2,
    "kill a backend of postgres": 2,
    "stall postgres": 2,
    "drop": 2,
    "stall": 2,
    "gap": 2,
    "duplicate": 2,
    "reorder": 2,
    "bad_frame": 1,
    "http_429": 1,
    "freeze exchange": 1,
}


class Done(NamedTuple):
    """`at` and `until` are `time.monotonic()`: when it was done, and when what was stopped went on."""

    what: str
    at: float
    until: float


class Harm:
    """Does one thing after the other, chosen by the seed. What it stops goes on by itself a few seconds later (`tick`)."""

    def __init__(self, up: Up, market: Market, seed: int) -> None:
        self._up = up
        self._market = market
        self._random = Random(f"drill {seed}")
        self._stopped: dict[str, tuple[float, list[int]]] = {}
        self._actions: dict[str, Callable[[], tuple[str, float]]] = {
            "kill worker": lambda: self._kill(self._random.choice(WORKERS)),
            "stall worker": lambda: self._stall(self._random.choice(WORKERS)),
            "kill valkey": lambda: self._kill("valkey"),
            "stall valkey": lambda: self._stall("valkey"),
            "kill postgres": lambda: self._kill("postgres"),
            "kill a backend of postgres": self._kill_backend,
            "stall postgres": lambda: self._stall("postgres"),
            "drop": lambda: self._ask(action="drop"),
            "stall": lambda: self._ask(action="stall", seconds=round(self._random.uniform(0.5, 8), 1)),
            "gap": lambda: self._ask(action="gap", count=self._random.randint(1, 3000)),
            "duplicate": lambda: self._ask(action="duplicate", count=self._random.randint(1, 3000)),
            "reorder": lambda: self._ask(action="reorder", count=self._random.randint(2, 3000)),
            "bad_frame": lambda: self._ask(action="bad_frame", count=self._random.randint(1, 20)),
            "http_429": lambda: self._ask(action="http_429", count=self._random.randint(1, 3), retry_after=1),
            "freeze exchange": lambda: self._stall("exchange"),
        }

    def next(self) -> Done | None:
        """Do one; None when what was chosen is not there or stands still already."""
        kind = self._random.choices(list(_KINDS), list(_KINDS.values()))[0]
        at = time.monotonic()
        # Drawn whether it can be done or not, so that a seed means the same on every machine.
        what, seconds = self._actions[kind]()
        return Done(what, at, at + seconds) if what else None

    def pause(self) -> float:
        """Seconds until the next one: often enough that troubles overlap, now and then long enough to recover."""
        return self._random.choice((1.0, 3.0, 5.0, 8.0))

    def tick(self) -> None:
        """Let go on what has stood still for long enough."""
        for name, (until, _) in list(self._stopped.items()):
            if time.monotonic() >= until:
                self._go_on(name)

    def end(self) -> None:
        """Let everything go on."""
        for name in list(self._stopped):
            self._go_on(name)

    def _ask(self, **request: object) -> tuple[str, float]:
        words = " ".join(str(value) for value in request.values())
        if "exchange" in self._stopped:
            return "", 0.0
        try:
            self._market.control(**request)
        except httpx.HTTPError:
            return "", 0.0
        return f"exchange: {words}", float(str(request.get("seconds", 0)))

    def _kill(self, name: str) -> tuple[str, float]:
        pid = self._pid(name)
        if pid is None:
            return "", 0.0
        _signal([pid], signal.SIGKILL)
        self._stopped.pop(name, None)
        return f"kill {name}", 0.0

    def _kill_backend(self) -> tuple[str, float]:
        """As the kernel does when memory is short: the server throws everybody out and recovers from its log."""
        share = self._random.random()
        postgres = self._pid("postgres")
        backends = sorted(children(postgres)) if postgres is not None else []
        if not backends or "postgres" in self._stopped:
            return "", 0.0
        _signal([backends[int(share * len(backends))]], signal.SIGKILL)
        return "kill a backend of postgres", 0.0

    def _stall(self, name: str) -> tuple[str, float]:
        seconds = round(self._random.choice((0.5, 2.0, 4.0, 7.0, 12.0)) * self._random.uniform(0.8, 1.2), 1)
        pid = self._market.program.process.pid if name == "exchange" else self._pid(name)
        if pid is None or name in self._stopped:
            return "", 0.0
        pids = [pid, *children(pid)]
        self._stopped[name] = (time.monotonic() + seconds, pids)
        _signal(pids, signal.SIGSTOP)
        return f"stop {name} for {seconds:g} s", seconds

    def _go_on(self, name: str) -> None:
        _signal(self._stopped.pop(name)[1], signal.SIGCONT)

    def _pid(self, name: str) -> int | None:
        program = {"postgres": "postgres", "valkey": "valkey-server"}.get(name)
        if program is None:
            return self._up.pid(name)
        found = [pid for pid in children(self._up.program.process.pid) if processes.program(pid) == program]
        return found[0] if found else None


def children(pid: int) -> list[int]:
    """The processes that this one started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, ValueError):
            continue
        if parent == pid:
            found.append(int(folder.name))
    return found


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
