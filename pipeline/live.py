"""The live bridge over Redis: pub/sub with numbers, and a short history to catch up from.

A channel is one concrete series: `trade|BTC/USDT|`, `candle|BTC/USDT|1m`, `ticker|BTC/USDT|`, `news||`. Its messages are
numbered 1, 2, 3 … (`seq`); the numbering belongs to an `epoch`, new only when Redis lost its memory. A forming candle is
published unnumbered: it carries the newest `seq` and is never replayed, for the next one replaces it.

Numbering, history, publishing and the publisher's own position in the bus change in one Lua script, so a bridge killed at
any moment goes on exactly where it stopped: nothing twice, nothing skipped.

Payload on the wire between us: `<N|F> <epoch> <seq of the first message>`, and after a space the `traceparent` of a batch that is traced,
then one JSON object a line, each the `data` of a WebSocket message (CONTRACT §3).
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, cast
from uuid import uuid4

import redis

PREFIX: Final = "live:"
EPOCH_KEY: Final = "live:epoch"
SEQ_KEY: Final = "live:seq"
HISTORY_PREFIX: Final = "live:history:"
FORMING_KEY: Final = "live:forming"
KEPT_KEY: Final = "live:kept"
#: Messages kept per channel for `since`, at least: trades of a busy minute, candles of an hour and more.
HISTORY: Final = 2000

# KEYS: epoch, seq hash, position hash, hash of messages kept. ARGV: fresh epoch, history length, end of the heads, number of
# positions, positions (field, value)*, then per channel: name, number of messages, payload.
# The history is a list of what was published, batch by batch: a message of its own each cost Redis four times as much as
# everything else here.
_PUBLISH: Final = """
redis.call('SET', KEYS[1], ARGV[1], 'NX')
local epoch = redis.call('GET', KEYS[1])
local keep = tonumber(ARGV[2])
local i = 5
local moved = ARGV[4] == '0'
for _ = 1, tonumber(ARGV[4]) do
  if redis.call('HGET', KEYS[3], ARGV[i]) ~= ARGV[i + 1] then moved = true end
  redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
  i = i + 2
end
-- The same positions again: the reply to the first try was lost, not its effect.
if not moved then return epoch end
while i <= #ARGV do
  local channel, count, payload = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2]
  i = i + 3
  local first = string.format('%d', redis.call('HINCRBY', KEYS[2], channel, count) - count + 1)
  local history = 'live:history:' .. channel
  redis.call('RPUSH', history, first .. ' ' .. count .. '\\n' .. payload)
  local kept = redis.call('HINCRBY', KEYS[4], channel, count)
  while kept > keep do
    local oldest = tonumber(string.match(redis.call('LINDEX', history, 0), '^%d+ (%d+)'))
    if kept - oldest < keep then break end
    redis.call('LPOP', history)
    kept = redis.call('HINCRBY', KEYS[4], channel, -oldest)
  end
  redis.call('PUBLISH', 'live:' .. channel, 'N ' .. epoch .. ' ' .. first .. ARGV[3] .. '\\n' .. payload)
end
return epoch
"""

# KEYS: epoch, seq hash, forming hash. ARGV: fresh epoch, then per channel: name, data.
_FORMING: Final = """
redis.call('SET', KEYS[1], ARGV[1], 'NX')
local epoch = redis.call('GET', KEYS[1])
for i = 2, #ARGV, 2 do
  local seq = redis.call('HGET', KEYS[2], ARGV[i]) or '0'
  redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
  redis.call('PUBLISH', 'live:' .. ARGV[i], 'F ' .. epoch .. ' ' .. seq .. '\\n' .. ARGV[i + 1])
