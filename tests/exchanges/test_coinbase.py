"""Coinbase from its own frames: as recorded, broken, and over a local server that speaks it."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection, serve

from pipeline.errors import BadFrame
from pipeline.exchanges import label_of
from pipeline.exchanges.coinbase import Coinbase
from pipeline.exchanges.coinbase_frames import CoinbaseReader
from pipeline.exchanges.levels import Levels
from pipeline.exchanges.replay import Replay
from pipeline.exchanges.sockets import Timings
from pipeline.model import Book, Ticker, Trade
from tests.exchanges.test_recording import play

NAME = "cryptofeed_coinbase_20260809.jsonl.gz"


def frame(number: int, channel: str, *events: dict[str, Any]) -> bytes:
    head = {"channel": channel, "timestamp": "2026-08-09T21:05:48.25Z", "sequence_num": number, "events": list(events)}
    return json.dumps(head).encode()


def trades(number: int, *ids: int, side: str = "SELL", kind: str = "update") -> bytes:
    rows = [
        {"product_id": "BTC-USD", "trade_id": str(id_), "price": "65083.670", "size": "0.01034361",
         "time": f"2026-08-09T21:05:{id_ % 60:02}.167634Z", "side": side}
        for id_ in ids
    ]  # fmt: skip
    return frame(number, "market_trades", {"type": kind, "trades": rows})


def book(number: int, kind: str, *changes: tuple[str, str, str]) -> bytes:
    updates = [
        {"side": side, "event_time": "2026-08-09T21:05:48.17Z", "price_level": price, "new_quantity": amount}
        for side, price, amount in changes
    ]
    return frame(number, "l2_data", {"type": kind, "product_id": "BTC-USD", "updates": updates})


def test_a_recorded_session(recordings: Path) -> None:
    """Trades all there, each once, on the side that the best quotes say; the book never crossed."""
    path = recordings / NAME
    assert label_of(f"replay:{path}") == "COINBASE"
    replay = Replay([path], "max")
    events = play(replay)
    assert replay.label == "COINBASE"
    assert replay.health().frames == 1030
    assert "bad" not in replay.health().ignored
    assert "unknown" not in replay.health().ignored
    with gzip.open(path, "rt") as file:
        entries = [json.loads(line) for line in file]
    raw = [json.loads(entry["data"]) for entry in entries if entry["t"] == "recv"]
    sent = [t for one in raw for event in one["events"] for t in event.get("trades", ())]
    made = [event for event in events if isinstance(event, Trade)]
    assert {(t.trade_id, f"{t.price:f}", f"{t.amount:f}") for t in made} == {
        (t["trade_id"], t["price"], t["size"]) for t in sent
    }
    assert len(made) == len(sent)
    for symbol in ("BTC/USD", "ETH/USD"):
        ids = [int(t.trade_id) for t in made if t.symbol == symbol]
        assert ids == list(range(ids[0], ids[-1] + 1)), "in order, none missing"
    best: dict[str, Book] = {}
    taken = agree = 0
    for event in events:
        if isinstance(event, Book):
            assert event.bids[0][0] < event.asks[0][0], "crossed"
            assert [p for p, _ in event.bids] == sorted((p for p, _ in event.bids), reverse=True)
            assert len(event.bids) == len(event.asks) == 20
            best[event.symbol] = event
        elif isinstance(event, Ticker):
            assert event.bid is None or event.ask is None or event.bid < event.ask
        elif event.symbol in best:
            middle = (best[event.symbol].bids[0][0] + best[event.symbol].asks[0][0]) / 2
            taken += 1
            agree += (event.side == "buy") == (event.price > middle)
    assert taken > 50
    assert agree / taken > 0.9


def test_figures_keep_their_digits_and_sides_are_the_takers() -> None:
    (made,) = CoinbaseReader().events(trades(0, 7))
    assert isinstance(made, Trade)
    assert (made.symbol, made.side, str(made.price), str(made.amount)) == ("BTC/USD", "buy", "65083.670", "0.01034361")
    assert made.ts == 1786309507167


def test_snapshots_come_newest_first_and_go_on_oldest_first() -> None:
    made = CoinbaseReader().events(trades(0, 9, 8, 7, kind="snapshot"))
    assert [event.trade_id for event in made if isinstance(event, Trade)] == ["7", "8", "9"]


def test_a_lost_frame_ends_the_book_until_the_next_snapshot() -> None:
    reader = CoinbaseReader()
    start = (("bid", "10", "1"), ("offer", "11", "1"))
    assert reader.events(book(0, "snapshot", *start))
    assert reader.events(book(1, "update", ("bid", "10.5", "2")))
    assert reader.events(book(3, "update", ("offer", "10.4", "2"))) == []
    assert reader.lost == 1
    assert reader.events(trades(4, 1)), "trades go on: they have numbers of their own"
    # The connection that follows begins anew, while the old one still speaks.
    (made,) = reader.events(book(0, "snapshot", *start))
    assert isinstance(made, Book)
    assert made.bids == ((Decimal(10), Decimal(1)),)
    assert reader.events(book(5, "update", ("bid", "12", "9"))) == [], "of the old connection, whose book is gone"
    (made,) = reader.events(book(1, "update", ("bid", "10", "0"), ("bid", "9", "3")))
    assert isinstance(made, Book)
    assert made.bids == ((Decimal(9), Decimal(3)),)
    assert reader.lost == 1


@pytest.mark.parametrize("broken", [b"{", b"[]", b"\xff", trades(0, 1).replace(b'"0.01034361"', b'"much"')])
def test_a_broken_frame_says_so(broken: bytes) -> None:
    with pytest.raises(BadFrame):
        CoinbaseReader().events(broken)


def test_unknown_channels_are_counted() -> None:
    reader = CoinbaseReader()
    assert reader.events(frame(0, "futures_balance_summary")) == []
    assert reader.events(frame(1, "heartbeats")) == []
    assert reader.ignored == {"unknown": 1, "heartbeats": 1}


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 3)), max_size=80), st.booleans(), st.integers(1, 10))
def test_levels_are_a_sorted_map(changes: list[tuple[int, int]], descending: bool, count: int) -> None:
    levels, plain = Levels(descending), {}
    for price, amount in changes:
        levels.put(Decimal(price), Decimal(amount))
        plain[Decimal(price)] = Decimal(amount)
    wanted = sorted(((p, a) for p, a in plain.items() if a), reverse=descending)
    assert list(levels.top(count)) == wanted[:count]
    assert len(levels) == len(wanted)
    assert levels.best == (wanted[0][0] if wanted else None)


@asynccontextmanager
async def coinbase(*scripts: list[bytes]) -> AsyncIterator[tuple[str, list[list[dict[str, Any]]]]]:
    """A server that plays the n-th script to the n-th connection, once all channels are subscribed to."""
    heard: list[list[dict[str, Any]]] = []

    async def speak(socket: ServerConnection) -> None:
        said: list[dict[str, Any]] = []
        heard.append(said)
        script = scripts[min(len(heard), len(scripts)) - 1]
        for _ in range(4):
            said.append(json.loads(await socket.recv()))
        for one in script:
            await socket.send(one.decode())
        await socket.wait_closed()

    async with serve(speak, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"ws://127.0.0.1:{port}", heard


def test_it_subscribes_and_renews_a_connection_that_lost_a_frame() -> None:
    start = (("bid", "10", "1"), ("offer", "11", "1"))

    async def run() -> None:
        first = [trades(0, 1), book(1, "snapshot", *start), book(3, "update", ("bid", "10.9", "1"))]
        second = [trades(0, 2, 1, kind="snapshot"), book(1, "snapshot", *start)]
        async with coinbase(first, second) as (url, heard):
            exchange = Coinbase(url, "http://127.0.0.1:9", Timings(message_gap=0.01, overlap=0.1, backoff_first=0.05))
            seen: list[Any] = []
            async with asyncio.timeout(10):
                async for events in exchange.stream(["BTC/USD"]):
                    seen += events
                    if sum(isinstance(one, Book) for one in seen) == 2:
                        break
            await exchange.close()
            assert [one["channel"] for one in heard[0]] == ["heartbeats", "market_trades", "ticker", "level2"]
            assert heard[0][1]["product_ids"] == ["BTC-USD"]
            assert len(heard) == 2
            assert {one.trade_id for one in seen if isinstance(one, Trade)} == {"1", "2"}
            assert exchange.health().ignored["lost"] == 1

    asyncio.run(run())
