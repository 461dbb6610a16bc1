"""Where and of what something was measured: it stands beside every figure."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from tests.tools import REPOSITORY


class Place(NamedTuple):
    """`commit` ends with `+` when files differ from it; `date` is a day in UTC."""

    machine: str
    commit: str
    date: str

    def __str__(self) -> str:
        return f"{self.date}, commit {self.commit}, on {self.machine}"


def here() -> Place:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = f"{_cpu()}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}, Python {platform.python_version()}"
    return Place(machine, _commit(), datetime.now(UTC).strftime("%Y-%m-%d"))


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    try:
        return _git("rev-parse", "--short", "HEAD") + ("+" if _git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=REPOSITORY, check=True, capture_output=True, text=True)
    return done.stdout.strip()
