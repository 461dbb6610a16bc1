"""`python -m pipeline.exchanges.simulator '{"seed": 1, "rate": 1000, "symbols": ["BTC/USDT"]}'`: how `Simulator` starts a process.

Prints the two URLs on one line once it listens.
"""

import json
import sys

from pipeline.exchanges.simulator.run import serve

if __name__ == "__main__":
    serve(**json.loads(sys.argv[1]), on_ready=lambda ws_url, rest_url: print(ws_url, rest_url, flush=True))
