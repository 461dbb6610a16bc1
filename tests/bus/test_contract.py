"""What `pipeline.bus.base` promises, asked of every bus."""

import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence

import pytest

from pipeline.bus.base import Message, Record, Subscription, TopicPartition, partition_of
from pipeline.bus.deadletters import dead_letter
from pipeline.bus.topics import DEADLETTER, TOPICS
from tests.bus.conftest import PARTITIONS, Server, numbers, owned, read, records, settle


class Notes:
    """A `Listener` that writes down what it is told, and answers from `positions`."""

    def __init__(self, name: str = "", log: list[tuple[str, str, TopicPartition]] | None = None) -> None:
        self.name = name
        self.log = [] if log is None else log
        self.positions: dict[TopicPartition, str] = {}
        self.before_losing: Callable[[], None] = lambda: None

    def assigned(self, partition: TopicPartition) -> str | None:
        self.log.append((self.name, "assigned", partition))
        return self.positions.get(partition)

    def revoked(self, partitions: Sequence[TopicPartition]) -> None:
        self.before_losing()
        self.log += [(self.name, "revoked", partition) for partition in partitions]


def test_order_within_a_partition_and_one_partition_number_for_a_symbol(bus_under_test: Server) -> None:
    topics = [bus_under_test.topic("trades"), bus_under_test.topic("bars")]
    bus = bus_under_test.make_bus()
    for start in range(0, 300, 60):
        bus.publish(topics[0], records(60, start))
        bus.publish(
            topics[1],
            [Record(r.key + b"|1m|%d" % n, r.value, r.headers) for n, r in enumerate(records(60, start))],
        )
    messages = read(bus_under_test.subscribe(bus_under_test.name("group"), topics), 600)
    assert len(messages) == 600

    by_partition: dict[tuple[str, int], list[int]] = defaultdict(list)
    for message in messages:
        assert message.key is not None
        head = b"|".join(message.key.split(b"|")[:2])
        assert message.partition == partition_of(head, PARTITIONS)
        by_partition[message.topic, message.partition].append(int(message.value))
    assert len(by_partition) == 2 * PARTITIONS
    for (topic, number), values in by_partition.items():
        assert values == sorted(values)
        assert values == by_partition[topics[0] if topic == topics[1] else topics[1], number]


def test_keys_values_and_headers_arrive_as_they_were(bus_under_test: Server) -> None:
    topic = bus_under_test.topic()
    sent = [
        Record(b"BINANCE|BTCUSDT", bytes(range(256)), {"source": "collector-ws", "schema": "trade_v1"}),
        Record(b"BINANCE|BTCUSDT", b"", {}),
        Record(b"BINANCE|BTCUSDT|1m|1763640000000", '{"name":"Ünïcode €"}'.encode(), {"note": "Zürich — 東京"}),
        Record(b"BINANCE|BTCUSDT", b"\x00" * 10, {"empty": "", "a": "1", "b": "2"}),
        Record(b"BINANCE|BTCUSDT", b"same headers, other record", {"empty": "", "a": "1", "b": "2"}),
    ]
    bus_under_test.make_bus().publish(topic, sent)
    got = read(bus_under_test.subscribe(bus_under_test.name("group"), [topic]), len(sent))
    assert [Record(m.key or b"", m.value, dict(m.headers)) for m in got] == sent
    assert {(m.topic, m.partition) for m in got} == {(topic, partition_of(b"BINANCE|BTCUSDT", PARTITIONS))}
    assert len({m.offset for m in got}) == len(sent)


def test_a_message_without_a_key_arrives(bus_under_test: Server) -> None:
    topic = bus_under_test.topic("news")
    bus_under_test.make_bus().publish(topic, [Record(b"", b"article")])
    (message,) = read(bus_under_test.subscribe(bus_under_test.name("group"), [topic]), 1)
    assert (message.key or b"", message.value) == (b"", b"article")


def test_a_value_of_nearly_a_megabyte_among_small_ones(bus_under_test: Server) -> None:
    topic = bus_under_test.topic()
    values = [b"before", bytes(950_000), b"after"]
    bus_under_test.make_bus().publish(topic, [Record(b"BINANCE|A", value) for value in values])
    got = read(bus_under_test.subscribe(bus_under_test.name("group"), [topic]), 3)
    assert [m.value for m in got] == values


def test_what_was_not_committed_comes_again(bus_under_test: Server) -> None:
    topic, group = bus_under_test.topic(), bus_under_test.name("group")
    bus = bus_under_test.make_bus()
    bus.publish(topic, records(50))
    first = bus_under_test.subscribe(group, [topic])
    assert sorted(numbers(read(first, 50))) == list(range(50))
    first.close()  # commits nothing

    second = bus_under_test.subscribe(group, [topic])
    assert sorted(numbers(read(second, 50))) == list(range(50))
    second.commit()
    bus.publish(topic, records(50, 50))
    second.close()

    third = bus_under_test.subscribe(group, [topic])
    assert sorted(numbers(read(third, 50))) == list(range(50, 100))