end
"""


class Payload(NamedTuple):
    """What one Redis publish holds. Message k of `messages` has seq `first_seq + k`; a forming one has `first_seq` itself."""

    forming: bool
    epoch: str
    first_seq: int
    messages: list[bytes]
    trace: str = ""


class CatchUp(NamedTuple):
    """Answer to `since`: the numbered messages after it, whether that is all of them, and where the channel stands now."""

    messages: list[tuple[int, bytes]]
    recovered: bool
    epoch: str
    newest: int


def channel(kind: str, symbol: str = "", timeframe: str = "") -> str:
    return f"{kind}|{symbol}|{timeframe}"


def unpack(payload: bytes) -> Payload:
    head, _, body = payload.partition(b"\n")
    kind, epoch, seq, *trace = head.split(b" ")
    return Payload(kind == b"F", epoch.decode(), int(seq), body.split(b"\n"), trace[0].decode() if trace else "")


class LivePublisher:
    """The writing side. Raises redis.RedisError when Redis is away; publishing again is safe for the caller that passes positions."""

    def __init__(self, client: redis.Redis, history: int = HISTORY) -> None:
        self._redis = client
        self._history = history
        self._publish = client.register_script(_PUBLISH)
        self._forming = client.register_script(_FORMING)

    def publish(
        self,
        batches: Mapping[str, Sequence[bytes]],
        owner: str = "",
        positions: Mapping[str, str] | None = None,
        trace: str = "",
    ) -> None:
        """Number, keep and publish `batches` (channel → JSON objects without line breaks), and store `positions` of `owner` with them.
        `trace`: the `traceparent` to hand on."""
        tail = f" {trace}" if trace else ""
        args: list[bytes | str | int] = [uuid4().hex[:12], self._history, tail, len(positions or ())]
        for field, value in (positions or {}).items():
            args += (field, value)
        for name, messages in batches.items():
            args += (name, len(messages), b"\n".join(messages))
        self._publish(keys=[EPOCH_KEY, SEQ_KEY, f"live:position:{owner}", KEPT_KEY], args=args)

    def positions(self, owner: str) -> dict[str, str]:
        """What `publish` stored last for `owner`."""
        stored = self._redis.hgetall(f"live:position:{owner}")
        return {_text(k): _text(v) for k, v in stored.items()}

    def forming(self, candles: Mapping[str, bytes]) -> None:
        """Publish the forming candle (or indicators, a line each) of each channel and keep it as that channel's newest."""
        args: list[bytes | str] = [uuid4().hex[:12]]
        for name, data in candles.items():
            args += (name, data)
        self._forming(keys=[EPOCH_KEY, SEQ_KEY, FORMING_KEY], args=args)


class LiveReader:
    """The reading side of the history; the hub subscribes to the pub/sub itself (`PREFIX + channel`)."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def newest(self, name: str) -> tuple[str, int]:
        """(epoch, newest seq) of a channel; ("", 0) before anything was published."""
        pipeline = self._redis.pipeline()
        pipeline.get(EPOCH_KEY)
        pipeline.hget(SEQ_KEY, name)
        epoch, seq = pipeline.execute()
        return (_text(epoch) if epoch else ""), int(seq or 0)

    def channels(self) -> list[str]:
        """Every channel that ever carried a numbered message."""
        return [_text(name) for name in self._redis.hkeys(SEQ_KEY)]

    def since(self, name: str, seq: int, epoch: str) -> CatchUp:
        """Messages of `name` after `seq`. Not recovered when the epoch is another, or the history no longer reaches back.

        ("", 0) is what `newest` said before there was an epoch: all that was published since is after it.
        """
        pipeline = self._redis.pipeline()
        pipeline.get(EPOCH_KEY)
        pipeline.hget(SEQ_KEY, name)
        pipeline.lrange(HISTORY_PREFIX + name, 0, -1)
        stored_epoch, stored_seq, items = pipeline.execute()
        current, newest = (_text(stored_epoch) if stored_epoch else ""), int(stored_seq or 0)
        same = epoch == current or (not epoch and not seq)
        if not current or not same or seq > newest:
            return CatchUp([], False, current, newest)
        messages = []
        for item in items:
            head, _, payload = item.partition(b"\n")
            first, count = map(int, head.split(b" "))
            if first + count - 1 > seq:
                messages += [(n, data) for n, data in enumerate(payload.split(b"\n"), first) if n > seq]
        reached = newest == seq or (bool(messages) and messages[0][0] == seq + 1)
        return CatchUp(messages, reached, current, newest)

    def last(self, names: Sequence[str]) -> list[bytes | None]:
        """The newest numbered message of each channel; None for one that never carried any."""
        pipeline = self._redis.pipeline()
        for name in names:
            pipeline.lindex(HISTORY_PREFIX + name, -1)
        return [None if item is None else item.rpartition(b"\n")[2] for item in pipeline.execute()]

    def forming(self, name: str) -> bytes | None:
        """The newest forming candle of a channel, as WebSocket data."""
        return cast("bytes | None", self._redis.hget(FORMING_KEY, name))


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
