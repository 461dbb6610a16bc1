"""What is the streams bus's own: entries, trimming, bounds, leases."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.bus import stream_reader, streams
from pipeline.bus.base import BusUnavailable, Message, Record, TopicPartition, partition_of
from pipeline.bus.stream_entries import unpack
from pipeline.bus.stream_reader import StreamsSubscription
from pipeline.bus.streams import StreamsBus
from pipeline.bus.topics import BARS, TRADES
from pipeline.embedded.valkey import EmbeddedValkey
from tests.bus.conftest import numbers, owned, read, records, settle

ALL = {0, 1, 2}


@pytest.fixture
def bus(redis_url: str) -> Iterator[StreamsBus]:
    bus = StreamsBus(redis_url)
    yield bus
    bus.close()


@pytest.fixture
def client(redis_url: str) -> Iterator[Any]:
    client = redis.Redis.from_url(redis_url)
    yield client
    client.close()


@pytest.fixture
def member(bus: StreamsBus) -> Iterator[Callable[..., StreamsSubscription]]:
    """`member(group, topics, listener)`, closed with the test."""
    made: list[StreamsSubscription] = []

    def make(*arguments: Any, of: StreamsBus = bus) -> StreamsSubscription:
        made.append(of.subscribe(*arguments))
        return made[-1]

    yield make
    for subscription in made:
        subscription.close()


@pytest.fixture
def no_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trim at every commit, all that may go."""
    monkeypatch.setattr(stream_reader, "TAIL", 0)
    monkeypatch.setattr(stream_reader, "_TRIM", 0.0)


def one_each(bus: StreamsBus, topic: str, count: int, start: int = 0) -> None:
    """An entry a record, all of one partition."""
    for n in range(start, start + count):
        bus.publish(topic, [Record(b"BINANCE|S", b"%d" % n)])


def length(client: Any, topic: str) -> int:
    return sum(client.xlen(f"bus:{topic}:{number}") for number in range(3))


# -- entries -----------------------------------------------------------------------------------------------------------


def test_what_is_not_ours_is_handed_over_and_stops_nothing(bus: StreamsBus, client: Any, member: Any) -> None:
    reader = member("g", ["t"])
    one_each(bus, "t", 1)
    number = partition_of(b"BINANCE|S", 3)
    client.xadd(f"bus:t:{number}", {"whatever": b"\xffnonsense"})
    strange, *_ = [m for m in read(reader, 2) if m.key is None]
    assert (strange.value, strange.headers) == (b"\xffnonsense", {})


# -- trimming ----------------------------------------------------------------------------------------------------------


def test_a_first_start_keeps_something_for_who_comes_late(
    bus: StreamsBus, client: Any, member: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_reader, "_TRIM", 0.0)
    reader = member("g", ["t"])
    one_each(bus, "t", 500)
    read(reader, 500)
    reader.commit()
    assert stream_reader.TAIL <= length(client, "t") < 500
    late = member("late", ["t"])
    assert [m.value for m in read(late, stream_reader.TAIL)][-1] == b"499"
    late.commit()
    # Later nothing is kept that everybody has.
    client.set("bus:epoch", int(client.get("bus:epoch")) - 600_000)
    reader.commit()
    assert length(client, "t") < stream_reader.TAIL


def test_what_every_group_has_passed_goes(bus: StreamsBus, client: Any, member: Any, no_tail: None) -> None:
    fast, slow = member("fast", ["t"]), member("slow", ["t"])
    assert fast.poll(0) + slow.poll(0) == []
    one_each(bus, "t", 500)
    read(fast, 500)
    fast.commit()
    assert length(client, "t") == 500  # nobody asked the slow one yet
    got: list[Message] = []
    while len(got) < 250:
        got += slow.poll(0, 50)
    slow.commit()
    fast.commit()
    assert 500 - len(got) <= length(client, "t") < 500
    got += read(slow, 500 - len(got))
    assert numbers(got) == list(range(500))
    slow.commit()
    assert 0 < length(client, "t") <= 100  # whole nodes go, of up to 100 entries


_steps = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(1, 150)),
        st.tuples(st.sampled_from(["fast", "slow"]), st.integers(1, 60)),
        st.tuples(st.just("restart slow"), st.just(0)),
    ),
    max_size=25,
)


