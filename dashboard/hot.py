"""The newest candles of a series as they were read last: every chart that opens asks for the same ones.

In Redis, so that one web server's reading serves them all. Good until the writer has stored a candle of that series.
"""

from typing import Final, NamedTuple

import msgspec
import redis

from pipeline import generations
from pipeline.live import FORMING_KEY, channel
from pipeline.store.rows import CandleRow

_PREFIX: Final = "cache:candles:"
#: Seconds. What nobody asks for again goes by itself; and if a writer dies between storing and saying so, this is how long it shows.
_LIFE: Final = 60
#: Rows that are kept: a few sizes for whatever is asked, so that nobody can fill Redis by asking for 1, 2, 3 … rows.
_SIZES: Final = (1, 100, 500, 1000)

# As they are answered: making rows of them only to write them again was half of what a call cost.
_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Look(NamedTuple):
    """`rows`: what is stored, newest first, each the JSON of a CandleRow; None when the database must be asked. `forming`: the candle
    that trades are moving, as live data."""

    generation: bytes
    rows: list[msgspec.Raw] | None
    forming: bytes | None


class HotCandles:
    """Raises redis.RedisError."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self.hits = 0
        self.misses = 0

    @staticmethod
    def size(limit: int) -> int | None:
        """Rows to read and keep when `limit` are wanted; None: too many to keep."""
        return next((size for size in _SIZES if limit <= size), None)

    def look(self, exchange: str, symbol: str, timeframe: str, size: int) -> Look:
        """One way to Redis and back. Before the database is asked: a change meanwhile makes what is kept old, never wrong."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.hget(generations.KEY, generations.series(exchange, symbol, timeframe))
        pipeline.get(_name(exchange, symbol, timeframe, size))
        pipeline.hget(FORMING_KEY, channel("candle", symbol, timeframe))
        generation, kept, forming = pipeline.execute()
        generation = generation or b"0"
        made, _, body = (kept or b"").partition(b" ")
        if kept is None or made != generation:
            self.misses += 1
            return Look(generation, None, forming)
        self.hits += 1
        return Look(generation, _decode(body), forming)

    def keep(
        self, rows: list[CandleRow], generation: bytes, exchange: str, symbol: str, timeframe: str, size: int
    ) -> list[msgspec.Raw]:
        """`rows` as `look` will give them."""
        body = _encode(rows)
        self._redis.set(_name(exchange, symbol, timeframe, size), generation + b" " + body, ex=_LIFE)
        return _decode(body)


def _name(exchange: str, symbol: str, timeframe: str, size: int) -> str:
    return f"{_PREFIX}{generations.series(exchange, symbol, timeframe)}|{size}"
