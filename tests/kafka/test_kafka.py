"""What is Kafka's own: topics and their settings, what lies on the wire, groups, brokers that go and come back."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, Producer
from confluent_kafka import TopicPartition as Place
from confluent_kafka.admin import AdminClient, ConfigResource
from confluent_kafka.cimpl import NewTopic

from pipeline.bus import kafka, kafka_producer, kafka_reader
from pipeline.bus.base import BusUnavailable, Message, Record, TopicPartition
from pipeline.bus.deadletters import dead_letter
from pipeline.bus.kafka import KafkaBus
from pipeline.bus.topics import DEADLETTER, TICKER, TOPICS, TRADES, bars
from pipeline.errors import SetupError
from tests.bus.conftest import numbers, patient, read, records, settle
from tests.kafka.broker import Broker

DAY = 86_400_000


@pytest.fixture
def bus(kafka_brokers: str) -> Iterator[KafkaBus]:
    bus = KafkaBus(kafka_brokers)
    yield bus
    bus.close()


@pytest.fixture
def admin(kafka_brokers: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": kafka_brokers})


@pytest.fixture
def topic(bus: KafkaBus) -> str:
    name = f"test.{uuid4().hex[:8]}"
    bus.ensure_topics([name])
    return name


@pytest.fixture
def member(bus: KafkaBus) -> Iterator[Callable[..., Any]]:
    """`member(group, topics, listener)`, closed with the test."""
    made: list[Any] = []

    def make(*arguments: Any, of: KafkaBus = bus) -> Any:
        made.append(of.subscribe(*arguments))
        return made[-1]

    yield make
    for subscription in made:
        subscription.close()


def config(admin: AdminClient, topic: str) -> dict[str, str]:
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    return {name: entry.value for name, entry in admin.describe_configs([resource])[resource].result().items()}


# -- topics ------------------------------------------------------------------------------------------------------------


def test_topics_are_as_the_contract_says(bus: KafkaBus, admin: AdminClient) -> None:
    bus.ensure_topics(TOPICS)
    known = admin.list_topics(timeout=10).topics
    assert {len(known[name].partitions) for name in TOPICS} == {3}
    expected = {
        TRADES: ("delete", 2),
        TICKER: ("compact,delete", 3),
        bars("5s"): ("compact,delete", 3),
        bars("1m"): ("compact,delete", 30),
        bars("5m"): ("compact,delete", 60),
        bars("15m"): ("compact,delete", 90),
        bars("1h"): ("compact,delete", 180),
        bars("4h"): ("compact,delete", 360),
        bars("1d"): ("compact,delete", 730),
        "crypto.indicators.rsi": ("compact,delete", 30),
        "crypto.news": ("delete", 7),
        DEADLETTER: ("delete", 14),
    }
    for name, (cleanup, days) in expected.items():
        got = config(admin, name)
        assert (sorted(got["cleanup.policy"].split(",")), got["retention.ms"]) == (
            sorted(cleanup.split(",")),
            str(days * DAY),
        ), name


def test_workers_that_make_the_same_topics_at_once(kafka_brokers: str) -> None:
    names = [f"test.{uuid4().hex[:8]}" for _ in range(3)]
    raised: list[BaseException] = []

    def make() -> None:
        bus = KafkaBus(kafka_brokers)
        try:
            bus.ensure_topics(names)
        except BaseException as error:
            raised.append(error)
        bus.close()

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert raised == []


def test_a_topic_with_other_partitions_is_told_to_the_user(bus: KafkaBus, admin: AdminClient) -> None:
    name = f"test.{uuid4().hex[:8]}"
    admin.create_topics([NewTopic(name, 2, 1)])[name].result()
    with pytest.raises(SetupError, match=rf"{name} has 2 partitions, the settings say 3.*--alter"):
        bus.ensure_topics([name])


# -- records -----------------------------------------------------------------------------------------------------------


def test_records_travel_compressed(kafka_broker: Broker, bus: KafkaBus, topic: str) -> None:
    sent = [Record(b"BINANCE|A", b'{"type":"trade","price":91234.5,"trade_id":"%d"}' % n) for n in range(5000)]
    bus.publish(topic, sent)
    assert 0 < kafka_broker.size(topic) < sum(len(record.value) for record in sent) / 2


def test_what_strangers_write_arrives(kafka_brokers: str, topic: str, member: Any) -> None:
    stranger = Producer({"bootstrap.servers": kafka_brokers})
    hostile: list[tuple[str, Any]] = [
        ("a", b"\xff\xfe"),
        ("a", b"again"),
        ("none", None),
        ("", b""),
        ("long", b"x" * 99_999),
    ]
    stranger.produce(topic, None, key=None, partition=0)
    stranger.produce(topic, b"\x00", key=b"", partition=0, headers=hostile)
    stranger.produce(topic, b"same", key=b"k", partition=0, headers=hostile)
    stranger.flush(10)
    got = read(member("g" + topic, [topic]), 3)
    assert [(m.key, m.value) for m in got] == [(None, b""), (b"", b"\x00"), (b"k", b"same")]
    assert got[0].headers == {}
    assert got[1].headers == got[2].headers == {"a": "again", "none": "", "": "", "long": "x" * 99_999}
    assert [m.offset for m in got] == ["0", "1", "2"]


def test_the_largest_message_of_a_stranger_fits_among_the_dead_letters(bus: KafkaBus) -> None:
    bus.ensure_topics([DEADLETTER])
    # Of random bytes, so that compression saves nothing.
    dead_letter(
        bus, Message(TRADES, 0, "1", b"k" * 1000, uuid4().bytes * 65_000, {"h": "x" * 5000}), ValueError("y" * 500)
    )


def test_what_can_never_be_taken_is_refused_with_the_reason_and_holds_nothing_up(bus: KafkaBus, topic: str) -> None:
    with pytest.raises(BusUnavailable, match="size"):
        bus.publish(topic, [Record(b"k", bytes(3_000_000))])
    bus.publish(topic, records(1))


# -- groups ------------------------------------------------------------------------------------------------------------


def test_the_group_shows_its_offsets_by_its_name(bus: KafkaBus, admin: AdminClient, topic: str, member: Any) -> None:
    group = f"cryptoviz-{topic}"
    other = topic + ".bars"
    bus.ensure_topics([other])
    reader = member(group, [topic, other])
    bus.publish(topic, records(40))
    bus.publish(other, records(20))
    assert len(read(reader, 60)) == 60
    asked = ConsumerGroupTopicPartitions(group)
    assert admin.list_consumer_group_offsets([asked])[group].result().topic_partitions == []
    reader.commit()
    places = admin.list_consumer_group_offsets([asked])[group].result().topic_partitions
    committed = {TopicPartition(p.topic, p.partition): str(p.offset) for p in places}
    assert committed == reader.positions()
    assert sum(map(int, committed.values())) == 60
    description = admin.describe_consumer_groups([group])[group].result()
    assert (description.state.name, len(description.members)) == ("STABLE", 1)


def test_a_position_that_retention_overtook_goes_on_at_the_oldest(
    bus: KafkaBus, admin: AdminClient, topic: str, member: Any
) -> None:
    bus.publish(topic, [Record(b"BINANCE|S0", b"%d" % n) for n in range(20)])
    reader = member("first" + topic, [topic])
    (number,) = {m.partition for m in read(reader, 20)}
    for future in admin.delete_records([Place(topic, number, 15)]).values():
        future.result()

    class Old:
        def assigned(self, partition: TopicPartition) -> str:
            return "3" if partition.partition == number else "0"

        def revoked(self, partitions: object) -> None: ...

    late = member("late" + topic, [topic], Old())
    assert numbers(read(late, 5)) == list(range(15, 20))
    assert sum(late.lag().values()) == 0


def test_a_member_that_hung_cannot_move_offsets_and_begins_anew(
    bus: KafkaBus, topic: str, member: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    log: list[tuple[str, TopicPartition]] = []

    class Told:
        def assigned(self, partition: TopicPartition) -> None:
            log.append(("assigned", partition))

        def revoked(self, partitions: list[TopicPartition]) -> None:
            log.extend(("revoked", partition) for partition in partitions)

    monkeypatch.setitem(kafka_reader._SETTINGS, "max.poll.interval.ms", 6_000)
    hung, other = member("g" + topic, [topic], Told()), member("g" + topic, [topic])
    bus.publish(topic, records(30))
    assert len(read(hung, 30)) == 30
    got = settle([other], lambda: len(other.positions()) == 3, 30)
    assert sorted(numbers(got + read(other, 30 - len(got)))) == list(range(30))
    other.commit()
    bus.publish(topic, records(10, 30))

    with pytest.raises(BusUnavailable, match=r"(?i)member"):
        hung.commit()
    hung.commit()  # of what it no longer owns: nothing
    assert hung.positions() == {}
    other.close()
    log.clear()
    assert sorted(numbers(read(hung, 10))) == list(range(30, 40))
    everything = [TopicPartition(topic, number) for number in range(3)]
    assert log == [("revoked", p) for p in everything] + [("assigned", p) for p in everything]


# -- outages -----------------------------------------------------------------------------------------------------------


def poll_on(reader: Any) -> None:
    for _ in range(50):
        reader.poll(0.2)


def test_a_named_member_that_comes_back_finds_its_partitions_and_the_others_notice_nothing(
    kafka_brokers: str, topic: str, bus: KafkaBus, member: Any
) -> None:
    class Told:
        def __init__(self) -> None:
            self.calls: list[tuple[str, int]] = []

        def assigned(self, partition: TopicPartition) -> None:
            self.calls.append(("assigned", partition.partition))

        def revoked(self, partitions: Any) -> None:
            self.calls += [("revoked", partition.partition) for partition in partitions]

    buses = {name: KafkaBus(kafka_brokers, member=name) for name in ("one", "two")}
    told, group = Told(), f"g.{topic}"
    stays, goes = member(group, [topic], told, of=buses["one"]), member(group, [topic], of=buses["two"])
    settle([stays, goes], lambda: len(stays.positions()) + len(goes.positions()) == 3 and bool(goes.positions()), 30)
    had, before = set(goes.positions()), list(told.calls)
    goes.close()
    bus.publish(topic, records(70))
    back = member(group, [topic], of=buses["two"])
    got = settle([stays, back], lambda: set(back.positions()) == had, 10)
    while len(got) < 70:
        got += stays.poll(0.1) + back.poll(0.1)
    assert sorted(numbers(got)) == list(range(70))
    assert told.calls == before
    for one in buses.values():
        one.close()


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kafka_producer._SETTINGS, "delivery.timeout.ms", 1000)
    bus = KafkaBus("127.0.0.1:1")
    with pytest.raises(BusUnavailable, match="Kafka"):
        bus.publish("t", records(1))
    reader = bus.subscribe("g", ["t"])
    with pytest.raises(BusUnavailable, match="refused"):
        poll_on(reader)
    reader.close()
    bus.close()


def test_a_broker_that_does_not_answer_blocks_nobody_for_long(
    kafka_broker: Broker, bus: KafkaBus, topic: str, member: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_reader, "_ANSWER", 0.5)
    reader, other = member("g" + topic, [topic]), member("other" + topic, [topic])
    bus.publish(topic, records(20))
    for one in (reader, other):
        assert len(read(one, 20)) == 20
    kafka_broker.hang()
    try:
        for _ in range(2):
            begin = time.monotonic()
            with pytest.raises(BusUnavailable, match="does not answer"):
                reader.commit()
            assert time.monotonic() - begin < 2
        with pytest.raises(BusUnavailable, match="does not answer"):
            reader.poll(0.1)
        assert sum(reader.lag().values()) == 0
        with pytest.raises(BusUnavailable, match="does not answer"):
            other.commit()
        begin = time.monotonic()
        other.close()
        assert time.monotonic() - begin < 2
    finally:
        kafka_broker.go_on()
    bus.publish(topic, records(10, 20))
    assert sorted(numbers(read(reader, 10))) == list(range(20, 30))
    end = time.monotonic() + 20
    while not committed(reader):
        assert time.monotonic() < end
    reader.close()
    bus.publish(topic, records(10, 30))
    assert sorted(numbers(read(member("g" + topic, [topic]), 10))) == list(range(30, 40))


def committed(reader: Any) -> bool:
    try:
        reader.commit()
    except BusUnavailable:
        return False
    return True


@pytest.mark.timeout(120)
def test_a_broker_that_is_killed_and_comes_back(
    make_broker: Callable[[], Broker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(kafka_producer._SETTINGS, "delivery.timeout.ms", 3000)
    monkeypatch.setattr(kafka, "_PATIENCE", 2.0)
    broker = make_broker()
    bus = KafkaBus(broker.start())
    bus.ensure_topics(["t"])
    reader = bus.subscribe("g", ["t"])
    bus.publish("t", records(30))
    assert len(read(reader, 30)) == 30
    reader.commit()
    bus.publish("t", records(30, 30))

    broker.kill()
    with pytest.raises(BusUnavailable):
        reader.commit()
    with pytest.raises(BusUnavailable, match="Kafka, t: "):
        bus.publish("t", records(30, 60))
    with pytest.raises(BusUnavailable):
        bus.ensure_topics(["t"])
    with pytest.raises(BusUnavailable):
        poll_on(reader)
    with pytest.raises(BusUnavailable):
        reader.poll(0.2)
    reader.lag()

    broker.start()
    bus.publish("t", records(30, 60))
    got: list[Message] = []
    end = time.monotonic() + 40
    while set(numbers(got)) < set(range(30, 90)) and time.monotonic() < end:
        got += patient(reader.poll, 0.2)
    assert set(numbers(got)) == set(range(30, 90))
    reader.commit()
    reader.close()
    bus.close()
    broker.stop()
