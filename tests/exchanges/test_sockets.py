"""Connections kept alive: against a real WebSocket server that misbehaves on request."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import pairwise

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from pipeline.errors import SetupError
from pipeline.exchanges.binance import Binance
from pipeline.exchanges.sockets import Endpoint, RawFrame, Sockets, Timings

FAST = Timings(
    open_timeout=2, silence=0.4, max_age=60, overlap=0.2, message_gap=0.05, backoff_first=0.05, backoff_cap=0.2
)
Handler = Callable[[ServerConnection, int], Awaitable[None]]


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[tuple[str, list[ServerConnection]]]:
    """Runs `handler(connection, its number)`; the URL and the connections so far."""
    connections: list[ServerConnection] = []

    async def accept(connection: ServerConnection) -> None:
        connections.append(connection)
        with suppress(ConnectionClosed):
            await handler(connection, len(connections))

    async with serve(accept, "127.0.0.1", 0) as running:
        port = running.sockets[0].getsockname()[1]
        yield f"ws://127.0.0.1:{port}", connections


async def count_up(connection: ServerConnection, until: int = 1 << 30) -> None:
    for number in range(until):
        await connection.send(str(number))
        await asyncio.sleep(0.01)


async def collect(sockets: Sockets, enough: Callable[[list[bytes]], bool], seconds: float = 10) -> list[bytes]:
    got: list[bytes] = []

    async def read() -> None:
        async for frames in sockets.frames():
            got.extend(frame.data for frame in frames)
            if enough(got):
                return

    try:
        await asyncio.wait_for(read(), seconds)
    finally:
        await sockets.close()
    return got


def test_a_dropped_connection_is_made_again() -> None:
    async def drop_after_three(connection: ServerConnection, number: int) -> None:
        await count_up(connection, until=3)
        await connection.close()

    async def scenario() -> None:
        async with server(drop_after_three) as (url, connections):
            sockets = Sockets([Endpoint(url)], timings=FAST)
            await collect(sockets, lambda got: len(got) >= 9)
            assert len(connections) == 3
            assert sockets.reconnects >= 2
            assert "lost" in sockets.last_error

    asyncio.run(scenario())


def test_silence_is_noticed_and_the_connection_made_again() -> None:
    async def stall(connection: ServerConnection, number: int) -> None:
        await count_up(connection, until=3)
        await connection.wait_closed()

    async def scenario() -> None:
        async with server(stall) as (url, _):
            sockets = Sockets([Endpoint(url)], timings=FAST)
            began = time.monotonic()
            await collect(sockets, lambda got: len(got) >= 6)
            assert FAST.silence <= time.monotonic() - began < 3
            assert "nothing came" in sockets.last_error

    asyncio.run(scenario())


def test_a_server_that_is_away_is_waited_for() -> None:
    async def scenario() -> None:
        async with server(lambda connection, _: count_up(connection)) as (url, _):
            pass
        port = int(url.rpartition(":")[2])
        sockets = Sockets([Endpoint(url)], timings=FAST)
        task = asyncio.create_task(collect(sockets, lambda got: len(got) >= 3))
        await asyncio.sleep(0.4)
        assert not sockets.connected
        assert "cannot connect" in sockets.last_error
        async with serve(count_up, "127.0.0.1", port):
            assert len(await task) >= 3

    asyncio.run(scenario())


@pytest.mark.parametrize("why", ["goodbye", "age"])
def test_a_connection_is_handed_over_without_losing_a_frame(why: str) -> None:
    tick = 0

    async def market(connection: ServerConnection, number: int) -> None:
        begun = time.monotonic()
        sent_goodbye = False
        newest = tick
        # Each connection sees every tick of the market from its start on, until the server closes it.
        while number > 1 or time.monotonic() - begun < 1.0:
            if why == "goodbye" and number == 1 and time.monotonic() - begun > 0.2 and not sent_goodbye:
                await connection.send("goodbye")
                sent_goodbye = True
            while newest < tick:
                newest += 1
                await connection.send(str(newest))
            await asyncio.sleep(0.002)
        await connection.close()

    async def scenario() -> None:
        nonlocal tick

        async def ticking() -> None:
            nonlocal tick
            while True:
                tick += 1
                await asyncio.sleep(0.005)

        ticks = asyncio.create_task(ticking())
        timings = Timings(
            **{f: getattr(FAST, f) for f in FAST.__struct_fields__} | {"max_age": 0.3 if why == "age" else 60}
        )
        async with server(market) as (url, connections):
            sockets = Sockets([Endpoint(url)], lambda frame: frame == b"goodbye", timings)
            got = await collect(sockets, lambda got: len(connections) >= 2 and len(got) > 300)
            numbers = {int(text) for text in got if text != b"goodbye"}
            assert numbers >= set(range(min(numbers), max(numbers) + 1))
            assert sockets.reconnects == 0, "a handover is no reconnect"
        ticks.cancel()

    asyncio.run(scenario())


def test_frames_that_nobody_takes_stay_with_the_sender() -> None:
    sent = 0

    async def flood(connection: ServerConnection, number: int) -> None:
        nonlocal sent
        while True:
            await connection.send(b"x" * 4096)
            sent += 1

    async def scenario() -> None:
        async with server(flood) as (url, _):
            sockets = Sockets([Endpoint(url)], timings=FAST, room=100)
            frames = sockets.frames()
            taken: list[RawFrame] = list(await anext(frames))
            await asyncio.sleep(0.3)
            before = sent
            await asyncio.sleep(0.6)
            assert sent == before, "the sender is held up"
            assert sockets.reconnects == 0, "and it is not taken for silence"
            taken += await anext(frames)
            assert len(taken) < 400
            await sockets.close()

    asyncio.run(scenario())


def test_an_address_that_can_never_work_is_said() -> None:
    async def scenario() -> None:
        await collect(Sockets([Endpoint("nonsense://x")], timings=FAST), lambda _: False, 2)

    with pytest.raises(SetupError, match="not a WebSocket URL"):
        asyncio.run(scenario())


def test_many_streams_are_spread_over_connections_and_subscribed_to_in_a_measured_way() -> None:
    asked: dict[int, list[tuple[float, str]]] = {}
    paths: dict[int, str] = {}

    async def listen(connection: ServerConnection, number: int) -> None:
        paths[number] = connection.request.path if connection.request else ""
        asked[number] = []
        await connection.send("{}")
        async for message in connection:
            asked[number].append((time.monotonic(), str(message)))

    async def scenario() -> None:
        async with server(listen) as (url, connections):
            exchange = Binance(url, "http://127.0.0.1:1", timings=Timings(silence=20, message_gap=0.2))
            symbols = [f"C{number}/USDT" for number in range(400)]
            stream = asyncio.create_task(anext(exchange.frames(symbols)))
            await asyncio.sleep(2.0)
            await exchange.close()
            with suppress(StopAsyncIteration):
                await stream
            streams = {name for path in paths.values() for name in path.partition("streams=")[2].split("/")}
            for messages in asked.values():
                for _, text in messages:
                    streams.update(json.loads(text)["params"])
                gaps = [later[0] - earlier[0] for earlier, later in pairwise(messages)]
                assert all(gap > 0.1 for gap in gaps)
            assert len(connections) == 2
            assert len(streams) == 1200
            assert all(len(path) < 8192 for path in paths.values())

    asyncio.run(scenario())
