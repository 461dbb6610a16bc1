"""Each bus there is, for the tests of the contract."""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from uuid import uuid4

import pytest

from pipeline import bus as buses
from pipeline.bus.base import Bus, BusUnavailable, Listener, Message, Record, Subscription
from pipeline.settings import Settings, load

PARTITIONS = 3
#: `librdkafka`'s mock cluster takes seconds for what the others do at once: it is asked for the small tests only.
BUSES = ("streams", "kafka-mock", "kafka")
REAL = ("streams", "kafka")


class Server:
    """A bus's server, with topics and groups that no other test has; buses and subscriptions end with the test."""

    def __init__(self, kind: str, settings: Settings) -> None:
        self.kind = kind
        self.settings = settings
        #: Seconds until a group has settled, and until the group has noticed that a member died.
        self.patience, self.notice = (5.0, 2.0) if kind == "streams" else (30.0, 30.0)
        self._buses: list[Bus] = []
        self._subscriptions: list[Subscription] = []
        self._unique = uuid4().hex[:8]
        self._numbers = itertools.count()

    def name(self, stem: str) -> str:
        return f"test.{self._unique}.{next(self._numbers)}.{stem}"

    def topic(self, stem: str = "trades") -> str:
        """A new topic, there already."""
        topic = self.name(stem)
        self.make_bus().ensure_topics([topic])
        return topic

    def make_bus(self) -> Bus:
        """One more client of the server."""
        bus = buses.connect(self.settings)
        self._buses.append(bus)
        return bus

    def subscribe(self, group: str, topics: Sequence[str], listener: Listener | None = None) -> Subscription:
        """A member of the group, of a client of its own."""
        subscription = self.make_bus().subscribe(group, topics, listener)
        self._subscriptions.append(subscription)
        return subscription

    def member(self, group: str, topics: Sequence[str], listener: Listener | None = None) -> Subscription:
        """A member that owns everything already."""
        subscription = self.subscribe(group, topics, listener)
        polled = settle(
            [subscription], lambda: len(subscription.positions()) == PARTITIONS * len(topics), self.patience
        )
        assert not polled, "nothing was published yet"
        return subscription

    def close(self) -> None:
        for subscription in self._subscriptions:
            subscription.close()
        for bus in self._buses:
            bus.close()


def read(subscription: Subscription, count: int, seconds: float = 30) -> list[Message]:
    """What is polled until `count` messages are there, and what comes at once after them."""
    out: list[Message] = []
    end = time.monotonic() + seconds
    while len(out) < count and time.monotonic() < end:
        out += patient(subscription.poll, 0.2)
    return out + patient(subscription.poll, 0.1)


def patient(poll: Callable[[float], list[Message]], timeout: float) -> list[Message]:
    with suppress(BusUnavailable):
        return poll(timeout)
    return []


def settle(members: Iterable[Subscription], done: Callable[[], bool], seconds: float) -> list[Message]:
    """Poll all members in turn until `done`; what they gave meanwhile."""
    out: list[Message] = []
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, [sorted(member.positions()) for member in members]
        for member in members:
            out += member.poll(0.05)
    return out


def owned(subscription: Subscription) -> set[int]:
    """Partition numbers."""
    return {partition.partition for partition in subscription.positions()}


def records(count: int, start: int = 0, symbols: int = 7) -> list[Record]:
    """Values are numbers from `start`; seven symbols reach every one of three partitions."""
    return [Record(b"BINANCE|S%d" % (n % symbols), b"%d" % n, {"type": "trade"}) for n in range(start, start + count)]


def numbers(messages: Iterable[Message]) -> list[int]:
    return [int(message.value) for message in messages]


def _server(request: pytest.FixtureRequest) -> Iterator[Server]:
    kind = request.param
    if kind == "streams":
        settings = load(_env_file=None, redis_url=request.getfixturevalue("redis_url"), partitions=PARTITIONS)
    else:
        brokers = request.getfixturevalue({"kafka": "kafka_brokers", "kafka-mock": "kafka_mock_brokers"}[kind])
        settings = load(_env_file=None, bus="kafka", kafka_brokers=brokers, partitions=PARTITIONS)
    server = Server(kind, settings)
    yield server
    server.close()


@pytest.fixture(params=BUSES)
def bus_under_test(request: pytest.FixtureRequest) -> Iterator[Server]:
    yield from _server(request)


@pytest.fixture(params=REAL)
def real_bus(request: pytest.FixtureRequest) -> Iterator[Server]:
    """For what the mock cluster cannot do, or not in time."""
    yield from _server(request)
