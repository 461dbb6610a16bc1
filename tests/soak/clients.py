"""Programs on the WebSocket and on REST, hundreds in one process: `python -m tests.soak.clients PORT COUNT SEED SYMBOL…`.

They share two cores with what they listen to, so they look at no more of a message than its series and its number; a few look at the
time of each trade. A line on standard input asks for a line of JSON: `tell` for what came since the last, `end {channel: newest seq}`
for what did not come.
"""

import asyncio
import json
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx
import orjson

from tests.soak.plans import Plan, plans

#: Seconds between two REST calls.
_REST_EVERY: Final = 0.25
#: Seconds: how long a slow client reads nothing, and how long one that comes back stays and is away.
_SLOW: Final = 20.0
_STAYS: Final = (10.0, 30.0)
_AWAY: Final = (0.2, 2.0)
#: Seconds until who was refused asks again, and between looks whether it was.
_AGAIN: Final = 2.0
_LOOK: Final = 0.1
_HELLO: Final = (
    "GET /ws/crypto{} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_PONG: Final = b"\x8a\x80\0\0\0\0"
#: Symbol and number of every trade, whatever stands between the messages. An answer to a subscription is none.
_TRADES: Final = re.compile(rb'"symbol":"([^"]+)"[^}]*\},"timestamp":\d+,"seq":(\d+)\}')


class Counts:
    """Of all clients together. `lost` says in words what a client that reads did not get."""

    def __init__(self) -> None:
        self.messages = 0
        self.bytes = 0
        self.late: Counter[int] = Counter()
        self.rest: list[float] = []
        self.rest_failed: list[str] = []
        self.resumed = 0
        self.refused: list[str] = []
        self.cut_slow = 0
        self.cut_readers: list[str] = []
        self.lost: list[str] = []

    def tell(self) -> dict[str, Any]:
        """And begin anew with what is told by the piece."""
        told = vars(self) | {"late": sorted(self.late.items())}
        self.late, self.rest = Counter(), []
        return told


class Client:
    """One program over all its connections: what it last had of each channel."""

    def __init__(self, plan: Plan, port: int, counts: Counts, draw: random.Random) -> None:
        self.plan = plan
        self._port = port
        self._counts = counts
        self._draw = draw
        self._last: dict[str, int] = {}
        self._epoch = ""
        #: The channel that it can resume, if its subscription names one.
        [first, *more] = plan.asks
        named = not more and first["type"] == "trade" and first["symbol"] != "*"
        self._named = f"trade|{first['symbol']}|" if named else ""
        self._refused = ""
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """For ever, over any number of connections."""
        loop = asyncio.get_running_loop()
        while True:
            _, line = await loop.create_connection(lambda: Line(self), "127.0.0.1", self._port)
            if not await self._welcome(line):
                continue
            if self.plan.kind == "slow":
                await line.ended(_SLOW)
                line.read_on()
                if await line.ended(_SLOW):
                    self._counts.cut_slow += 1
                line.abort()
            elif self.plan.kind == "comes back":
                if await line.ended(self._draw.uniform(*_STAYS)):
                    self._cut(line)
                line.abort()
                await asyncio.sleep(self._draw.uniform(*_AWAY))
            else:
                await line.ended(None)
                self._cut(line)

    async def _welcome(self, line: "Line") -> bool:
        """Whether its subscription was answered; if it was told to come again it has waited for that."""
        while not (line.answered or self._refused or await line.ended(_LOOK)):
            pass
        if line.answered:
            return True
        line.abort()
        self._counts.refused.append(self._refused or line.reason)
        self._refused = ""
        await asyncio.sleep(_AGAIN)
        return False

    def asks(self) -> list[bytes]:
        """What it says on a new connection."""
        more = {"since": self._last[self._named], "epoch": self._epoch} if self._named in self._last else {}
        return [orjson.dumps(ask | more) for ask in self.plan.asks]

    def answered(self, text: bytes) -> None:
        told = orjson.loads(text)
        self._epoch = told["epoch"]
        if told.get("recovered"):
            self._counts.resumed += 1
        elif "recovered" in told:
            self._lose(f"{self._named} was not recovered after {self._last[self._named]}")
        if self._named and not told.get("recovered"):
            self._last[self._named] = told["seq"]
        if self.plan.kind == "news":
            self._last["news||"] = told["seq"]
        self.ready.set()

    def raw(self, data: bytes) -> None:
        """Whole frames of trades."""
        if self.plan.kind == "slow":
            return
        found = _TRADES.findall(data)
        self._counts.messages += len(found)
        for symbol, number in found:
            self._got(f"trade|{symbol.decode()}|", int(number))

    def message(self, message: dict[str, Any]) -> None:
        self._counts.messages += 1
        type_, data = message["type"], message["data"]
        if type_ == "error":
            self._refused = data["message"]
            return
        if type_ == "ticker" or data.get("closed") is False:
            return  # the newest is all that counts of these
        if self.plan.timed:
            self._counts.late[int(time.time() * 1000 - data["timestamp"])] += 1
        channel = "news||" if type_ == "news" else f"{type_}|{data['symbol']}|{data.get('timeframe', '')}"
        self._got(channel, message["seq"])

    def _got(self, channel: str, seq: int) -> None:
        known = self._last.get(channel, seq - 1)
        if seq != known + 1:
            self._lose(f"{channel}: {seq} came after {known}")
        self._last[channel] = seq

    def missing(self, newest: Mapping[str, int]) -> list[str]:
        """What it has not got of the channels that it listens to."""
        if self.plan.kind == "slow":
            return []
        wanted = set(self._last)
        if self.plan.kind.startswith("all trades"):
            wanted |= {channel for channel in newest if channel.startswith("trade|")}
        return [
            f"{self.plan.kind}: {channel} ends at {self._last.get(channel, 0)}, not {newest.get(channel)}"
            for channel in sorted(wanted)
            if self._last.get(channel, 0) != newest.get(channel)
        ]

    def _cut(self, line: "Line") -> None:
        """The server hung up on a client that reads: it may resume what it named, the rest is lost to it."""
        self._counts.cut_readers.append(f"{self.plan.kind}: {line.reason}")
        if not self._named:
            self._lose(f"cut off ({line.reason})")
            self._last.clear()

    def _lose(self, words: str) -> None:
        self._counts.lost.append(f"{self.plan.kind}: {words}")

    def received(self, size: int) -> None:
        self._counts.bytes += size


class Line(asyncio.Protocol):
    """One connection: frames by their lengths."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._rest = b""
        self._open = False
        self._over = asyncio.Event()
        self.reason = "no farewell"
        #: Whether a subscription was.
        self.answered = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(_HELLO.format("?batch=1" if self._client.plan.batched else "").encode())

    def connection_lost(self, exc: Exception | None) -> None:
        self._over.set()

    async def ended(self, seconds: float | None) -> bool:
        """Whether it ended within so long; None waits for ever."""
        try:
            await asyncio.wait_for(self._over.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def read_on(self) -> None:
        self._transport.resume_reading()

    def abort(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._client.received(len(data))
        data = self._rest + data
        if not self._open:
            head, found, data = data.partition(b"\r\n\r\n")
            if not found:
                self._rest = head
                return
            self._open = True
            for ask in self._client.asks():
                # Masked, as a client must, with nothing.
                size = bytes([0x80 | len(ask)]) if len(ask) < 126 else b"\xfe" + len(ask).to_bytes(2)
                self._transport.write(b"\x81" + size + b"\0\0\0\0" + ask)
        client, raw = self._client, self._client.plan.raw or self._client.plan.kind == "slow"
        at = begin = 0
        while len(data) - at >= 2:
            size, start = data[at + 1], at + 2
            if size >= 126 and len(data) - at < 10:
                break
            if size == 126:
                size, start = int.from_bytes(data[at + 2 : at + 4]), at + 4
            elif size == 127:
                size, start = int.from_bytes(data[at + 2 : at + 10]), at + 10
            if len(data) < start + size:
                break
            end, code = start + size, data[at]
            if code == 0x81 and raw and not data.startswith(b'{"type":"subscribed"', start):
                at = end
                continue
            if raw:
                client.raw(data[begin:at])
            self._one(code, data[start:end])
            at = begin = end
        if raw:
            client.raw(data[begin:at])
        self._rest = data[at:]

    def _one(self, code: int, text: bytes) -> None:
        if code == 0x89:
            self._transport.write(_PONG)
        elif code == 0x88:
            self.reason = f"{int.from_bytes(text[:2])} {text[2:].decode()}"
        elif text.startswith(b'{"type":"subscribed"'):
            self.answered = True
            self._client.answered(text)
            if self._client.plan.kind == "slow":
                self._transport.pause_reading()
        else:
            told = orjson.loads(text)
            for message in told if isinstance(told, list) else [told]:
                self._client.message(message)


class Rest:
    """A program that asks REST a few times a second."""

    def __init__(self, port: int, symbols: Sequence[str], counts: Counts) -> None:
        self._base = f"http://127.0.0.1:{port}/api/v1"
        self._symbols = symbols
        self._counts = counts

    async def run(self) -> None:
        paths = (
            "crypto/data?symbol={}&interval=1m&limit=500", "crypto/latest?symbol={}", "crypto/trades?symbol={}&limit=100",
            "stats?symbol={}", "indicators?symbol={}&interval=5s", "indicators/rsi?symbol={}&interval=5s&limit=100",
            "news?limit=50", "crypto/symbols",
        )  # fmt: skip
        async with httpx.AsyncClient(timeout=10) as client:
            n = 0
            while True:
                path = paths[n % len(paths)].format(self._symbols[n // len(paths) % len(self._symbols)])
                n += 1
                begun = time.perf_counter()
                try:
                    answer = await client.get(f"{self._base}/{path}")
                    if answer.status_code != httpx.codes.OK:
                        self._counts.rest_failed.append(f"{path}: {answer.status_code} {answer.text[:200]}")
                except httpx.HTTPError as error:
                    self._counts.rest_failed.append(f"{path}: {error!r}")
                self._counts.rest.append((time.perf_counter() - begun) * 1000)
                await asyncio.sleep(max(0.0, begun + _REST_EVERY - time.perf_counter()))


class Crowd:
    """That process, from the outside: `with Crowd(…) as crowd`."""

    def __init__(self, port: int, count: int, seed: int, symbols: Sequence[str]) -> None:
        self._command = [sys.executable, "-m", "tests.soak.clients", str(port), str(count), str(seed), *symbols]

    def __enter__(self) -> "Crowd":
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert (said := self._read()) == "ready", said
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def tell(self) -> dict[str, Any]:
        """What came since the last time."""
        return self._asked("tell")

    def missing(self, newest: Mapping[str, int]) -> list[str]:
        """What somebody who reads still has not got, ten seconds given."""
        return list(self._asked(f"end {json.dumps(newest)}")["missing"])

    def _asked(self, words: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(words + "\n")
        return dict(json.loads(self._read()))

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")


async def _main(port: int, count: int, seed: int, symbols: Sequence[str]) -> None:
    counts, draw = Counts(), random.Random(f"clients {seed}")
    clients = [Client(plan, port, counts, draw) for plan in plans(count, symbols)]
    tasks = []
    for n, client in enumerate(clients):
        tasks.append(asyncio.create_task(client.run()))
        if n % 20 == 19:
            await asyncio.sleep(0.05)
    try:
        await asyncio.wait_for(asyncio.gather(*(client.ready.wait() for client in clients)), 30)
    except TimeoutError:
        print(f"not every client was answered: {counts.refused}", flush=True)
        return
    tasks.append(asyncio.create_task(Rest(port, symbols, counts).run()))
    print("ready", flush=True)
    asked = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(asked), sys.stdin)
    while line := (await asked.readline()).decode():
        word, _, newest = line.rstrip("\n").partition(" ")
        told = counts.tell() if word == "tell" else {"missing": await _ended(clients, json.loads(newest))}
        print(json.dumps(told), flush=True)
        for task in tasks:
            if task.done():
                task.result()


async def _ended(clients: Sequence[Client], newest: Mapping[str, int]) -> list[str]:
    for _ in range(100):
        missing = [words for client in clients for words in client.missing(newest)]
        if not missing:
            break
        await asyncio.sleep(0.1)
    return missing


if __name__ == "__main__":
    _port, _count, _seed, *_symbols = sys.argv[1:]
    asyncio.run(_main(int(_port), int(_count), int(_seed), _symbols))
