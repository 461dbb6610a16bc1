"""Who gets what, and what happens when a client does not keep up."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.live.hub import MOST_SUBSCRIPTIONS, QUEUE, Client, Hub
from dashboard.live.protocol import Key
from pipeline.live import Payload


def client(hub: Hub, *keys: Key, forming: bool = False) -> Client:
    one = Client(lambda: None)
    hub.join(one)
    for key in keys:
        hub.subscribe(one, key, {}, forming)
    return one


def read(one: Client) -> list[Any]:
    """What the client would receive, frames taken apart."""
    data, found = one.take(), []
    while data:
        size, at = data[1], 2
        if size == 126:
            size, at = int.from_bytes(data[2:4]), 4
        found.append(json.loads(data[at : at + size]))
        data = data[at + size :]
    return found


def seqs(one: Client) -> list[int]:
    return [message["seq"] for message in read(one)]


def numbered(first: int, count: int = 1, epoch: str = "e") -> Payload:
    return Payload(False, epoch, first, [b'{"n":%d}' % n for n in range(first, first + count)])


TRADES = Key("trade", "BTC/USDT", "")
CHANNEL = "trade|BTC/USDT|"


def test_matching() -> None:
    hub = Hub(lambda: None)
    named = client(hub, Key("candle", "BTC/USDT", "1m"))
    any_timeframe = client(hub, Key("candle", "BTC/USDT", ""))
    any_symbol = client(hub, Key("candle", "", "1m"))
    everything = client(hub, Key("candle", "", ""))
    other = client(hub, Key("candle", "BTC/USDT", "5m"), Key("candle", "ETH/USDT", "1m"), Key("trade", "", ""))
    hub.publish("candle|BTC/USDT|1m", numbered(1))
    assert [len(read(one)) for one in (named, any_timeframe, any_symbol, everything, other)] == [1, 1, 1, 1, 0]


def test_a_message_reaches_a_client_once() -> None:
    hub = Hub(lambda: None)
    one = client(hub, Key("trade", "", ""), TRADES)
    hub.publish(CHANNEL, numbered(1))
    assert seqs(one) == [1]
    hub.unsubscribe(one, TRADES)
    hub.publish(CHANNEL, numbered(2))
    assert seqs(one) == [2]
    hub.unsubscribe(one, Key("trade", "", ""))
    hub.publish(CHANNEL, numbered(3))
    assert seqs(one) == []


def test_forming_only_for_those_who_asked() -> None:
    hub = Hub(lambda: None)
    key = Key("candle", "BTC/USDT", "1m")
    closed_only, both = client(hub, key), client(hub, key, forming=True)
    hub.publish("candle|BTC/USDT|1m", Payload(True, "e", 4, [b'{"closed":false}']))
    assert (seqs(closed_only), seqs(both)) == ([], [4])


def test_seq_counts_on_over_slices() -> None:
    turns = []
    hub = Hub(lambda: turns.append(one.waiting))
    one = client(hub, TRADES)
    got: list[int] = []
    hub._pause = lambda: (turns.append(one.waiting), got.extend(seqs(one)))[0]  # the writer's turn
    hub.publish(CHANNEL, numbered(1, 1000))
    assert got + seqs(one) == list(range(1, 1001))
    assert max(turns) <= QUEUE, "a burst fills nobody's queue who reads"


def test_a_burst_over_many_channels_fills_no_queue_of_a_client_of_all_who_reads() -> None:
    hub = Hub(lambda: None)
    everything = client(hub, Key("trade", "", ""))
    got: list[int] = []
    hub._pause = lambda: got.extend(seqs(everything))  # the writer's turn
    for n in range(40):
        hub.publish(f"trade|C{n}/USDT|", numbered(n * 50, 50))
    assert got + seqs(everything) == list(range(2000))
    assert not everything.overflowed


def test_nothing_old_after_a_subscription_was_answered() -> None:
    hub = Hub(lambda: None)
    one = client(hub, TRADES)
    one.floors[CHANNEL] = ("e", 10)
    hub.publish(CHANNEL, numbered(8, 2))
    hub.publish(CHANNEL, numbered(10, 3))
    hub.publish(CHANNEL, numbered(13))
    assert seqs(one) == [11, 12, 13]
    one.floors[CHANNEL] = ("e", 100)
    hub.publish(CHANNEL, numbered(1, 2, epoch="new"))
    assert seqs(one) == [1, 2], "Redis lost its memory: the numbers begin again"


def test_passed_over_while_a_subscription_is_answered() -> None:
    hub = Hub(lambda: None)
    one = client(hub, TRADES)
    one.passed[CHANNEL] = ("", 0)
    hub.publish(CHANNEL, numbered(8, 300))
    assert one.passed[CHANNEL] == ("e", 307)
    assert one.waiting == 0


def test_a_full_queue_loses_forming_ones_first_the_oldest_first() -> None:
    hub = Hub(lambda: None)
    one = client(hub, TRADES, Key("candle", "BTC/USDT", "1m"), forming=True)
    forming = [Payload(True, "e", n, [b'{"forming":%d}' % n]) for n in range(3)]
    for payload in forming:
        hub.publish("candle|BTC/USDT|1m", payload)
    for n in range(QUEUE - 2):
        hub.publish(CHANNEL, numbered(n))
    assert not one.overflowed
    kept = read(one)
    assert [m["seq"] for m in kept if m["type"] == "trade"] == list(range(QUEUE - 2))
    assert [m["seq"] for m in kept if m["type"] == "candle"] == [1, 2]


def test_then_the_client_is_given_up_alone() -> None:
    hub = Hub(lambda: None)
    slow, quick = client(hub, TRADES), client(hub, TRADES)
    for n in range(QUEUE):
        hub.publish(CHANNEL, numbered(n))
        assert seqs(quick) == [n]
    assert not slow.overflowed
    hub.publish(CHANNEL, numbered(QUEUE))
    assert slow.overflowed
    assert slow.waiting == 0, "its memory is given back at once"
    assert seqs(quick) == [QUEUE]


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40)), max_size=60))
def test_never_more_than_the_bound_and_always_in_order(pieces: list[tuple[bool, int]]) -> None:
    hub = Hub(lambda: None)
    one = client(hub, TRADES, Key("candle", "BTC/USDT", "1m"), forming=True)
    seq = 1
    for forming, count in pieces:
        if forming:
            hub.publish("candle|BTC/USDT|1m", Payload(True, "e", seq, [b"{}"] * count))
        else:
            hub.publish(CHANNEL, numbered(seq, count))
            seq += count
        assert one.waiting <= QUEUE
    if not one.overflowed:
        assert [m["seq"] for m in read(one) if m["type"] == "trade"] == list(range(1, seq))
    else:
        assert seq > QUEUE


def test_subscriptions_are_bounded_and_forgotten_with_the_client() -> None:
    hub = Hub(lambda: None)
    one = client(hub)
    for n in range(MOST_SUBSCRIPTIONS):
        assert hub.may_subscribe(one, Key("trade", f"A{n}/USDT", ""))
        hub.subscribe(one, Key("trade", f"A{n}/USDT", ""), {}, forming=False)
    assert not hub.may_subscribe(one, TRADES)
    assert hub.may_subscribe(one, Key("trade", "A1/USDT", "")), "once more, with other wishes"
    hub.leave(one)
    assert not hub.wanted("trade|A1/USDT|")


def test_stats() -> None:
    hub = Hub(lambda: None)
    first, second = client(hub, TRADES), client(hub, TRADES)
    hub.publish(CHANNEL, numbered(1, 3))
    read(first)
    read(second)
    hub.leave(first)
    stats = hub.stats()
    assert stats.pop("last_broadcast_time") > 1_700_000_000_000
    assert stats == {
        "total_connections": 2, "active_connections": 1, "messages_broadcast": 3, "messages_delivered": 6,
    }  # fmt: skip


def test_nobody_asked_nothing_done(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub(lambda: None)
    client(hub, Key("trade", "ETH/USDT", ""))
    assert not hub.wanted(CHANNEL)
    hub.publish(CHANNEL, numbered(1))
    assert hub.stats()["messages_broadcast"] == 0


def test_a_batched_client_gets_one_array_of_all_that_waits() -> None:
    hub = Hub(lambda: None)
    hurried: list[bool] = []
    one = Client(lambda: None, lambda: hurried.append(True), batched=True)
    hub.join(one)
    hub.subscribe(one, TRADES, {}, forming=False)
    hub.publish(CHANNEL, numbered(1, 2))
    hub.publish(CHANNEL, numbered(3))
    (messages,) = read(one)
    assert [message["seq"] for message in messages] == [1, 2, 3]
    assert hurried == []
    hub.publish(CHANNEL, numbered(4, QUEUE // 2))
    assert hurried, "before the queue is full"
