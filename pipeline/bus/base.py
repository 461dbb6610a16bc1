"""The bus seam: what a worker may count on, whichever bus is underneath.

A bus has topics; a topic has partitions; a partition is an ordered log. All messages of one symbol share a partition, on
every topic, so whoever owns partition n owns those symbols whole.

Contract (held by tests/bus/test_contract.py against every adapter):
- `publish` returns only when every record is durable at the server, in the order given per partition. It raises
  `BusUnavailable` when the server cannot be reached; the records may then be published again (duplicates are the reader's
  business, loss is never).
- A group shares out the partitions of its topics; each partition has one reader at a time. A member that dies (even by kill -9)
  frees its partitions for the others within seconds.
- `poll` never commits. Positions are committed by `commit`, after the effect is durable; what was polled and not committed
  is delivered again to the next owner.
- A worker that keeps its own positions (with its own state) passes a `Listener`; then `assigned` decides where reading starts.
- Thread: a Subscription belongs to one thread. `publish` may be called from any thread.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol
from zlib import crc32

import msgspec

from pipeline.errors import CryptoVizError


class BusUnavailable(CryptoVizError):
    """The bus cannot be reached right now. Retry with back-off; nothing was acknowledged."""


class TopicPartition(NamedTuple):
    topic: str
    partition: int


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a producer hands over. The key starts `EXCHANGE|SYMBOL`; `headers` are short texts."""

    key: bytes
    value: bytes
    headers: Mapping[str, str] = {}


class Message(msgspec.Struct, frozen=True, gc=False):
    """What a consumer receives. `offset` is the adapter's own spelling of where the message lies."""

    topic: str
    partition: int
    offset: str
    key: bytes | None
    value: bytes
    headers: Mapping[str, str]


class Listener(Protocol):
    """Told of ownership, on the thread that polls."""

    def assigned(self, partition: TopicPartition) -> str | None:
        """The position to read from (as `Subscription.positions` spelled it), or None: the committed one, else the start."""

    def revoked(self, partitions: Sequence[TopicPartition]) -> None:
        """These are about to be someone else's: make their state durable now."""


class Subscription(Protocol):
    def poll(self, timeout: float, max_messages: int = 5000) -> list[Message]:
        """Up to about `max_messages` (an adapter may overshoot by one stored batch), [] after `timeout` seconds. Raises BusUnavailable."""

    def positions(self) -> dict[TopicPartition, str]:
        """For each owned partition, where the next poll goes on: just after the last message returned."""

    def commit(self) -> None:
        """Make `positions()` the group's committed positions."""

    def lag(self) -> dict[TopicPartition, int]:
        """Messages (Kafka) or stored batches (Streams) published and not yet polled, per owned partition."""

    def close(self) -> None:
        """Leave the group; partitions are free at once, or kept for a while for a member that has a name. Commits nothing."""


class Bus(Protocol):
    partitions: int

    def ensure_topics(self, topics: Iterable[str]) -> None:
        """Create what is missing, with the retention and cleanup of `pipeline.bus.topics`. Idempotent."""

    def publish(self, topic: str, records: Sequence[Record]) -> None: ...

    def subscribe(self, group: str, topics: Sequence[str], listener: Listener | None = None) -> Subscription: ...

    def forget(self, group: str, topics: Iterable[str]) -> None:
        """Keep nothing for this group, which reads now and then only; its committed positions stay."""

    def close(self) -> None: ...


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key: by its `EXCHANGE|SYMBOL` head alone, so trades, bars and tickers of a symbol lie together."""
    head = b"|".join(key.split(b"|", 2)[:2])
    return crc32(head) % partitions
