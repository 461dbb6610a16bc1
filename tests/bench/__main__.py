"""`make bench`: everything, or the parts named on the command line."""

import importlib
import sys

PARTS = ("throughput", "backfill", "store", "indicators", "export", "rest", "fanout", "alerts", "paint", "chart")

for part in sys.argv[1:] or PARTS:
    print(f"-- {part}")
    importlib.import_module(f"tests.bench.{part}").main()
