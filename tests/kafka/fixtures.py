"""Kafka for every test that asks: the real one, and librdkafka's mock."""

import shutil
from collections.abc import Callable, Iterable, Iterator

import pytest

from pipeline.bus.kafka import KafkaBus
from tests.kafka.broker import JARS, Broker
from tests.kafka.mock_cluster import MockCluster
from tests.tools import tool_missing


@pytest.fixture(scope="session")
def make_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Broker]]:
    """`make_broker()`: one more, not started; stopped with the session at the latest."""
    if shutil.which("java") is None:
        tool_missing("java, for a real Kafka (apt-get install maven)")
    if not any(JARS.glob("kafka_*.jar")):
        tool_missing(f"Kafka in {JARS.name}: make kafka")
    brokers: list[Broker] = []

    def make() -> Broker:
        brokers.append(Broker(tmp_path_factory.mktemp("kafka")))
        return brokers[-1]

    yield make
    for broker in brokers:
        broker.stop()


@pytest.fixture(scope="session")
def kafka_broker(make_broker: Callable[[], Broker]) -> Broker:
    """The session's Kafka."""
    broker = make_broker()
    broker.start()
    return broker


@pytest.fixture
def kafka_brokers(kafka_broker: Broker) -> str:
    """The session's Kafka, as bootstrap servers."""
    return kafka_broker.address


@pytest.fixture(scope="session")
def _mock_cluster() -> Iterator[MockCluster]:
    cluster = MockCluster()
    yield cluster
    cluster.stop()


@pytest.fixture
def kafka_mock_brokers(_mock_cluster: MockCluster, monkeypatch: pytest.MonkeyPatch) -> str:
    """The session's mock cluster, as bootstrap servers. It knows no CreateTopics, so its topics are made from outside."""

    def ensure_topics(bus: KafkaBus, topics: Iterable[str]) -> None:
        for topic in topics:
            _mock_cluster.create(topic, bus.partitions)

    monkeypatch.setattr(KafkaBus, "ensure_topics", ensure_topics)
    return _mock_cluster.address
