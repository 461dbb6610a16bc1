"""The bus in production: Kafka.

A partition is Kafka's own, and a position is an offset. Topics are made by us, with the settings of CONTRACT §1; where they exist
already they stay as they are. Reading is `kafka_reader`, writing `kafka_producer`.
"""

import time
from collections.abc import Iterable, Sequence
from functools import lru_cache, partial
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from pipeline.bus.base import BusUnavailable, Listener, Record, partition_of
from pipeline.bus.kafka_producer import LARGEST, KafkaSender
from pipeline.bus.kafka_reader import KafkaSubscription
from pipeline.bus.topics import DEADLETTER, HOUR_MS, TOPICS, Topic
from pipeline.errors import SetupError

#: Copies of a partition, if there are brokers enough. Two must have a record before it counts as written.
_COPIES: Final = 3
#: Seconds for the controller to make topics.
_PATIENCE: Final = 10.0


class KafkaBus:
    """See `base.Bus`. `brokers`: bootstrap servers, host:port, comma-separated. `member`: the name of this process in its groups
    (static membership), or "" for a new member each time."""

    def __init__(self, brokers: str, partitions: int = 3, member: str = "") -> None:
        self.partitions = partitions
        self._member = member
        self._common: dict[str, Any] = {
            "bootstrap.servers": brokers,
            "client.id": "cryptoviz",
            # A broker that comes back is found within a second.
            "reconnect.backoff.max.ms": 1_000,
            "socket.connection.setup.timeout.ms": 5_000,
            # A minute by default: so long a question to a broker that hangs would be waited for.
            "socket.timeout.ms": 6_000,
            "socket.keepalive.enable": True,
            # Fatal things only. Trouble with connections reaches us as errors; the library would log every attempt.
            "log_level": 2,
        }
        # A market has few keys; those of bars never end.
        self._partition_of = lru_cache(maxsize=4096)(partial(partition_of, partitions=partitions))
        self._sender = KafkaSender(self._common, self._partition_of)

    def ensure_topics(self, topics: Iterable[str]) -> None:
        wanted = list(topics)
        try:
            admin = AdminClient(self._common)
            known = admin.list_topics(timeout=_PATIENCE)
            new = [self._new(name, len(known.brokers)) for name in wanted if name not in known.topics]
            for future in admin.create_topics(new, request_timeout=_PATIENCE).values() if new else ():
                _await(future)
            deadline = time.monotonic() + _PATIENCE
            # What the controller has made the brokers learn a little later.
            while missing := [name for name in wanted if name not in known.topics]:
                if time.monotonic() > deadline:
                    raise BusUnavailable(f"Kafka: its brokers do not know the new topics {', '.join(missing)} yet")
                time.sleep(0.02)
                known = admin.list_topics(timeout=_PATIENCE)
        except KafkaException as error:
            raise BusUnavailable(f"Kafka: {error.args[0].str()}") from error
        for name in wanted:
            self._check(name, len(known.topics[name].partitions))

    def publish(self, topic: str, records: Sequence[Record]) -> None:
        self._sender.send(topic, records)

    def subscribe(self, group: str, topics: Sequence[str], listener: Listener | None = None) -> KafkaSubscription:
        return KafkaSubscription(self._common, group, topics, listener, self._member)

    def forget(self, group: str, topics: Iterable[str]) -> None:
        """Kafka's retention waits for nobody."""

    def close(self) -> None:
        self._sender.close()

    def _check(self, name: str, partitions: int) -> None:
        # A symbol has one partition number on all topics, and readers share them out by number.
        if partitions != self.partitions:
            raise SetupError(
                f"Kafka's topic {name} has {partitions} partitions, the settings say {self.partitions}. Set CRYPTOVIZ_PARTITIONS, "
                f"or: kafka-topics.sh --alter --topic {name} --partitions {self.partitions}"
            )

    def _new(self, name: str, brokers: int) -> NewTopic:
        topic = TOPICS.get(name, Topic(name, "delete", 48 * HOUR_MS))
        copies = min(brokers, _COPIES)
        config = {
            "cleanup.policy": topic.cleanup,
            "retention.ms": str(topic.retention_ms),
            "min.insync.replicas": str(min(copies, 2)),
        }
        if name == DEADLETTER:
            config["max.message.bytes"] = str(LARGEST)
        return NewTopic(name, num_partitions=self.partitions, replication_factor=copies, config=config)


def _await(future: Any) -> None:
    try:
        future.result()
    except KafkaException as error:
        # Another worker was faster.
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
