"""A local exchange that speaks Binance spot's WebSocket and REST with a market of its own.

`serve` runs it; `Simulator` runs it beside the caller and asks for faults (`control.py` lists them).
"""

from pipeline.exchanges.simulator.run import Simulator, serve

__all__ = ["Simulator", "serve"]
