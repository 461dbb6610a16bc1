"""A group's member reading the streams of the partitions it owns."""

import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from pipeline.bus.base import BusUnavailable, Listener, Message, TopicPartition
from pipeline.bus.stream_connection import StreamConnection
from pipeline.bus.stream_entries import unpack
from pipeline.bus.stream_leases import Leases, leases_key

#: The position before the first entry.
START: Final = "0-0"
#: Seconds between two looks at who else is there: three commands, and a dead member's partitions wait no longer than that.
_LOOK: Final = 1.0
#: The same while others still have to give us something.
_LOOK_WAITING: Final = 0.1
#: Seconds between two trims: it asks about every stream we own.
_TRIM: Final = 1.0
#: Entries kept though every group has passed them, and for how long after the very first one, ms: a group that comes late to the
#: first start misses nothing. Kept for ever they filled for half an hour: an entry of history is 250 KB, and there are 80 streams.
TAIL: Final = 128
_YOUNG: Final = 120_000
#: Fewest entries asked of each stream at a time, however many records they seem to hold.
_FEWEST: Final = 16
#: Records an entry holds, until we have seen some.
_GUESS: Final = 500.0

# KEYS: leases, offsets. ARGV: me, then number, field, position of each. Whoever lost a lease must not move its offsets.
# → how many were not mine
_COMMIT: Final = """
local foreign = 0
for i = 2, #ARGV, 3 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[1] then redis.call('HSET', KEYS[2], ARGV[i + 1], ARGV[i + 2])
  else foreign = foreign + 1 end
end
return foreign
"""

# KEYS: epoch, streams. ARGV: entries to keep, for how long, then topic, field of each. What every registered group has passed goes;
# the entry that the slowest stands on stays.
_TRIM_SCRIPT: Final = """
local function parts(id) return tonumber(string.match(id, '^(%d+)')), tonumber(string.match(id, '-(%d+)$') or '0') end
local now = redis.call('TIME')
local age = now[1] * 1000 - tonumber(redis.call('GET', KEYS[1]) or '0')
local tail = age < tonumber(ARGV[2]) and tonumber(ARGV[1]) or 0
for i = 2, #KEYS do
  local stream = KEYS[i]
  local excess = redis.call('XLEN', stream) - tail
  local slowest, high, low = nil, math.huge, 0
  if excess > 0 then
    for _, group in ipairs(redis.call('SMEMBERS', 'bus:groups:' .. ARGV[2 * i - 1])) do
      local at = redis.call('HGET', 'bus:offsets:' .. group, ARGV[2 * i]) or '0-0'
      local h, l = parts(at)
      if h < high or (h == high and l < low) then slowest, high, low = at, h, l end
    end
  end
  if slowest then redis.call('XTRIM', stream, 'MINID', '~', slowest, 'LIMIT', excess) end
end
"""

# KEYS: ends, streams. → newest id and length of each
_ENDS: Final = """
local out = {}
for i = 2, #KEYS do
  out[#out + 1] = {redis.call('HGET', KEYS[1], KEYS[i]) or '0-0', redis.call('XLEN', KEYS[i])}
end
return out
"""


def stream_key(topic: str, partition: int) -> str:
    return f"bus:{topic}:{partition}"


def behind(position: str, end: str, length: int) -> int:
    """Entries after `position` in a stream of this length whose newest id is `end`: within an epoch ids are without gaps."""
    epoch, _, number = position.partition("-")
    end_epoch, _, end_number = end.partition("-")
    return min(int(end_number) - int(number or 0), length) if epoch == end_epoch else length