@given(_steps)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_trimming_takes_nothing_a_group_still_needs(
    redis_url: str, no_tail: None, steps: list[tuple[str, int]]
) -> None:
    client = redis.Redis.from_url(redis_url)
    client.flushdb()
    bus = StreamsBus(redis_url)
    readers = {name: bus.subscribe(name, ["t"]) for name in ("fast", "slow")}
    got: dict[str, list[int]] = {"fast": [], "slow": []}
    published = 0
    try:
        for reader in readers.values():
            reader.poll(0)
        for what, count in steps:
            if what == "publish":
                one_each(bus, "t", count, published)
                published += count
            elif what == "restart slow":
                readers["slow"].close()
                readers["slow"] = bus.subscribe("slow", ["t"])
            else:
                got[what] += numbers(readers[what].poll(0, count))
                readers[what].commit()
        for name, reader in readers.items():
            while left := reader.poll(0):
                got[name] += numbers(left)
            assert got[name] == list(range(published))
    finally:
        for reader in readers.values():
            reader.close()
        bus.close()
        client.close()


def test_a_group_that_comes_a_little_late_misses_nothing(bus: StreamsBus, member: Any) -> None:
    first = member("first", ["t"])
    first.poll(0)
    one_each(bus, "t", 100)
    read(first, 100)
    first.commit()
    assert numbers(read(member("late", ["t"]), 100)) == list(range(100))


def test_a_topic_that_nobody_reads_keeps_its_newest(
    bus: StreamsBus, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "UNREAD", 50)
    one_each(bus, "t", 400)
    assert 50 <= length(client, "t") <= 150
    ((_, fields),) = client.xrevrange(f"bus:t:{partition_of(b'BINANCE|S', 3)}", count=1)
    assert unpack(fields[b"b"]).records[0].value == b"399"


# -- bounds ------------------------------------------------------------------------------------------------------------


def test_full_names_the_group_that_is_behind(redis_url: str, member: Any, no_tail: None) -> None:
    bus = StreamsBus(redis_url, max_entries=150)
    fast, slow = member("quick-group", ["t"], of=bus), member("slow-group", ["t"], of=bus)
    assert fast.poll(0) + slow.poll(0) == []
    one_each(bus, "t", 150)
    read(fast, 150)
    fast.commit()
    with pytest.raises(BusUnavailable, match=r"^full: group slow-group is 150 batches behind on t$"):
        one_each(bus, "t", 1)
    assert numbers(read(slow, 150)) == list(range(150))
    slow.commit()
    one_each(bus, "t", 1, 150)  # goes on where it stopped: the refused batch was not stored
    assert numbers(read(slow, 1)) == [150]
    bus.close()


def test_when_memory_runs_out_the_market_waits_and_the_workers_go_on(redis_url: str, client: Any, member: Any) -> None:
    used = client.info("memory")["used_memory"]
    bus = StreamsBus(redis_url, max_memory=int(used / 0.6))
    member("behind", [TRADES], of=bus).poll(0)
    with pytest.raises(BusUnavailable, match=r"full: group behind is 0 batches .* MB are in use"):
        bus.publish(TRADES, records(1))
    bus.publish(BARS[0], records(1))
    bus.close()


# -- lag ---------------------------------------------------------------------------------------------------------------


def test_lag_counts_batches(bus: StreamsBus, member: Any, no_tail: None) -> None:
    first = member("first", ["t"])
    assert first.poll(0) == []
    where = TopicPartition("t", partition_of(b"BINANCE|S", 3))
    one_each(bus, "t", 300)
    assert first.lag() == {TopicPartition("t", n): 300 if n == where.partition else 0 for n in range(3)}
    for left in range(299, 149, -1):
        assert len(first.poll(0, 1)) == 1
        assert first.lag()[where] == left
    first.commit()  # and trims
    late = member("late", ["t"])
    late_read = len(late.poll(0, 1))
    total = late.lag()[where] + late_read
    assert 150 <= total < 300
    assert len(read(late, total - late_read)) == total - late_read
    assert late.lag()[where] == 0


# -- leases ------------------------------------------------------------------------------------------------------------


def test_everyone_gets_a_fair_share(redis_url: str, member: Any) -> None:
    bus = StreamsBus(redis_url, partitions=7)
    members = [member("g", ["t", "u"], of=bus) for _ in range(3)]
    settle(members, lambda: sorted(len(owned(m)) for m in members) == [2, 2, 3], 8)
    assert set().union(*map(owned, members)) == set(range(7))
    members[0].close()
    settle(members[1:], lambda: sorted(len(owned(m)) for m in members[1:]) == [3, 4], 5)
    bus.close()


def test_more_members_than_partitions(member: Any) -> None:
    members = [member("g", ["t"]) for _ in range(4)]
    settle(members, lambda: sorted(len(owned(m)) for m in members) == [0, 1, 1, 1], 8)
    busy = next(m for m in members if owned(m))
    idle = next(m for m in members if not owned(m))
    busy.close()
    settle([idle], lambda: len(owned(idle)) == 1, 5)


