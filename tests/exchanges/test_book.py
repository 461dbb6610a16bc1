"""Order books: the recorded ones rebuilt, and the procedure under random loss, repetition and disorder."""

import gzip
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.exchanges.book import Change, OrderBook, levels
from pipeline.exchanges.levels import Level


def change(row: dict[str, Any]) -> Change:
    return Change(row["U"], row["u"], row.get("pu"), levels(row["b"]), levels(row["a"]))


def messages(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(symbol, snapshot or depthUpdate) of a recording, in the order they came."""
    with gzip.open(path, "rt") as file:
        for line in file:
            if line.startswith("{"):
                entry = json.loads(line)
                url = entry.get("url", "")
                if entry["t"] == "http" and "depth" in url:
                    yield re.findall(r"symbol=(\w+)", url)[0].upper(), json.loads(entry["data"])
                if entry["t"] != "recv":
                    continue
                body = json.loads(entry["data"])
            elif match := re.match(r"^\S*depth\?symbol=(\w+)\S* -> [\d.]+: (.*)$", line):
                yield match[1].upper(), json.loads(match[2])
                continue
            elif match := re.match(r"^[\d.]+:? (\{.*)$", line):
                body = json.loads(match[1])
            else:
                continue
            body = body.get("data", body)
            if body.get("e") == "depthUpdate":
                yield body["s"], body
            elif "lastUpdateId" in body:
                yield "BTCUSDT", body  # the hft sessions are of one symbol


@pytest.mark.parametrize(
    ("names", "symbols"),
    [
        (["hft_binance_spot_btcusdt_20240808.gz", "hft_binance_spot_btcusdt_20240809.gz"], 1),
        (["hft_binance_usdm_btcusdt_20230404.gz", "hft_binance_usdm_btcusdt_20230405.gz"], 1),
        (["cryptofeed_binance_spot_20210404_btc_eth_dot.txt.gz"], 3),
        (["cryptofeed_binance_spot_20211012.jsonl.gz"], 4),
        (["cryptofeed_binance_usdm_20210722.jsonl.gz"], 4),
    ],
)
def test_recorded_books_join_their_snapshots_and_are_never_crossed(
    recordings: Path, names: list[str], symbols: int
) -> None:
    books: dict[str, OrderBook] = {}
    applied: dict[str, int] = {}
    for name in names:
        for symbol, body in messages(recordings / name):
            book = books.setdefault(symbol, OrderBook())
            if "lastUpdateId" in body:
                book.snapshot(body["lastUpdateId"], levels(body["bids"]), levels(body["asks"]))
                continue
            began = book.synced
            in_sync = book.update(change(body))
            assert in_sync or not began, f"{symbol}: lost its place at {body['U']}"
            applied[symbol] = applied.get(symbol, 0) + in_sync
            assert not book.crossed
    joined = [symbol for symbol, book in books.items() if book.synced]
    assert len(joined) == symbols
    assert all(book.resyncs == 0 for book in books.values())
    assert all(applied[symbol] > 0 for symbol in joined)


# -- random markets ------------------------------------------------------------------------------------------------------


class Market:
    """A book that changes, and what the exchange says of it."""

    def __init__(self) -> None:
        self.id = 100
        self.bids = {Decimal(90 - n): Decimal(1) for n in range(5)}
        self.asks = {Decimal(110 + n): Decimal(1) for n in range(5)}

    def move(self, steps: list[tuple[bool, int, int]], futures: bool) -> Change:
        first, before = self.id + 1, self.id
        changed: tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]] = ({}, {})
        for bid, place, amount in steps:
            side, price = (self.bids, Decimal(80 + place)) if bid else (self.asks, Decimal(101 + place))
            changed[0 if bid else 1][price] = Decimal(amount)
            if amount:
                side[price] = Decimal(amount)
            else:
                side.pop(price, None)
            self.id += 1
        return Change(first, self.id, before if futures else None, tuple(changed[0].items()), tuple(changed[1].items()))

    def snapshot(self) -> tuple[int, list[Level], list[Level]]:
        return self.id, list(self.bids.items()), list(self.asks.items())


_steps = st.lists(st.tuples(st.booleans(), st.integers(0, 20), st.integers(0, 2)), min_size=1, max_size=4)


@given(
    st.booleans(),
    st.lists(
        st.tuples(_steps, st.sampled_from(["sent", "sent", "sent", "lost", "twice", "late"]), st.booleans()),
        max_size=60,
    ),
)
def test_whatever_is_lost_repeated_or_late_a_synced_book_is_the_markets(
    futures: bool, events: list[tuple[list[tuple[bool, int, int]], str, bool]]
) -> None:
    market, book = Market(), OrderBook()
    late: list[Change] = []
    for steps, fate, ask in events:
        one = market.move(steps, futures)
        if fate == "lost":
            continue
        sent = [one, *late, one] if fate == "twice" else [one, *late]
        late = []
        if fate == "late":
            late = [one]
            continue
        for each in sent:
            book.update(each)
        if not book.synced and ask:
            # Between two changes, as REST answers: the stream then goes on from there.
            book.snapshot(*market.snapshot())
        if book.synced:
            assert dict(book.bids.top(1000)) == market.bids
            assert dict(book.asks.top(1000)) == market.asks
            assert not book.crossed


def test_an_older_snapshot_is_refused_and_a_newer_one_taken() -> None:
    market, book = Market(), OrderBook()
    old = market.snapshot()
    market.move([(True, 1, 1)], False)
    assert not book.update(market.move([(True, 2, 1)], False))
    assert not book.snapshot(*old)
    assert book.snapshot(*market.snapshot())
    assert book.update(market.move([(False, 3, 2)], False))


def test_a_crossed_book_is_dropped() -> None:
    book = OrderBook()
    assert book.snapshot(5, [(Decimal(1), Decimal(1))], [(Decimal(2), Decimal(1))])
    assert not book.update(Change(6, 6, None, ((Decimal(3), Decimal(1)),), ()))
    assert (book.synced, book.resyncs, len(book.bids)) == (False, 1, 0)