def test_groups_do_not_take_from_each_other(bus_under_test: Server) -> None:
    topic = bus_under_test.topic()
    bus_under_test.make_bus().publish(topic, records(40))
    for name in ("one", "two"):
        member = bus_under_test.subscribe(bus_under_test.name(name), [topic])
        assert sorted(numbers(read(member, 40))) == list(range(40))
        member.commit()


def test_a_quiet_poll_returns_nothing_in_time(bus_under_test: Server) -> None:
    member = bus_under_test.member(bus_under_test.name("group"), [bus_under_test.topic()])
    begin = time.monotonic()
    assert member.poll(0.3) == []
    assert 0.25 < time.monotonic() - begin < 1.5
    begin = time.monotonic()
    assert member.poll(0) == []
    assert time.monotonic() - begin < 0.25


def test_max_messages_is_a_bound_give_or_take_a_batch(bus_under_test: Server) -> None:
    topic = bus_under_test.topic()
    bus = bus_under_test.make_bus()
    batch = 50
    for start in range(0, 600, batch):
        bus.publish(topic, records(batch, start))
    member = bus_under_test.subscribe(bus_under_test.name("group"), [topic])
    got: list[Message] = []
    end = time.monotonic() + 30
    while len(got) < 600 and time.monotonic() < end:
        polled = member.poll(0.2, 100)
        assert len(polled) < 100 + batch
        got += polled
    assert sorted(numbers(got)) == list(range(600))


def test_the_listeners_position_wins_and_none_means_the_committed_one(bus_under_test: Server) -> None:
    topic, group = bus_under_test.topic(), bus_under_test.name("group")
    bus = bus_under_test.make_bus()
    bus.publish(topic, records(30))
    first = bus_under_test.subscribe(group, [topic])
    assert len(read(first, 30)) == 30
    early = first.positions()
    assert len(early) == PARTITIONS
    bus.publish(topic, records(30, 30))
    assert len(read(first, 30)) == 30
    first.commit()
    first.close()

    told = TopicPartition(topic, 1)
    notes = Notes()
    notes.positions = {told: early[told]}
    second = bus_under_test.subscribe(group, [topic], notes)
    again = [n for n in range(30, 60) if partition_of(b"BINANCE|S%d" % (n % 7), PARTITIONS) == 1]
    assert numbers(read(second, len(again))) == again
    assert sorted(partition for _, what, partition in notes.log if what == "assigned") == sorted(early)


def test_reading_goes_on_from_positions(real_bus: Server) -> None:
    """A worker that keeps its positions itself and never commits loses and repeats nothing, wherever it stopped."""
    topic, group = real_bus.topic(), real_bus.name("group")
    bus = real_bus.make_bus()
    for start in range(0, 60, 6):
        bus.publish(topic, records(6, start))
    notes = Notes()
    got: list[Message] = []
    end = time.monotonic() + 60
    while len(got) < 60 and time.monotonic() < end:
        member = real_bus.subscribe(group, [topic], notes)
        polled: list[Message] = []
        while not polled and time.monotonic() < end:
            polled = member.poll(0.5, 20)
        got += polled
        notes.positions = member.positions()
        member.close()
    assert sorted(numbers(got)) == list(range(60))


def test_ensure_topics_can_be_called_again(bus_under_test: Server) -> None:
    bus = bus_under_test.make_bus()
    bus.ensure_topics(list(TOPICS))
    bus.ensure_topics(list(TOPICS))