def test_whoever_lost_a_lease_cannot_move_its_offset(bus: StreamsBus, client: Any, member: Any) -> None:
    reader = member("g", ["t"])
    bus.publish("t", records(30))
    read(reader, 30)
    reader.commit()
    before = client.hgetall("bus:offsets:g")
    bus.publish("t", records(30))
    read(reader, 30)
    client.hset("bus:leases:g", "1", "another:1")
    reader.commit()
    after = client.hgetall("bus:offsets:g")
    assert {field for field in after if after[field] != before[field]} == {b"t:0", b"t:2"}


class Told:
    def __init__(self) -> None:
        self.log: list[tuple[str, int]] = []

    def assigned(self, partition: TopicPartition) -> str | None:
        self.log.append(("assigned", partition.partition))
        return None

    def revoked(self, partitions: list[TopicPartition]) -> None:
        self.log += [("revoked", partition.partition) for partition in partitions]


def _cut(client: Any, subscription: StreamsSubscription) -> None:
    identity = subscription._connection.identity
    assert identity is not None
    client.client_kill_filter(_id=identity.split(":")[1])


def _poll_again(subscription: StreamsSubscription) -> list[Message]:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        try:
            return subscription.poll(0.2)
        except BusUnavailable:
            continue
    raise AssertionError("it never came back")


def test_a_cut_connection_is_a_new_member_and_reads_from_what_was_committed(
    bus: StreamsBus, client: Any, member: Any
) -> None:
    told = Told()
    reader = member("g", ["t"], told)
    bus.publish("t", records(20))
    read(reader, 20)
    reader.commit()
    bus.publish("t", records(20, 20))
    assert sorted(numbers(read(reader, 20))) == list(range(20, 40))
    _cut(client, reader)
    with pytest.raises(BusUnavailable):
        reader.commit()
    reader.commit()  # of what it no longer owns: nothing
    assert reader.positions() == {}
    told.log.clear()
    assert sorted(numbers(_poll_again(reader))) == list(range(20, 40))
    assert sorted(told.log) == [("assigned", n) for n in range(3)]


def test_a_partition_that_went_to_another_meanwhile_is_told_as_revoked(client: Any, member: Any) -> None:
    told = Told()
    first = member("g", ["t"], told)
    first.poll(0)
    _cut(client, first)
    second = member("g", ["t"])
    second.poll(0)
    assert owned(second) == ALL
    told.log.clear()
    _poll_again(first)
    assert sorted(told.log) == [("revoked", n) for n in range(3)]
    assert owned(first) == set()
    settle([first, second], lambda: len(owned(first)) == 1 and len(owned(second)) == 2, 8)


def test_a_member_that_works_for_long_keeps_its_partitions(member: Any) -> None:
    slow, other = member("g", ["t"]), member("g", ["t"])
    slow.poll(0)
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        other.poll(0.1)
        assert owned(other) == set()
    settle([slow, other], lambda: len(owned(other)) == 1, 8)


# -- the server --------------------------------------------------------------------------------------------------------


def test_positions_of_a_bus_that_lost_its_data_hide_nothing(bus: StreamsBus, client: Any, member: Any) -> None:
    reader = member("g", ["t"])
    one_each(bus, "t", 50)
    read(reader, 50)
    client.flushdb()
    time.sleep(0.002)  # an epoch is a millisecond
    one_each(bus, "t", 5)
    assert numbers(read(reader, 5)) == list(range(5))


def test_a_server_that_goes_and_comes_back(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path)
    bus = StreamsBus(url := server.start())
    reader = bus.subscribe("g", ["t"])
    bus.publish("t", records(30))
    assert len(read(reader, 30)) == 30
    reader.commit()
    bus.publish("t", records(30, 30))
    lag = reader.lag()
    assert sum(lag.values()) == 3

    server.stop()
    with pytest.raises(BusUnavailable):
        bus.publish("t", records(1))
    with pytest.raises(BusUnavailable):
        bus.ensure_topics(["t"])
    with pytest.raises(BusUnavailable):
        reader.poll(0.1)
    with pytest.raises(BusUnavailable):
        reader.poll(0.1)
    assert reader.lag() == lag

    assert server.start() == url
    try:
        bus.publish("t", records(30, 60))
        got = _poll_again(reader)
        got += read(reader, 60 - len(got))
        assert sorted(numbers(got)) == list(range(30, 90))
        assert sum(reader.lag().values()) == 0
        reader.close()
        bus.close()
    finally:
        server.stop()
