"""Workers on a real Kafka: sharing the work, and a broker that dies under them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from pipeline.exchanges.recording import Recorder
from pipeline.settings import Settings, load
from pipeline.status import Status
from pipeline.store.migrate import migrate
from pipeline.workers import candles
from tests.bench.throughput import frame
from tests.kafka.broker import Broker
from tests.line import Line
from tests.made import SYMBOLS, trades
from tests.stack import eventually


@pytest.fixture
def broker(make_broker: Callable[[], Broker]) -> Iterator[Broker]:
    """One whose topics and groups nobody else uses."""
    broker = make_broker()
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def kafka(broker: Broker, redis_url: str, database_url: str) -> Settings:
    migrate(database_url)
    return load(
        _env_file=None, bus="kafka", kafka_brokers=broker.address, redis_url=redis_url, database_url=database_url,
        symbols=",".join(SYMBOLS),
    )  # fmt: skip


class Group:
    """The candles workers, as the broker sees them."""

    def __init__(self, broker: Broker) -> None:
        self._admin = AdminClient({"bootstrap.servers": broker.address, "log_level": 0})

    def shares(self) -> list[int]:
        """Partitions of each member; none while the group's coordinator loads or does not answer."""
        try:
            group = self._admin.describe_consumer_groups([candles.GROUP], request_timeout=5)[candles.GROUP].result(10)
        except (KafkaException, TimeoutError):
            return []
        return sorted(len(member.assignment.topic_partitions) for member in group.members)


def waits_for_kafka(said: Status) -> bool:
    return said.state == "waiting" and "Kafka" in said.detail


@pytest.mark.timeout(300)
def test_a_second_candles_worker_joins_and_leaves_in_the_middle(
    kafka: Settings, broker: Broker, tmp_path: Path
) -> None:
    line, group = Line(kafka, tmp_path), Group(broker)
    first = 0

    def feed(until: Callable[[], bool]) -> None:
        """In the middle of a flow: trades are published all the while."""
        nonlocal first

        def step() -> bool:
            nonlocal first
            line.publish(trades(400, first=first))
            first += 400
            return until()

        assert eventually(step, 60, every=0.05), f"{group.shares()}\n{line.logs()}"

    try:
        line.start("writer")
        line.start("candles")
        feed(lambda: group.shares() == [3])
        second = line.start("candles")
        feed(lambda: group.shares() == [1, 2])
        feed(lambda f=first: first - f > 4000)  # type: ignore[misc]
        assert second.stop() == 0
        feed(lambda: group.shares() == [3])
        third = line.start("candles")
        feed(lambda: group.shares() == [1, 2])
        third.kill()  # the group has to find out by itself
        feed(lambda: group.shares() == [3])
        feed(lambda f=first: first - f > 4000)  # type: ignore[misc]
        line.settle()
    finally:
        line.close()


@pytest.mark.timeout(300)
def test_a_broker_that_dies_in_the_middle_of_the_stream_costs_nothing(
    kafka: Settings, broker: Broker, tmp_path: Path
) -> None:
    made = trades(20_000)
    recording = tmp_path / "frames.zst"
    recorder = Recorder(recording)
    recorder.write([(t.ts * 1_000_000, frame(t)) for t in made])
    recorder.close()
    # 100 s of exchange time in ten.
    settings = kafka.model_copy(update={"exchange": f"replay:{recording}", "replay_speed": "10"})
    line = Line(settings, tmp_path)
    line.sent = made
    try:
        for worker in ("writer", "candles", "bridge", "collector"):
            line.start(worker)
        assert eventually(lambda: line.stored() > 3000, 60), line.logs()
        broker.kill()
        for worker in ("collector", "writer", "candles"):
            assert eventually(lambda w=worker: waits_for_kafka(line.said(w)), 60), f"{line.said(worker)}\n{line.logs()}"
        broker.start()
        line.settle(120)
        assert eventually(lambda: line.said("collector").state == "finished", 30), line.logs()
        assert eventually(lambda: line.said("writer").state == "running", 30)
    finally:
        line.close()
