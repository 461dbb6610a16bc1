"""From the simulator's sending a trade to the browser's having painted it, through the whole running stack.

Measured per trade of the chart's symbol: the time the page notes after the frame with the trade in it was drawn, less the trade's
own time, which the simulator sets when it makes it. One clock: everything runs on this machine, the browser included, so what is
measured is also slowed down by what is measured.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.bench.figure import Figure
from tests.browser import DESKTOP, Terminal, chromium
from tests.stack import Up

SECONDS = 20
RATES = (10, 1000)


def painted_late(terminal: Terminal, up: Up, rate: int) -> list[float]:
    """Milliseconds of every trade painted within `SECONDS`, sorted."""
    market = up.setting("binance_rest_url")
    httpx.post(f"{market}/control", json={"action": "rate", "rate": rate}).raise_for_status()
    time.sleep(3)
    terminal.value("CV.paints.length = 0")
    painted: dict[str, float] = {}
    for _ in range(SECONDS * 2):
        time.sleep(0.5)
        for paint in terminal.value("CV.paints.splice(0)"):
            painted[str(paint["tradeId"])] = paint["ts"]
    truth = httpx.get(f"{market}/control/truth", params={"symbol": "BTCUSDT"}, timeout=60).text.splitlines()
    made = {str(row["id"]): row["time"] for row in map(json.loads, truth)}
    return sorted(painted[id_] - made[id_] for id_ in painted.keys() & made.keys())


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        folder = Path(name)
        folder.chmod(0o755)
        up = Up(folder, "--exchange", "simulator", "--rate", str(RATES[0]), "--symbols", "BTC/USDT")
        try:
            up.ready()
            terminal = Terminal(browser.new_context(**DESKTOP), up.url).open()  # type: ignore[arg-type]
            terminal.drawn()
            for rate in RATES:
                took = painted_late(terminal, up, rate)
                if len(took) < 20:
                    raise SystemExit(f"only {len(took)} trades were painted at {rate}/s\n{up.said()}")
                p50, p99 = statistics.median(took), took[int(len(took) * 0.99)]
                yield Figure(
                    f"a trade from the exchange to painted, {rate}/s, p50", p50, "ms", note=f"{len(took)} trades"
                )
                yield Figure("the same, p99", p99, "ms")
        finally:
            up.close()
