"""A commit that can be waited for.

The library's own blocks for as long as the brokers are away, if it was on its way when they went, and with it whatever else is
asked of the same consumer.
"""

import threading
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import TopicPartition as Place

from pipeline.bus.base import TopicPartition


class Commit:
    """`run` it, or `begin` it in a thread of its own. Until it `ended` the consumer is nobody else's."""

    def __init__(self, consumer: Any, positions: Mapping[TopicPartition, int]) -> None:
        #: Why it failed, once it has ended.
        self.error: KafkaError | None = None
        self._consumer = consumer
        self._places = [Place(topic, number, offset) for (topic, number), offset in positions.items()]
        self._ended = threading.Event()

    def begin(self) -> None:
        threading.Thread(target=self.run, name="kafka-commit", daemon=True).start()

    def run(self) -> None:
        try:
            done = self._consumer.commit(offsets=self._places, asynchronous=False)
            self.error = next((place.error for place in done if place.error is not None), None)
        except KafkaException as error:
            self.error = error.args[0]
        finally:
            self._ended.set()

    def ended(self, seconds: float = 0.0) -> bool:
        """Whether it has ended, or does within this time."""
        return self._ended.wait(seconds)
