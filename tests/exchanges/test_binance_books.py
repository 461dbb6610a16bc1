"""Binance's order books over the wire: the member against the simulator, which numbers its changes as Binance does."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from pipeline.exchanges.binance import SHOWN, Binance
from pipeline.exchanges.simulator import Simulator
from pipeline.exchanges.sockets import Timings
from pipeline.model import Book

SYMBOLS = ["BTC/USDT", "ETH/USDT"]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(symbols=tuple(SYMBOLS), rate=300.0, seed=5) as simulator:
        yield simulator


@asynccontextmanager
async def following(simulator: Simulator) -> AsyncIterator[tuple[Binance, AsyncIterator[list[Any]]]]:
    exchange = Binance(simulator.ws_url, simulator.rest_url, "simulator", Timings(backoff_first=1.0, overlap=0.1))
    try:
        async with asyncio.timeout(40):
            yield exchange, exchange.stream(SYMBOLS)
    finally:
        await exchange.close()


async def books(events: AsyncIterator[list[Any]], each: int) -> list[Book]:
    """Until there are so many of each symbol."""
    found: list[Book] = []
    async for batch in events:
        found += [one for one in batch if isinstance(one, Book)]
        if all(sum(one.symbol == symbol for one in found) >= each for symbol in SYMBOLS):
            return found
    raise AssertionError("the stream ended")


def check(found: list[Book]) -> None:
    for one in found:
        assert one.bids[0][0] < one.asks[0][0], "crossed"
        assert len(one.bids) == len(one.asks) == SHOWN
        assert [price for price, _ in one.bids] == sorted((price for price, _ in one.bids), reverse=True)
        assert [price for price, _ in one.asks] == sorted(price for price, _ in one.asks)


def test_books_are_the_exchanges_own(simulator: Simulator) -> None:
    async def run() -> None:
        async with following(simulator) as (exchange, events):
            check(await books(events, 10))
            simulator_says(simulator, action="pause")
            await asyncio.sleep(0.5)
            exchange_book = exchange._books["BTC/USDT"]
            async with asyncio.timeout(10):
                while True:
                    last, bids, asks = await exchange._rest.depth("BTC/USDT")
                    if exchange_book._last == last:
                        break
                    await anext(events)
            assert exchange_book.bids.top(100) == bids[:100]
            assert exchange_book.asks.top(100) == asks[:100]
            assert exchange_book.resyncs == 0

    asyncio.run(run())


def test_a_cut_connection_costs_a_snapshot_and_nothing_wrong_is_shown(simulator: Simulator) -> None:
    async def run() -> None:
        async with following(simulator) as (exchange, events):
            check(await books(events, 3))
            # While somebody else listens the changes go on without us.
            async with connect(f"{simulator.ws_url}/stream?streams=btcusdt@depth@100ms") as other:
                sockets = exchange._sockets
                assert sockets is not None
                for link in sockets._links:
                    assert link is not None
                    link.socket.transport.abort()
                await other.recv()
                await other.recv()
                simulator_says(simulator, action="http_429", count=1, retry_after=1)
                check(await books(events, 15))
                assert sum(book.resyncs for book in exchange._books.values()) >= 1

    asyncio.run(run())


def simulator_says(simulator: Simulator, **request: Any) -> None:
    httpx.post(f"{simulator.rest_url}/control", json=request, timeout=10).raise_for_status()
