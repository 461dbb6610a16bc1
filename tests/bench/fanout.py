"""One web worker, many WebSocket clients, some of which never read: delivered a second, lateness, losses; beside `broadcast()` of Python's
websockets under the same load.

`python -m tests.bench.fanout clients PORT PATH` is the other process: it holds the clients and prints what they got.
"""

import asyncio
import json
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import redis
from websockets.asyncio.server import ServerConnection, broadcast, serve

from pipeline.live import LivePublisher, channel
from pipeline.store.migrate import migrate
from tests.bench.figure import Figure
from tests.bench.throughput import servers
from tests.drill.harm import children
from tests.stack import Program, eventually, free_port

CLIENTS = 1000
#: Of these, never reading.
SILENT = 20
#: Messages a second to each, and for how long.
RATE, SECONDS = 100, 10
#: Clients whose messages are all looked at for their lateness.
TIMED = 50


def message(n: int) -> bytes:
    """As the bridge publishes a trade; its time is now."""
    return (
        b'{"type":"trade","exchange":"BINANCE","symbol":"BTC/USDT","timestamp":%d,"price":60000.12000000,"amount":0.00000100,'
        b'"side":"buy","trade_id":"%d"}' % (time.time() * 1000, n)
    )


def measure() -> Iterator[Figure]:
    with servers() as (database_url, redis_url, _), tempfile.TemporaryDirectory() as folder:
        migrate(database_url)
        port = free_port()
        web = Program(
            "web", "--port", str(port), log=Path(folder) / "web.log", CRYPTOVIZ_REDIS_URL=redis_url, CRYPTOVIZ_DATABASE_URL=database_url
        )  # fmt: skip
        assert eventually(lambda: answers(port))
        live = LivePublisher(redis.Redis.from_url(redis_url))
        with _clients(port) as clients:
            _pace(lambda n: live.publish({channel("trade", "BTC/USDT"): [message(n)]}))
            memory = sum(_resident(pid) for pid in (web.process.pid, *children(web.process.pid)))
            ours = clients.result()
        web.stop(10)
    port = free_port()
    process = multiprocessing.Process(target=_baseline, args=(port,), daemon=True)
    process.start()
    time.sleep(1)
    with _clients(port) as clients:
        theirs = clients.result()
    process.kill()
    if not (ours["frames"] and theirs["frames"]):
        raise SystemExit("no client read anything within the time: the machine is busy with something else")
    peer, load = "websockets' `broadcast()`", f"{CLIENTS} sockets, {RATE} messages/s, {SILENT} never reading"
    yield Figure(
        f"one web worker, {load}", ours["frames"] / SECONDS, "messages/s", peer, theirs["frames"] / SECONDS,
        f"{ours['whole']} of {CLIENTS - SILENT} readers got all {RATE * SECONDS}; the clients on the same cores",
    )  # fmt: skip
    for name in ("p50", "p99"):
        yield Figure(f"the same, from publishing to reading, {name}", ours[name], "ms", peer, theirs[name])
    yield Figure("the same, memory of the worker", memory / 2**20, "MiB")


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
    except httpx.TransportError:
        return False


def _resident(pid: int) -> int:
    return int((Path("/proc") / str(pid) / "statm").read_text().split()[1]) * 4096


def _pace(send: Any) -> None:
    begin = time.perf_counter()
    for n in range(RATE * SECONDS):
        time.sleep(max(0.0, begin + n / RATE - time.perf_counter()))
        send(n)
    time.sleep(2)


class _clients:
    def __init__(self, port: int) -> None:
        self._port = port

    def __enter__(self) -> "_clients":
        command = [sys.executable, "-m", "tests.bench.fanout", "clients", str(self._port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        return self

    def result(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        return dict(json.loads(self._process.stdout.readline()))

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def _baseline(port: int) -> None:
    async def run() -> None:
        open_: set[ServerConnection] = set()
        everybody = asyncio.Event()

        async def handle(connection: ServerConnection) -> None:
            open_.add(connection)
            await connection.recv()
            if len(open_) == CLIENTS:
                everybody.set()
            await connection.wait_closed()

        async with serve(handle, "127.0.0.1", port, compression=None, ping_interval=None):
            await everybody.wait()
            await asyncio.sleep(2)
            begin = time.perf_counter()
            for n in range(RATE * SECONDS):
                await asyncio.sleep(max(0.0, begin + n / RATE - time.perf_counter()))
                text = b'{"type":"trade","data":%b,"timestamp":%d,"seq":%d}' % (message(n), time.time() * 1000, n)
                broadcast(open_, text.decode())
            await asyncio.sleep(30)

    asyncio.run(run())


# -- the other process ---------------------------------------------------------------------------------------------------

_HELLO = (
    b"GET /ws/crypto HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_ASK = b'{"action":"subscribe","type":"trade","symbol":"BTC/USDT"}'


class _Client(asyncio.Protocol):
    """Counts frames by their lengths; a `timed` one looks at each message's time."""

    def __init__(self, timed: bool, silent: bool) -> None:
        self.frames = 0
        self.late: list[float] = []
        self._timed, self._silent = timed, silent
        self._rest = b""
        self._open = False

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(_HELLO)

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        if not self._open:
            head, found, data = data.partition(b"\r\n\r\n")
            if not found:
                self._rest = head
                return
            self._open = True
            self._transport.write(bytes([0x81, 0x80 | len(_ASK), 0, 0, 0, 0]) + _ASK)
            if self._silent:
                self._transport.pause_reading()
        at, now = 0, time.time() * 1000
        while len(data) - at >= 4:
            size, start = data[at + 1], at + 2
            if size == 126:
                size, start = int.from_bytes(data[at + 2 : at + 4]), at + 4
            if len(data) < start + size:
                break
            if data.startswith(b'{"type":"trade"', start):
                self.frames += 1
                if self._timed:
                    place = data.index(b'"timestamp":', start) + 12
                    self.late.append(now - int(data[place : place + 13]))
            at = start + size
        self._rest = data[at:]


def clients(port: int) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        made = []
        for n in range(CLIENTS):
            _, client = await loop.create_connection(
                lambda n=n: _Client(SILENT <= n < SILENT + TIMED, n < SILENT), "127.0.0.1", port
            )
            made.append(client)
            if n % 50 == 49:
                await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        print("ready", flush=True)
        await asyncio.sleep(SECONDS + 4)
        readers = made[SILENT:]
        late = [one for client in readers for one in client.late]
        cuts = statistics.quantiles(late, n=100) if len(late) > 1 else [float("nan")] * 99
        print(json.dumps({
            "frames": sum(client.frames for client in made), "p50": cuts[49], "p99": cuts[98],
            "whole": sum(client.frames == RATE * SECONDS for client in readers),
        }), flush=True)  # fmt: skip

    asyncio.run(run())


if __name__ == "__main__" and sys.argv[1:2] == ["clients"]:
    clients(int(sys.argv[2]))