class StreamsSubscription:
    """See `base.Subscription`."""

    def __init__(self, url: str, group: str, topics: Sequence[str], partitions: int, listener: Listener | None) -> None:
        self._connection = StreamConnection(url, f"bus:{group}")
        self._leases = Leases(self._connection, group, topics, partitions)
        self._group = group
        self._topics = tuple(topics)
        self._listener = listener
        self._offsets = f"bus:offsets:{group}"
        self._me: str | None = None
        self._owned: set[int] = set()  # numbers with positions; the server may already have given us more
        self._positions: dict[TopicPartition, str] = {}
        self._fetched: dict[TopicPartition, str] = {}  # newest entry in `_buffer`, else the position
        self._buffer: deque[tuple[TopicPartition, str, bytes]] = deque()
        self._by_key: dict[bytes, TopicPartition] = {}
        self._lag: dict[TopicPartition, int] = {}
        self._records_per_entry = dict.fromkeys(self._topics, _GUESS)
        self._look_at = 0.0
        self._trim_at = 0.0

    def poll(self, timeout: float, max_messages: int = 5000) -> list[Message]:
        deadline = time.monotonic() + timeout
        while True:
            if time.monotonic() >= self._look_at or self._connection.identity is None:
                self._look_around()
            if not self._buffer:
                self._fetch(min(deadline, self._look_at) - time.monotonic(), max_messages)
            if self._buffer:
                return self._take(max_messages)
            if time.monotonic() >= deadline:
                return []

    def positions(self) -> dict[TopicPartition, str]:
        return dict(self._positions)

    def commit(self) -> None:
        if not self._positions:
            return
        if self._connection.identity != self._me or self._me is None:
            # Our leases went with the connection: what we did is for their next owner to repeat.
            self._forget(set(self._owned))
            return
        moved = (
            part
            for (topic, number), position in self._positions.items()
            for part in (number, f"{topic}:{number}", position)
        )
        if self._connection.call("EVAL", _COMMIT, 2, leases_key(self._group), self._offsets, self._me, *moved):
            self._look_at = 0.0
        if time.monotonic() >= self._trim_at:
            self._trim_at = time.monotonic() + _TRIM
            names = (part for topic, number in self._positions for part in (topic, f"{topic}:{number}"))
            self._connection.call(
                "EVAL", _TRIM_SCRIPT, 1 + len(self._by_key), "bus:epoch", *self._by_key, TAIL, _YOUNG, *names
            )

    def lag(self) -> dict[TopicPartition, int]:
        """As last known while the server is away."""
        if self._positions:
            try:
                ends = self._connection.call("EVAL", _ENDS, 1 + len(self._by_key), "bus:ends", *self._by_key)
            except BusUnavailable:
                return self._lag
            self._lag = {
                partition: behind(position, end.decode(), length)
                for (partition, position), (end, length) in zip(self._positions.items(), ends, strict=True)
            }
        return self._lag

    def close(self) -> None:
        try:
            self._leases.leave()
        except BusUnavailable:
            pass  # the leases end with the connection
        finally:
            self._connection.drop()
            self._forget(set(self._owned))

    # -- ownership ---------------------------------------------------------------------------------------------------

    def _look_around(self) -> None:
        balance = self._leases.balance()
        lost = self._owned - balance.owned
        if self._connection.identity != self._me:
            # Our old self is dead, and somebody else may have had its partitions in between.
            self._forget(self._owned & balance.owned)
            self._me = self._connection.identity
        if lost:
            self._give_up(lost)
        if surplus := self._owned & balance.surplus:
            self._give_up(surplus)
        if balance.surplus:
            self._leases.release(balance.surplus)
        kept = balance.owned - balance.surplus
        if new := sorted(kept - self._owned):
            self._start(new)
        self._look_at = time.monotonic() + (_LOOK if len(kept) >= balance.share else _LOOK_WAITING)

    def _start(self, numbers: Iterable[int]) -> None:
        """Begin to read these, from where the listener or the group says."""
        stored = self._connection.call("HGETALL", self._offsets)
        committed = {field.decode(): at.decode() for field, at in zip(stored[::2], stored[1::2], strict=True)}
        for number in numbers:
            begin: dict[TopicPartition, str] = {}
            for topic in self._topics:
                partition = TopicPartition(topic, number)
                position = self._listener.assigned(partition) if self._listener is not None else None
                begin[partition] = position or committed.get(f"{topic}:{number}", START)
            self._positions |= begin
            self._fetched |= begin
            self._owned.add(number)
            self._by_key = {stream_key(*partition).encode(): partition for partition in self._positions}

    def _give_up(self, numbers: set[int]) -> None:
        if self._listener is not None:
            self._listener.revoked([partition for partition in self._positions if partition.partition in numbers])
        self._forget(numbers)

    def _forget(self, numbers: set[int]) -> None:
        self._owned -= numbers
        self._lag = {p: lag for p, lag in self._lag.items() if p.partition not in numbers}
        self._positions = {p: at for p, at in self._positions.items() if p.partition not in numbers}
        self._fetched = {p: self._fetched[p] for p in self._positions}
        self._buffer = deque(entry for entry in self._buffer if entry[0].partition not in numbers)
        self._by_key = {stream_key(*partition).encode(): partition for partition in self._positions}

    # -- reading -----------------------------------------------------------------------------------------------------

    def _fetch(self, wait: float, max_messages: int) -> None:
        if not self._owned:
            time.sleep(max(0.0, wait))
            return
        # By the fullest topic: thousands of small entries at a time are not worth hundreds of megabytes of big ones.
        count = max(_FEWEST, int(max_messages / max(self._records_per_entry.values())))
        block = ("BLOCK", max(1, int(wait * 1000))) if wait > 0 else ()
        reply = self._connection.call(
            "XREAD", "COUNT", count, *block, "STREAMS", *self._by_key, *self._fetched.values()
        )
        for key, entries in reply or ():
            partition = self._by_key[key]
            # The value of the first field: what is stored under a name of its own has no second one.
            found = [(partition, entry_id.decode(), fields[1]) for entry_id, fields in entries]
            self._buffer.extend(found)
            self._fetched[partition] = found[-1][1]

    def _take(self, max_messages: int) -> list[Message]:
        out: list[Message] = []
        buffer = self._buffer
        while buffer and len(out) < max_messages:
            partition, entry_id, packed = buffer.popleft()
            topic, number = partition
            before = len(out)
            try:
                entry = unpack(packed)
                headers = entry.headers
                out += [
                    Message(topic, number, f"{entry_id}:{index}", record.key, record.value, headers[record.headers])
                    for index, record in enumerate(entry.records)
                ]
            except (msgspec.DecodeError, IndexError):
                # No publisher of ours wrote it. Handed over as it is, for the worker's dead letters: it must not stop the stream.
                out.append(Message(topic, number, f"{entry_id}:0", None, packed, {}))
            self._positions[partition] = entry_id
            known = self._records_per_entry[topic]
            self._records_per_entry[topic] = known + (len(out) - before - known) / 8
        return out
