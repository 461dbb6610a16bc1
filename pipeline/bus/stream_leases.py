"""Who of a group reads which partition, on the streams bus.

A lease is a field of the hash `bus:leases:{group}`: partition number → identity of its owner's connection. It holds for the
partition of that number on every topic. Members are in the zset `bus:members:{group}`, by when they joined. A member whose
connection the server no longer knows is dead, for good, and so are its leases: nothing waits for a time-out, and nothing but
the server's word takes a lease from a member that works slowly.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from pipeline.bus.stream_connection import StreamConnection

# KEYS: members, leases. ARGV: me, group, partitions, number of topics, topics…, the dead….
# Registers me, buries the dead, takes what is free up to my share. The share of the member that joined as the r-th of m is
# floor(n/m), one more for the first n mod m: the sum is n, so nobody keeps what another lacks.
# → {numbers I own}, {those of them that are another's share}, my share
_BALANCE: Final = """
local me, count = ARGV[1], tonumber(ARGV[3])
local topics = tonumber(ARGV[4])
for i = 5, 4 + topics do redis.call('SADD', 'bus:groups:' .. ARGV[i], ARGV[2]) end
for i = 5 + topics, #ARGV do redis.call('ZREM', KEYS[1], ARGV[i]) end
if not redis.call('ZSCORE', KEYS[1], me) then
  local now = redis.call('TIME')
  redis.call('ZADD', KEYS[1], string.format('%.0f', now[1] * 1000000 + now[2]), me)
end
local members, rank = redis.call('ZCARD', KEYS[1]), redis.call('ZRANK', KEYS[1], me)
local share = math.floor(count / members)
if rank < count % members then share = share + 1 end
local owned, free = {}, {}
for number = 0, count - 1 do
  local owner = redis.call('HGET', KEYS[2], number)
  if owner == me then owned[#owned + 1] = number
  elseif not owner or not redis.call('ZSCORE', KEYS[1], owner) then free[#free + 1] = number end
end
for _, number in ipairs(free) do
  if #owned < share then
    redis.call('HSET', KEYS[2], number, me)
    owned[#owned + 1] = number
  else redis.call('HDEL', KEYS[2], number) end
end
local surplus = {}
for i = share + 1, #owned do surplus[#surplus + 1] = owned[i] end
return {owned, surplus, share}
"""

# KEYS: leases. ARGV: me, numbers….
_RELEASE: Final = """
for i = 2, #ARGV do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[1] then redis.call('HDEL', KEYS[1], ARGV[i]) end
end
"""


class Balance(NamedTuple):
    """Partition numbers: all that I own, those of them to give up, and how many I should have."""

    owned: set[int]
    surplus: set[int]
    share: int


def leases_key(group: str) -> str:
    return f"bus:leases:{group}"


class Leases:
    """One member's part in it."""

    def __init__(self, connection: StreamConnection, group: str, topics: Sequence[str], partitions: int) -> None:
        self._connection = connection
        self._group = group
        self._topics = topics
        self._partitions = partitions
        self._members = f"bus:members:{group}"
        self._leases = leases_key(group)

    def balance(self) -> Balance:
        """Join if need be, take what is free and mine to take. Raises BusUnavailable."""
        me = self._connection.open()
        # First who was said to be there, then who is: whoever joins between the two is not taken for dead.
        members = [member.decode() for member in self._connection.call("ZRANGE", self._members, 0, -1)]
        dead = set(members) - self._connection.alive(members)
        owned, surplus, share = self._connection.call(
            "EVAL", _BALANCE, 2, self._members, self._leases,
            me, self._group, self._partitions, len(self._topics), *self._topics, *dead,
        )  # fmt: skip
        return Balance(set(owned), set(surplus), share)

    def release(self, numbers: Iterable[int]) -> None:
        """Let others have these. Raises BusUnavailable."""
        self._connection.call("EVAL", _RELEASE, 1, self._leases, self._connection.open(), *numbers)

    def leave(self) -> None:
        """Give up everything. Raises BusUnavailable, when the end of the connection says as much."""
        if (me := self._connection.identity) is not None:
            self._connection.call("ZREM", self._members, me)
            self.release(range(self._partitions))
