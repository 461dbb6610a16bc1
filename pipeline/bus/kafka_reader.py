"""A group's member reading partitions of Kafka.

The group shares out the partitions of the first topic only, and whoever is given its partition n reads partition n of all the
topics: the cooperative assignor spreads each topic on its own, and a symbol's trades and tickers would lie with different members.
Positions of all topics are committed in the group as usual.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as Place

from pipeline.bus.base import BusUnavailable, Listener, Message, TopicPartition
from pipeline.bus.kafka_commit import Commit

#: Seconds for a question to the brokers.
_PATIENCE: Final = 5.0

#: Seconds for a commit. Longer than a coordinator is looked for.
_ANSWER: Final = 10.0

_SETTINGS: Final[dict[str, Any]] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "earliest",
    # What a member keeps it goes on reading while the others change.
    "partition.assignment.strategy": "cooperative-sticky",
    # The least a broker allows by default: so long nobody reads what a killed member had.
    "session.timeout.ms": 6_000,
    "heartbeat.interval.ms": 1_000,
    # By default a full queue is looked at again after a second; a fast reader has emptied it long before.
    "fetch.queue.backoff.ms": 50,
    # Topics that appear or grow are noticed so soon.
    "topic.metadata.refresh.interval.ms": 30_000,
}

#: Milliseconds that the partitions of a named member wait for it: longer than a container takes to be started again (5 s, with the
#: end of the old one 10), short enough for a machine that is lost.
_RETURN: Final = 15_000

#: Sets of headers remembered, and their length in characters at most: two megabytes, whatever strangers write.
_KNOWN, _SHORT = 4096, 500

#: We are no member any more, or not the one we were.
_EXPELLED: Final = frozenset(
    (
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.FENCED_MEMBER_EPOCH,
        KafkaError.STALE_MEMBER_EPOCH,
        KafkaError._ASSIGNMENT_LOST,
    )
)
_AWAY: Final = frozenset((KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._RESOLVE))
#: News between messages that mend themselves: a topic that is not there yet, a rebalance after a long silence of ours.
_PASSING: Final = frozenset(
    (
        KafkaError._PARTITION_EOF,
        KafkaError._MAX_POLL_EXCEEDED,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._AUTO_OFFSET_RESET,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.OFFSET_OUT_OF_RANGE,
    )
)


class KafkaSubscription:
    """See `base.Subscription`."""

    def __init__(
        self,
        common: Mapping[str, Any],
        group: str,
        topics: Sequence[str],
        listener: Listener | None,
        member: str = "",
    ) -> None:
        self._common = common
        self._member = {"group.instance.id": member, "session.timeout.ms": _RETURN} if member else {}
        self._group = group
        self._topics = tuple(topics)
        self._listener = listener
        self._consumer: Any = None
        self._headers = _Headers()
        self._down: str | None = None  # why the brokers seem to be away
        self._positions: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] = {}  # as asked for when reading began
        self._fetched: set[TopicPartition] = set()
        self._lag: dict[TopicPartition, int] = {}
        self._commit: Commit | None = None  # not answered yet
        self._telling = False  # the listener, out of a callback of the consumer
        self._lost: list[TopicPartition] | None = None  # what went with our membership

    def poll(self, timeout: float, max_messages: int = 5000) -> list[Message]:
        deadline = time.monotonic() + timeout
        while True:
            messages = self._consume(max(0.0, deadline - time.monotonic()), max_messages)
            if messages:
                self._down = None
                return messages
            if self._down is not None:
                self._ask_whether_down()
            if time.monotonic() >= deadline:
                return []

    def positions(self) -> dict[TopicPartition, str]:
        return {partition: str(offset) for partition, offset in self._positions.items()}

    def commit(self) -> None:
        self._settle(_ANSWER)
        if not self._positions:
            return
        # Those that did not move too: Kafka forgets after a week what is not committed again.
        commit = self._commit = Commit(self._consumer, self._positions)
        if self._telling:
            # The consumer is busy on this thread, telling a listener: another thread would wait for it.
            commit.run()
        else:
            commit.begin()
        self._settle(_ANSWER)

    def lag(self) -> dict[TopicPartition, int]:
        """As last heard from the brokers, with the messages they sent."""
        if self._commit is None or self._commit.ended():
            self._lag = {partition: self._behind(partition) for partition in self._positions}
        return {partition: lag for partition, lag in self._lag.items() if partition in self._positions}

    def close(self) -> None:
        consumer, self._consumer = self._consumer, None
        commit, self._commit = self._commit, None
        self._down = self._lost = None
        self._positions.clear()
        self._ends.clear()
        if consumer is not None and commit is not None and not commit.ended():
            # Closing waits for the commit. If the process ends first, the group misses us within seconds.
            threading.Thread(target=consumer.close, name="kafka-close", daemon=True).start()
        elif consumer is not None:
            consumer.close()
        self._fetched.clear()

    # -- ownership ---------------------------------------------------------------------------------------------------

    def _open(self) -> Any:
        if self._lost is not None:
            lost = self._lost
            self.close()
            if self._listener is not None and lost:
                self._listener.revoked(lost)
        if self._consumer is None:
            settings = {**self._common, **_SETTINGS, **self._member, "group.id": self._group, "error_cb": self._note}
            self._consumer = Consumer(settings)
            self._consumer.subscribe(
                [self._topics[0]], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
            )
        return self._consumer

    def _lose(self) -> None:
        """Own nothing any more. The next poll says so to the listener, and begins as a new member."""
        self._lost = list(self._positions)
        self._positions.clear()
        self._ends.clear()

    def _assigned(self, consumer: Any, given: Sequence[Place]) -> None:
        numbers = sorted(place.partition for place in given)
        new = [TopicPartition(topic, number) for topic in self._topics for number in numbers]
        begin: dict[TopicPartition, int] = {}
        for partition in new:
            position = self._listener.assigned(partition) if self._listener is not None else None
            if position is not None:
                begin[partition] = int(position)
        try:
            rest = [Place(*partition) for partition in new if partition not in begin]
            begin |= _known(consumer.committed, rest)
            rest = [Place(*partition, OFFSET_BEGINNING) for partition in new if partition not in begin]
            # Asked for the time of the beginning or the end, brokers say the offset there.
            begin |= _known(consumer.offsets_for_times, rest)
            ends = _known(consumer.offsets_for_times, [Place(*partition, OFFSET_END) for partition in new])
            consumer.incremental_assign([Place(*partition, begin[partition]) for partition in new])
        except KafkaException as error:
            # As it is it would not come through the library in one piece.
            raise _unavailable(error.args[0]) from error
        self._fetched |= set(new)
        self._positions |= {partition: begin[partition] for partition in new}
        self._ends |= ends

    def _revoked(self, consumer: Any, taken: Sequence[Place]) -> None:
        numbers = {place.partition for place in taken}
        gone = [partition for partition in self._positions if partition.partition in numbers]
        if self._listener is not None and gone:
            self._telling = True
            try:
                self._listener.revoked(gone)
            finally:
                self._telling = False
        for partition in gone:
            self._positions.pop(partition, None)
            self._ends.pop(partition, None)
        fetched = {partition for partition in self._fetched if partition.partition in numbers}
        self._fetched -= fetched
        # Where our `_assigned` failed, the library took just what it was given.
        fetched |= {TopicPartition(place.topic, place.partition) for place in taken}
        with suppress(KafkaException):  # it ends anyway
            consumer.incremental_unassign([Place(*partition) for partition in fetched])

    def _settle(self, seconds: float) -> None:
        """The end of a commit, if one is on its way. Raises BusUnavailable."""
        commit = self._commit
        if commit is None:
            return
        if not commit.ended(seconds):
            raise BusUnavailable("Kafka does not answer a commit")
        self._commit = None
        if commit.error is not None:
            if commit.error.code() in _EXPELLED:
                # What we did is for the next owner to repeat.
                self._lose()
            raise _unavailable(commit.error)

    # -- reading -----------------------------------------------------------------------------------------------------

    def _consume(self, timeout: float, max_messages: int) -> list[Message]:
        self._settle(timeout)
        try:
            consumer = self._open()
            # A bounded `consume` waits until it has all it was asked for: so take what is here, else wait for one.
            return self._take(consumer.consume(max_messages, 0) or consumer.consume(1, timeout))
        except KafkaException as error:
            self._lose()
            raise _unavailable(error.args[0]) from error
        except BaseException:
            # Out of `_assigned` or the listener: the rebalance is half done, and only a new member is told everything again.
            self._lose()
            raise

    def _take(self, found: list[Any]) -> list[Message]:
        out: list[Message] = []
        positions, texts = self._positions, self._headers.texts
        read: dict[tuple[str, int], int] = {}
        found.reverse()
        while found:
            # One by one they go as soon as they are read, with all that reading makes: kept, they cost a third in garbage collection.
            message = found.pop()
            error = message.error()
            if error is not None:
                if error.code() in _AWAY:
                    self._note(error)
                elif error.code() not in _PASSING:
                    raise KafkaException(error)
                continue
            topic, number, offset = message.topic(), message.partition(), message.offset()
            if (topic, number) not in positions:
                # Taken from us between its arrival and now.
                continue
            read[topic, number] = offset
            headers = texts(message.headers())
            out.append(Message(topic, number, str(offset), message.key(), message.value() or b"", headers))
        for (topic, number), offset in read.items():
            positions[TopicPartition(topic, number)] = offset + 1
        return out

    def _behind(self, partition: TopicPartition) -> int:
        low, high = self._consumer.get_watermark_offsets(Place(*partition), cached=True) or (0, 0)
        # Before the first answer to a fetch the cache is empty, and says so with a negative.
        return max(0, max(high, self._ends[partition]) - max(low, self._positions[partition]))

    def _note(self, error: KafkaError) -> None:
        # The first one says most.
        self._down = self._down or error.str()

    def _ask_whether_down(self) -> None:
        """A broker that closed an idle connection is not away, so ask. Raises BusUnavailable."""
        try:
            self._consumer.list_topics(self._topics[0], timeout=1)
        except KafkaException as error:
            raise BusUnavailable(f"Kafka: {self._down}") from error
        self._down = None


def _known(ask: Callable[..., list[Place]], places: list[Place]) -> dict[TopicPartition, int]:
    """Offsets of the places that have one. Raises KafkaException with the first error."""
    out: dict[TopicPartition, int] = {}
    for place in ask(places, timeout=_PATIENCE) if places else ():
        if place.error is not None:
            raise KafkaException(place.error)
        if place.offset >= 0:
            out[TopicPartition(place.topic, place.partition)] = place.offset
    return out


class _Headers:
    """The headers of messages, as texts. Few differ: known ones cost a fifth of reading them again, which is half of a message."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[str, bytes | None], ...], dict[str, str]] = {}

    def texts(self, headers: list[tuple[str, bytes | None]] | None) -> dict[str, str]:
        if not headers:
            return {}
        key = tuple(headers)
        found = self._known.get(key)
        if found is None:
            found = {name: (value or b"").decode(errors="replace") for name, value in headers}
            if len(self._known) >= _KNOWN:
                self._known.clear()
            if sum(map(len, found.values())) <= _SHORT:
                self._known[key] = found
        return found


def _unavailable(error: KafkaError) -> BusUnavailable:
    return BusUnavailable(f"Kafka: {error.str()}")
