"""Records to Kafka, each acknowledged by the brokers before `send` returns."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer

from pipeline.bus.base import BusUnavailable, Record

#: Seconds until an unacknowledged record is given up. Longer than a broker's failover takes, short enough to hear of an outage.
_DELIVERY: Final = 10.0
#: Seconds for the report of a record after its time is up; it comes at once unless the machine stands still.
_SLACK: Final = 20.0
#: Largest record, before compression. Twice what brokers take by default, so that a dead letter fits around any message.
LARGEST: Final = 2_000_000

_SETTINGS: Final[dict[str, Any]] = {
    # No duplicate and no swap within a partition, whatever is sent again; durable on every replica in sync.
    "enable.idempotence": True,
    "acks": "all",
    "delivery.timeout.ms": int(_DELIVERY * 1000),
    "request.timeout.ms": 5_000,
    # Workers hand over batches, and wait: a longer linger is a longer wait. The next request fills while this one is on its way.
    "linger.ms": 1,
    "compression.type": "lz4",
    "message.max.bytes": LARGEST,
    "queue.buffering.max.messages": 100_000,
    "queue.buffering.max.kbytes": 65_536,
}


class KafkaSender:
    """One producer for all threads, and a thread that hears its delivery reports. Connects with the first `send`."""

    def __init__(self, common: Mapping[str, Any], partition_of: Callable[[bytes], int]) -> None:
        self._common = dict(common)
        self._partition_of = partition_of
        self._lock = threading.Lock()
        self._session: _Session | None = None

    def send(self, topic: str, records: Sequence[Record]) -> None:
        """Returns when all are durable. Raises BusUnavailable, with the first reason; some of them may be durable even so."""
        session = self._open()
        call = _Call(len(records))
        done = call.done
        produce: Any = session.producer.produce
        partition_of = self._partition_of
        deadline = time.monotonic() + _DELIVERY
        try:
            for record in records:
                # An empty key is no key: what a dead letter without one comes to.
                arguments = (topic, record.value, record.key or None, partition_of(record.key), done)
                while True:
                    try:
                        produce(*arguments, headers=record.headers or None)
                        break
                    except BufferError:
                        if time.monotonic() > deadline:
                            raise BusUnavailable("Kafka takes nothing: the queue of the producer stays full") from None
                        # The thread of the session makes room.
                        time.sleep(0.005)
        except KafkaException as error:
            raise BusUnavailable(_words(error.args[0], topic)) from error
        if not call.finished.wait(_DELIVERY + _SLACK):
            raise BusUnavailable(f"Kafka did not say what became of {call.left} records")
        if call.error is not None:
            raise BusUnavailable(_words(call.error, topic))

    def close(self) -> None:
        """What other threads still send is given up."""
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.close()

    def _open(self) -> "_Session":
        with self._lock:
            session = self._session
            if session is not None and session.fatal is None:
                return session
            self._session = _Session(self._common)
        if session is not None:
            session.close()
        return self._session


class _Session:
    def __init__(self, common: Mapping[str, Any]) -> None:
        self.fatal: KafkaError | None = None
        self.producer = Producer({**common, **_SETTINGS, "error_cb": self._note})
        self._open = True
        self._thread = threading.Thread(target=self._listen, name="kafka-reports", daemon=True)
        self._thread.start()

    def close(self) -> None:
        # What is still here is of calls that have not returned: they hear that it came to nothing.
        self.producer.purge()
        self._open = False
        self._thread.join()

    def _listen(self) -> None:
        while self._open:
            self.producer.poll(0.1)
        self.producer.flush(1)

    def _note(self, error: KafkaError) -> None:
        if error.fatal():
            self.fatal = error


class _Call:
    """The reports of one `send`; all come on the session's thread."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.error: KafkaError | None = None
        self.finished = threading.Event()
        if not count:
            self.finished.set()

    def done(self, error: KafkaError | None, message: object) -> None:
        if error is not None and self.error is None:
            self.error = error
        self.left -= 1
        if not self.left:
            self.finished.set()


def _words(error: KafkaError, topic: str) -> str:
    return f"Kafka, {topic}: {error.str()}"
