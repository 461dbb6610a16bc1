"""Trades missed on the socket: fetched by id and marked, or noted as a gap with its bounds."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
import redis

from pipeline.bus.streams import StreamsBus
from pipeline.collecting.gaps import KEY, GapNotes, LostTrades
from pipeline.collecting.publisher import Publisher
from pipeline.collecting.repair import Repairs
from pipeline.exchanges.binance import Binance
from pipeline.exchanges.simulator import Simulator
from pipeline.model import Trade
from pipeline.settings import Settings
from pipeline.workers import keeper
from tests.keeping.conftest import rows
from tests.stack import eventually


@pytest.fixture
def keeping(ready: Settings, market: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The keeper at work."""
    monkeypatch.setattr(keeper, "LOOK", 0.1)
    stop = threading.Event()
    mine = ready.model_copy(update={"binance_rest_url": market.rest_url, "exchange": "simulator"})
    thread = threading.Thread(target=keeper.run, args=(mine, stop))
    thread.start()
    yield
    stop.set()
    thread.join(30)


def collect(market: Simulator, bus: StreamsBus, ready: Settings, max_gap: int, missed: int) -> list[tuple[int, int]]:
    """Follow the market until a gap of `missed` trades was dealt with; the (start, end) ms that were left to klines."""
    client = redis.Redis.from_url(ready.redis_url)
    unfilled: list[tuple[int, int]] = []

    async def go() -> None:
        exchange = Binance(market.ws_url, market.rest_url, streams=("trade",))
        publisher = Publisher(bus, client)
        notes = GapNotes(client)
        repairs = Repairs(
            exchange, publisher, {}, lambda symbol, *span: unfilled.append(span), notes.add, max_gap=max_gap
        )
        seen = after = 0
        async for events in exchange.stream(["BTC/USDT"]):
            taken = repairs.take([event for event in events if isinstance(event, Trade)])
            publisher.add(taken)
            if not seen and taken:
                market.control("gap", count=missed, symbol="BTC/USDT")
            seen += len(taken)
            after += len(taken) if repairs.repaired or repairs.given_up else 0
            if after > 2:
                break
        await publisher.drained()
        await repairs.close()
        await publisher.close()
        await exchange.close()

    asyncio.run(asyncio.wait_for(go(), 60))
    client.close()
    return unfilled


def test_what_is_fetched_by_id_is_marked(market: Simulator, bus: StreamsBus, ready: Settings, writing: None) -> None:
    assert collect(market, bus, ready, max_gap=1000, missed=7) == []
    marked = "SELECT count(*) FROM trades WHERE source = 'repair'"
    assert eventually(lambda: rows(ready, marked) == [(7,)], 30), rows(ready, marked)
    first, last, count = rows(ready, "SELECT min(trade_id::bigint), max(trade_id::bigint), count(*) FROM trades")[0]
    assert last - first + 1 == count
    truth = {t["id"]: t for t in market.truth("BTC/USDT")}
    for number, price in rows(ready, "SELECT trade_id::bigint, price::text FROM trades"):
        assert truth[number]["price"] == price


def test_what_cannot_be_fetched_is_noted_with_its_bounds(
    market: Simulator, bus: StreamsBus, ready: Settings, writing: None, keeping: None
) -> None:
    unfilled = collect(market, bus, ready, max_gap=5, missed=9)
    found = "SELECT first_id, last_id, extract(epoch FROM starts_at) * 1000, extract(epoch FROM ends_at) * 1000, reason FROM gaps"
    assert eventually(lambda: rows(ready, found), 30)
    ((first, last, starts, ends, reason),) = rows(ready, found)
    assert last - first + 1 == 9 and "9 trades are too many" in reason
    assert unfilled == [(starts, ends)]
    truth = {t["id"]: t["time"] for t in market.truth("BTC/USDT")}
    assert (truth[first - 1], truth[last + 1]) == (starts, ends)
    client = redis.Redis.from_url(ready.redis_url)
    assert eventually(lambda: client.llen(KEY) == 0)
    # Told again, after a crash between the table and the list: nothing changes.
    asyncio.run(GapNotes(client).add(LostTrades("BINANCE", "BTC/USDT", first, last, 1, 2, "again")))
    assert eventually(lambda: client.llen(KEY) == 0)
    assert rows(ready, found) == [(first, last, starts, ends, reason)]
    client.close()


def test_a_note_waits_for_redis() -> None:
    client = redis.Redis.from_url("redis://127.0.0.1:1/0")
    notes = GapNotes(client)
    asyncio.run(notes.add(LostTrades("BINANCE", "BTC/USDT", 1, 2, 1, 2, "why")))
    assert len(notes._pending) == 1
