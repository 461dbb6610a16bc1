"""A real TimescaleDB for every test that asks: the npm build, as a process of its own. One connection at a time."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.tools import REPOSITORY, tool_missing

MODULES: Final = REPOSITORY / ".tools" / "timescale"
#: Seconds. It needs two on an idle machine.
_PATIENCE: Final = 60.0


@pytest.fixture(scope="module")
def timescale_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The module's TimescaleDB, empty at its start."""
    if shutil.which("node") is None:
        tool_missing("node, for a real TimescaleDB (apt-get install npm)")
    if not (MODULES / ".fetched").exists():
        tool_missing("TimescaleDB in .tools/timescale: make timescale")
    with serve(tmp_path_factory.mktemp("ts")) as url:
        yield url


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """One that listens in `folder`, as a SQLAlchemy URL. What it stores is in its memory."""
    socket, log = folder / ".s.PGSQL.5432", folder / "log"
    server = Path(__file__).with_name("server.mjs")
    with log.open("wb") as out:
        process = subprocess.Popen(["node", str(server), str(MODULES), str(socket)], stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + _PATIENCE
        while "ready" not in log.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"TimescaleDB did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)
        # It asks for a password and takes any.
        yield f"postgresql+psycopg2://postgres:any@/postgres?host={folder}"
    finally:
        process.kill()
        process.wait()
