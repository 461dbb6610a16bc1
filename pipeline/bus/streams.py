"""The embedded bus: Valkey (or Redis) streams.

A partition is the stream `bus:{topic}:{number}`. An entry holds the records that one `publish` had for it, packed, in order:
a command a batch, not a command a record. Its id is `{epoch}-{n}`, n counting 1, 2, 3 … without gaps, so lag is a subtraction;
the epoch is when this server's memory of the bus began, so that a position kept elsewhere never lies ahead of a bus that lost
its data.

Keys: `bus:epoch`, `bus:ends` (stream → newest id), `bus:groups:{topic}` (groups that ever read it),
`bus:offsets:{group}` (`topic:partition` → committed position), `bus:members:{group}`, `bus:leases:{group}` (stream_leases).

Entries go when every registered group has passed them (stream_reader). A group whose workers are gone for good therefore holds
its topics up until they are full, and `publish` says so with its name; `SREM bus:groups:{topic} {group}` forgets it.
"""

import threading
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache, partial
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pipeline.bus.base import BusUnavailable, Listener, Record, partition_of
from pipeline.bus.stream_connection import PATIENCE, unavailable
from pipeline.bus.stream_entries import pack
from pipeline.bus.stream_reader import START, StreamsSubscription, behind, stream_key
from pipeline.bus.topics import TICKER, TRADES

#: Entries of one stream: a day at ten batches a second, on the way to nowhere. Memory is usually full long before.
MAX_ENTRIES: Final = 1_000_000
#: Entries kept of a topic that no group reads (the dead letters): enough to look at.
UNREAD: Final = 10_000
#: Share of the server's memory (its `maxmemory`, else the machine's) at which the market is refused. The rest is for rewriting
#: the append-only file, which may copy as much again.
_FULL: Final = 0.5
#: For what workers make of the market: if they could not get rid of it, they would never read what fills the memory.
_FULL_DERIVED: Final = 0.7
#: Seconds between two looks at the memory; the fastest publisher adds 0.2 GB in one.
_LOOK: Final = 1.0
_MARKET: Final = frozenset((TRADES, TICKER))

# KEYS: epoch, ends, groups of the topic, then the stream of each entry. ARGV: most entries of a stream, entries to keep when nobody
# reads, then the entries. → the stream that is full, else nil; nothing is stored then.
_PUBLISH: Final = """
for i = 4, #KEYS do
  if redis.call('XLEN', KEYS[i]) >= tonumber(ARGV[1]) then return KEYS[i] end
end
local epoch = redis.call('GET', KEYS[1])
if not epoch then
  local now = redis.call('TIME')
  epoch = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000))
  redis.call('SET', KEYS[1], epoch)
end
local unread = redis.call('SCARD', KEYS[3]) == 0
for i = 4, #KEYS do
  local id = redis.call('XADD', KEYS[i], epoch .. '-*', 'b', ARGV[i - 1])
  redis.call('HSET', KEYS[2], KEYS[i], id)
  if unread then redis.call('XTRIM', KEYS[i], 'MAXLEN', '~', ARGV[2]) end
end
"""


class StreamsBus:
    """See `base.Bus`. `max_memory`: bytes, when neither the server's own bound nor the machine's is wanted."""

    def __init__(
        self, redis_url: str, partitions: int = 3, *, max_entries: int = MAX_ENTRIES, max_memory: int | None = None
    ) -> None:
        self.partitions = partitions
        self._url = redis_url
        self._max_entries = max_entries
        self._max_memory = max_memory
        self._client: Any = redis.Redis.from_url(
            redis_url,
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            # Once, for a pooled connection that a restart of the server cut; waiting is the caller's business.
            retry=Retry(NoBackoff(), 1),
        )
        # A market has few keys; those of bars never end.
        self._partition_of = lru_cache(maxsize=4096)(partial(partition_of, partitions=partitions))
        self._memory = (0, 1)
        self._look_at = 0.0
        self._look_lock = threading.Lock()

    def ensure_topics(self, topics: Iterable[str]) -> None:
        """Streams come into being with their first entry: this only makes sure that there is a server to take it."""
        self._asking(self._client.ping)

    def publish(self, topic: str, records: Sequence[Record]) -> None:
        if not records:
            return
        entries = [(stream_key(topic, number), entry) for number, entry in pack(records, self._partition_of)]
        used, most = self._asking(self._look_at_memory)
        if used > most * (_FULL if topic in _MARKET else _FULL_DERIVED):
            groups = self._asking(lambda: list(self._client.scan_iter("bus:groups:*")))
            slowest = self._slowest([key.decode().removeprefix("bus:groups:") for key in groups])
            raise BusUnavailable(f"full: {slowest}; {used >> 20} of {most >> 20} MB are in use")
        full = self._asking(
            self._client.eval, _PUBLISH, 3 + len(entries),
            "bus:epoch", "bus:ends", f"bus:groups:{topic}", *(key for key, _ in entries),
            self._max_entries, UNREAD, *(entry for _, entry in entries),
        )  # fmt: skip
        if full is not None:
            raise BusUnavailable(f"full: {self._slowest([topic])}")

    def subscribe(self, group: str, topics: Sequence[str], listener: Listener | None = None) -> StreamsSubscription:
        return StreamsSubscription(self._url, group, topics, self.partitions, listener)

    def forget(self, group: str, topics: Iterable[str]) -> None:
        for topic in topics:
            self._asking(self._client.srem, f"bus:groups:{topic}", group)

    def close(self) -> None:
        self._client.close()

    def _look_at_memory(self) -> tuple[int, int]:
        """Bytes in use and bytes there are, at most a second old."""
        with self._look_lock:
            if time.monotonic() >= self._look_at:
                facts = self._client.info("memory")
                most = self._max_memory or facts["maxmemory"] or facts["total_system_memory"]
                self._memory = (facts["used_memory"], most)
                self._look_at = time.monotonic() + _LOOK
            return self._memory

    def _slowest(self, topics: Sequence[str]) -> str:
        """The group furthest behind, in words."""
        most, words = -1, "nobody reads"
        for topic in topics:
            for group in (name.decode() for name in self._asking(self._client.smembers, f"bus:groups:{topic}")):
                committed = self._asking(self._client.hgetall, f"bus:offsets:{group}")
                total = 0
                for number in range(self.partitions):
                    stream = stream_key(topic, number)
                    end = (self._asking(self._client.hget, "bus:ends", stream) or b"0-0").decode()
                    position = committed.get(f"{topic}:{number}".encode(), START.encode()).decode()
                    total += behind(position, end, self._asking(self._client.xlen, stream))
                if total > most:
                    most, words = total, f"group {group} is {total} batches behind on {topic}"
        return words

    def _asking(self, call: Any, *args: Any) -> Any:
        try:
            return call(*args)
        except redis.RedisError as error:
            raise unavailable(error) or error from error
