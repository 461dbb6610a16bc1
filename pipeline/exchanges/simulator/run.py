"""Running the simulator: `serve` blocks, `Simulator` runs it in a thread or a process of its own."""

import asyncio
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import httpx
import msgspec

from pipeline.errors import ExchangeUnavailable
from pipeline.exchanges.simulator.control import Control
from pipeline.exchanges.simulator.exchange import Exchange
from pipeline.exchanges.simulator.faults import Faults
from pipeline.exchanges.simulator.hub import Hub
from pipeline.exchanges.simulator.server import Connection

OnReady = Callable[[str, str], None]


def serve(
    seed: int,
    rate: float,
    symbols: Sequence[str],
    host: str = "127.0.0.1",
    port: int = 0,
    stop: threading.Event | None = None,
    on_ready: OnReady | None = None,
    start_ms: int | None = None,
) -> None:
    """Serve until `stop` is set, or SIGINT or SIGTERM when there is no `stop`.

    `rate` is trades a second over all `symbols`; `port` 0 takes a free one; `on_ready(ws_url, rest_url)` is called once it
    listens. The same `seed`, `rate` and `start_ms` (Unix ms, default now) give the same market. Raises OSError when the
    port is taken, SetupError for symbols or a rate that cannot be.
    """
    begun, now_ns = time.perf_counter(), time.time_ns()
    if start_ms is None:
        start_ms = now_ns // 1_000_000
        begun -= now_ns % 1_000_000 / 1e9
    hub = Hub(Exchange(seed, rate, symbols, start_ms), Faults(seed), begun)
    hub.catch_up()
    asyncio.run(_serve(hub, host, port, stop, on_ready))


async def _serve(hub: Hub, host: str, port: int, stop: threading.Event | None, on_ready: OnReady | None) -> None:
    loop = asyncio.get_running_loop()
    if stop is None:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
    control = Control(hub)
    server = await loop.create_server(lambda: Connection(hub, control), host, port)
    try:
        bound = server.sockets[0].getsockname()[1]
        if on_ready is not None:
            on_ready(f"ws://{host}:{bound}", f"http://{host}:{bound}")
        await hub.run(stop.is_set)
    finally:
        server.close()
        for client in list(hub.clients):
            client.close(1001, "server shutdown")
        # One turn of the loop, so that the close frames leave.
        await asyncio.sleep(0.01)


class Simulator:
    """A running simulator for tests and benches: `with Simulator(seed=1, rate=1000, symbols=["BTC/USDT"]) as sim: …`.

    In a thread by default; `process=True` gives it a process, so that it does not share the caller's interpreter lock.
    """

    def __init__(
        self,
        seed: int = 1,
        rate: float = 100.0,
        symbols: Sequence[str] = ("BTC/USDT",),
        start_ms: int | None = None,
        port: int = 0,
        process: bool = False,
    ) -> None:
        self._arguments: dict[str, Any] = {
            "seed": seed,
            "rate": rate,
            "symbols": tuple(symbols),
            "start_ms": start_ms,
            "port": port,
        }
        self._in_process = process
        self._stop = threading.Event()
        self._up = threading.Event()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[str] | None = None
        self.ws_url = ""
        self.rest_url = ""

    def start(self) -> "Simulator":
        """Raises ExchangeUnavailable when it does not come up within 20 s."""
        if self._in_process:
            command = [sys.executable, "-m", "pipeline.exchanges.simulator", json.dumps(self._arguments)]
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own module
            assert self._process.stdout is not None
            line = self._process.stdout.readline()
            if line:
                self.ws_url, self.rest_url = line.split()
        else:
            self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)
            self._thread.start()
            self._up.wait(20)
        if not self.ws_url:
            self.stop()
            raise ExchangeUnavailable("The simulator did not start; its error is above")
        return self

    def _run(self) -> None:
        try:
            serve(**self._arguments, stop=self._stop, on_ready=self._ready)
        finally:
            self._up.set()

    def _ready(self, ws_url: str, rest_url: str) -> None:
        self.ws_url, self.rest_url = ws_url, rest_url
        self._up.set()

    def stop(self) -> None:
        self._stop.set()
        if self._process is not None:
            self._process.terminate()
            self._process.communicate(timeout=10)
        if self._thread is not None:
            self._thread.join(10)

    def __enter__(self) -> "Simulator":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def control(self, action: str, **arguments: object) -> dict[str, Any]:
        """Ask for a fault or another action. Raises httpx.HTTPStatusError when it is refused."""
        answer = httpx.post(f"{self.rest_url}/control", json={"action": action, **arguments})
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        return body

    def truth(self, symbol: str) -> list[dict[str, Any]]:
        """Every trade of `symbol` made so far, as Binance's REST trade objects."""
        lines = httpx.get(f"{self.rest_url}/control/truth", params={"symbol": symbol}, timeout=60).content.splitlines()
        return [msgspec.json.decode(line) for line in lines]

    def stats(self) -> dict[str, Any]:
        body: dict[str, Any] = httpx.get(f"{self.rest_url}/control/stats").json()
        return body
