"""`make bench`: every part, or those named on the command line; `pages` measures nothing. Prints the page of figures and writes
docs/benchmarks.md and docs/capacity.md; ends with 1 when a part failed, whose other figures and those of the other parts are kept.

Each part is a process of its own: whatever happens to it, the next one begins with a clean machine.
"""

import importlib
import signal
import subprocess
import sys
import time

from tests.bench import capacity, page
from tests.bench.figure import Figure
from tests.bench.results import Section, keep, read
from tests.machine import here

PARTS = ("throughput", "backfill", "store", "indicators", "export", "rest", "fanout", "alerts", "paint", "chart")
#: Seconds that a part may take, and that it has for ending what it started.
_PATIENCE, _FAREWELL = 900.0, 60.0


def measure(part: str) -> bool:
    """In this process. Whether it came to its end."""
    # As Ctrl-C does: everything it started ends with it.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit("it took too long"))
    figures: list[Figure] = []
    place, begun, failed = here(), time.perf_counter(), ""
    try:
        for figure in importlib.import_module(f"tests.bench.{part}").measure():
            figures.append(figure)
            print(figure, flush=True)
            # Should this process be killed.
            keep(part, Section(place, round(time.perf_counter() - begun, 1), figures, "it was killed"))
    except BaseException as error:
        # A tool that is missing is a skipped test's exception, which is no Exception.
        failed = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        print(f"FAILED: {error}", flush=True)
    keep(part, Section(place, round(time.perf_counter() - begun, 1), figures, failed))
    return not failed


def apart(part: str) -> bool:
    """In a process of its own. Whether it came to its end."""
    print(f"-- {part}", flush=True)
    process = subprocess.Popen([sys.executable, "-m", "tests.bench", "in-here", part])
    try:
        return process.wait(_PATIENCE) == 0
    except subprocess.TimeoutExpired:
        process.terminate()
    try:
        process.wait(_FAREWELL)
    except subprocess.TimeoutExpired:
        process.kill()
    return False


if sys.argv[1:2] == ["in-here"]:
    sys.exit(0 if measure(sys.argv[2]) else 1)
wanted = [] if sys.argv[1:] == ["pages"] else sys.argv[1:] or PARTS
if unknown := [part for part in wanted if part not in PARTS]:
    sys.exit(f"no part of the bench: {' '.join(unknown)}; there are {' '.join(PARTS)}")
failed = [part for part in wanted if not apart(part)]
sections = read()
page.PATH.write_text(page.text(sections))
try:
    capacity.PATH.write_text(capacity.text(sections))
except KeyError as error:
    print(f"{capacity.PATH.name} stays as it is, for this was never measured: {error}")
print(f"\n{page.text(sections)}")
sys.exit(f"failed: {' '.join(failed)}" if failed else 0)