def test_threads_publish_at_once_and_nothing_is_lost(bus_under_test: Server) -> None:
    topic = bus_under_test.topic()
    bus = bus_under_test.make_bus()

    def publish(thread: int) -> None:
        for start in range(0, 200, 20):
            bus.publish(
                topic, [Record(b"BINANCE|S%d" % (n % 7), b"%d %d" % (thread, n)) for n in range(start, start + 20)]
            )

    threads = [threading.Thread(target=publish, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    got = [m.value.split() for m in read(bus_under_test.subscribe(bus_under_test.name("group"), [topic]), 800)]
    seen = sorted((int(thread), int(n)) for thread, n in got)
    assert seen == [(number, n) for number in range(4) for n in range(200)]
    for number in range(4):
        for symbol in range(7):
            own = [int(n) for t, n in got if int(t) == number and int(n) % 7 == symbol]
            assert own == sorted(own)


def test_lag_is_nothing_once_all_is_polled(bus_under_test: Server) -> None:
    topic = bus_under_test.topic()
    bus = bus_under_test.make_bus()
    member = bus_under_test.member(bus_under_test.name("group"), [topic])
    assert sum(member.lag().values()) == 0
    bus.publish(topic, records(30))
    first = member.poll(10)
    got = first + (read(member, 30 - len(first)) if len(first) < 30 else [])
    assert sorted(numbers(got)) == list(range(30))
    end = time.monotonic() + 10
    while sum(member.lag().values()) and time.monotonic() < end:
        member.poll(0.1)
    assert set(member.lag()) == {TopicPartition(topic, n) for n in range(PARTITIONS)}
    assert sum(member.lag().values()) == 0


def test_a_dead_letter_keeps_the_message_and_says_what_was_wrong(bus_under_test: Server) -> None:
    bus = bus_under_test.make_bus()
    bus.ensure_topics([DEADLETTER])
    member = bus_under_test.subscribe(bus_under_test.name("group"), [DEADLETTER])
    unique = bus_under_test.name("value").encode()
    failed = Message("crypto.raw.trades", 2, "17-4:9", None, unique, {"type": "trade"})
    dead_letter(bus, failed, ValueError("type: 'nonsense'"))
    found: list[Message] = []
    end = time.monotonic() + 30
    while not found and time.monotonic() < end:
        found = [m for m in member.poll(0.2) if m.value == unique]
    assert not found[0].key
    assert found[0].headers == {
        "type": "trade",
        "topic": "crypto.raw.trades",
        "partition": "2",
        "offset": "17-4:9",
        "error": "type: 'nonsense'",
    }


def _shared(one: Subscription, other: Subscription, topics: Sequence[str]) -> bool:
    """Both own something, together everything, each the same numbers of every topic."""
    return (
        bool(owned(one) and owned(other))
        and not owned(one) & owned(other)
        and owned(one) | owned(other) == set(range(PARTITIONS))
        and all(len(s.positions()) == len(owned(s)) * len(topics) for s in (one, other))
    )


def test_two_members_share_and_hand_over(real_bus: Server) -> None:
    topics = [real_bus.topic("trades"), real_bus.topic("bars")]
    bus, group = real_bus.make_bus(), real_bus.name("group")
    log: list[tuple[str, str, TopicPartition]] = []
    a_notes = Notes("a", log)
    a = real_bus.member(group, topics, a_notes)
    a_notes.before_losing = a.commit  # still the owner while it is being told
    for topic in topics:
        bus.publish(topic, records(40))
    assert len(read(a, 80)) == 80

    b = real_bus.subscribe(group, topics, Notes("b", log))
    assert settle([a, b], lambda: _shared(a, b, topics), real_bus.patience) == []
    for partition in b.positions():
        assert log.index(("a", "revoked", partition)) < log.index(("b", "assigned", partition))
    assert {what for name, what, partition in log if name == "a" and partition in a.positions()} == {"assigned"}

    # Each message reaches one of them, the owner, once.
    for topic in topics:
        bus.publish(topic, records(70, 40))
    got: dict[str, list[Message]] = {"a": [], "b": []}
    end = time.monotonic() + 20
    while len(got["a"]) + len(got["b"]) < 140 and time.monotonic() < end:
        got["a"] += a.poll(0.1)
        got["b"] += b.poll(0.1)
    for member, mine in ((a, got["a"]), (b, got["b"])):
        assert {m.partition for m in mine} == owned(member)
    assert sorted(numbers(got["a"] + got["b"])) == sorted([*range(40, 110)] * 2)

    # Closing gives up at once; what was not committed comes again.
    b.close()
    settle([a], lambda: owned(a) == set(range(PARTITIONS)), real_bus.patience)


@pytest.mark.timeout(120)
def test_a_killed_members_partitions_are_free_within_seconds(real_bus: Server) -> None:
    topic, group = real_bus.topic(), real_bus.name("group")
    bus = real_bus.make_bus()
    bus.publish(topic, records(70))
    victim = subprocess.Popen(
        [sys.executable, "-m", "tests.bus.member", real_bus.settings.model_dump_json(), group, topic],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert victim.stdout is not None
        lines = iter(victim.stdout.readline, "")
        read_there = sum(next(lines).startswith("read") for _ in range(71))
        assert read_there >= 70
        survivor = real_bus.subscribe(group, [topic])
        for _ in range(5):  # it asks to take part, and is given something or nothing
            survivor.poll(0.1)
        victim.kill()
        killed = time.monotonic()
        got: list[Message] = []
        while owned(survivor) != set(range(PARTITIONS)) or len(got) < 70:
            got += survivor.poll(0.05)
            assert time.monotonic() - killed < real_bus.notice, sorted(owned(survivor))
        # The victim committed nothing, so everything comes again.
        assert set(numbers(got)) == set(range(70))
    finally:
        victim.kill()
        victim.wait()
        assert victim.stdout is not None
        victim.stdout.close()
