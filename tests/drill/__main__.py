"""`make drill`: `--seed 7 --seconds 600 --rate 5000`. Ends with 1 when anything is missing, double or wrong."""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from tests.drill.run import drill

parser = argparse.ArgumentParser(prog="make drill", description="Kill and stall everything under load, then count.")
parser.add_argument("--seed", type=int, default=7, help="what is done when; the same seed does the same")
parser.add_argument("--seconds", type=float, default=600, help="seconds of traffic")
parser.add_argument("--rate", type=float, default=5000, help="trades a second over all symbols")
parser.add_argument("--keep", type=Path, help="leave data and logs in this folder")
asked = parser.parse_args()
# As Ctrl-C does: everything it started ends with it.
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
print(f"seed {asked.seed}, {asked.seconds:g} s at {asked.rate:g} trades/s", flush=True)
with tempfile.TemporaryDirectory() as name:
    folder = asked.keep or Path(name)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    report = drill(
        folder, seed=asked.seed, seconds=asked.seconds, rate=asked.rate, patience=300,
        say=lambda line: print(line, flush=True),
    )  # fmt: skip
print(f"\n{report}")
sys.exit(0 if report.complete else 1)
