"""Where messages go that cannot be read: kept as they came, with what was wrong. And the way back."""

import time
from typing import Final

from pipeline.bus.base import Bus, BusUnavailable, Message, Record, Subscription
from pipeline.bus.topics import DEADLETTER, TOPICS

#: Characters of the error that a header holds; it may quote the message, which we keep whole anyway.
_ERROR: Final = 500
#: What we add to a letter's headers, and take off again when it is replayed.
_OURS: Final = frozenset(("topic", "partition", "offset", "error"))
#: Its committed position is the last letter that was replayed.
GROUP: Final = "cryptoviz-deadletters"
#: Seconds until we must own the topic: a group of Kafka's takes some to form.
_PATIENCE: Final = 30.0


def dead_letter(bus: Bus, message: Message, error: Exception) -> None:
    """Publish the message to the dead letters, durably. Raises BusUnavailable."""
    where = {
        "topic": message.topic,
        "partition": str(message.partition),
        "offset": message.offset,
        "error": str(error)[:_ERROR] or type(error).__name__,
    }
    bus.publish(DEADLETTER, [Record(message.key or b"", message.value, {**message.headers, **where})])


class DeadLetters:
    """The letters since the last replay. Used once, then closed. Every method raises BusUnavailable."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        bus.ensure_topics([DEADLETTER])
        self._subscription: Subscription = bus.subscribe(GROUP, [DEADLETTER])

    def read(self) -> list[Message]:
        """All there are now, in order within a partition. Their headers say where they came from and what was wrong."""
        letters: list[Message] = []
        deadline = time.monotonic() + _PATIENCE
        while True:
            found = self._subscription.poll(0.5)
            letters += found
            whole = len(self._subscription.positions()) == self._bus.partitions
            if whole and not found and not sum(self._subscription.lag().values()):
                return letters
            if not whole and time.monotonic() > deadline:
                raise BusUnavailable(
                    "another `cryptoviz deadletters` is reading the dead letters; try again when it is done"
                )

    def replay(self, letters: list[Message]) -> int:
        """Publish what `read` gave to the topics it came from, as it came, and pass it; how many that were.

        A letter without a topic of ours is left out. One that still cannot be read comes back as a new letter.
        """
        by_topic: dict[str, list[Record]] = {}
        for letter in letters:
            headers = {name: text for name, text in letter.headers.items() if name not in _OURS}
            if (topic := letter.headers.get("topic", "")) in TOPICS and topic != DEADLETTER:
                by_topic.setdefault(topic, []).append(Record(letter.key or b"", letter.value, headers))
        for topic, records in by_topic.items():
            self._bus.publish(topic, records)
        self._subscription.commit()
        return sum(map(len, by_topic.values()))

    def close(self) -> None:
        """Leave; nothing is held back for us meanwhile."""
        self._subscription.close()
        self._bus.forget(GROUP, [DEADLETTER])
