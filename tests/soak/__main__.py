"""`make soak`: `--minutes 30 --rate 5000 --clients 200 --seed 7`. Writes docs/soak.md; ends with 1 when something does not hold."""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from tests.machine import here
from tests.soak.report import Asked
from tests.soak.run import soak
from tests.tools import REPOSITORY

usual = Asked()
parser = argparse.ArgumentParser(
    prog="make soak", description="The whole terminal under a steady load; nothing may grow."
)
parser.add_argument("--minutes", type=float, default=usual.minutes)
parser.add_argument("--rate", type=float, default=usual.rate, help="trades a second over all symbols")
parser.add_argument("--clients", type=int, default=usual.clients, help="on the WebSocket")
parser.add_argument("--seed", type=int, default=usual.seed, help="of the market and of what clients do")
parser.add_argument("--keep", type=Path, help="leave data and logs in this folder")
given = vars(parser.parse_args())
keep = given.pop("keep")
# As Ctrl-C does: everything it started ends with it.
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
place = here()
with tempfile.TemporaryDirectory() as name:
    folder = keep or Path(name)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    report = soak(folder, Asked(**given), say=lambda line: print(line, flush=True))
page = report.page(place)
(REPOSITORY / "docs" / "soak.md").write_text(page)
print(f"\n{page}")
sys.exit(0 if report.fine else 1)
