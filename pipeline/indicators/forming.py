"""Indicators of the forming candles: read from the live bridge, computed, and published there again."""

import time
from collections.abc import Callable
from typing import Any, Final

import msgspec
import redis
import structlog

from pipeline.indicators.bar import Bar
from pipeline.indicators.series import Series
from pipeline.live import PREFIX, LivePublisher, channel, unpack

#: Seconds. As forming candles: at most 4 a second.
_EVERY: Final = 0.25
#: Share of our time that pictures of unfinished bars may take; past it they come less often, and closed bars never wait for them.
_SHARE: Final = 0.2
#: Seconds that the rest of a message may take once it has begun to come.
_REST: Final = 1.0
#: Seconds after which a lost connection is tried again.
_AGAIN: Final = 1.0

log = structlog.get_logger()


class _Candle(msgspec.Struct):
    """What we need of a candle's WebSocket data (pipeline.live_messages.candle_data)."""

    exchange: str
    symbol: str
    timeframe: str
    window_start: int
    open: float
    high: float
    low: float
    close: float
    volume: float


_decode = msgspec.json.Decoder(_Candle).decode
_encode = msgspec.json.Encoder().encode


class Forming:
    """Belongs to one thread. Never raises: the next picture replaces a lost one."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client
        self._live = LivePublisher(client)
        self._listening: Any = None
        self._waiting: dict[str, bytes] = {}  # channel → newest forming candle
        self._at = 0.0

    def show(self, series: Callable[[str, str, str], Series | None]) -> None:
        """Publish the figures of what moved since the last time, if it is time."""
        began = time.monotonic()
        try:
            if self._listening is None:
                if began < self._at:
                    return
                self._listening = self._redis.pubsub(ignore_subscribe_messages=True)
                self._listening.psubscribe(f"{PREFIX}candle|*")
            self._hear()
            if began < self._at or not self._waiting:
                return
            shown = {}
            for data in self._waiting.values():
                c = _decode(data)
                known = series(c.exchange, c.symbol, c.timeframe)
                lines = self._lines(known, c) if known is not None else b""
                if lines:
                    shown[channel("indicator", c.symbol, c.timeframe)] = lines
            self._waiting.clear()
            if shown:
                self._live.forming(shown)
            self._at = max(began + _EVERY, time.monotonic() + (time.monotonic() - began) * (1 / _SHARE - 1))
        except redis.RedisError as error:
            log.warning("forming indicators not shown", error=str(error))
            self.close()
            self._at = time.monotonic() + _AGAIN

    def _hear(self) -> None:
        # Asked with a time-out of 0, redis-py takes a message that has come halfway for an error, and the connection for lost: with 28
        # symbols that was each second (found in the logs of the soak).
        while self._listening.connection.can_read():
            message = self._listening.get_message(timeout=_REST)
            if message is None:
                continue
            payload = unpack(message["data"])
            if payload.forming:
                self._waiting[message["channel"].decode()] = payload.messages[-1]

    @staticmethod
    def _lines(known: Series, c: _Candle) -> bytes:
        figures = known.form(Bar(c.window_start, c.open, c.high, c.low, c.close, c.volume))
        # As on Kafka (CONTRACT §3), and `closed: false`.
        head = {"type": "indicator", "time": c.window_start, "exchange": c.exchange, "symbol": c.symbol}
        return b"\n".join(
            _encode(head | {"timeframe": c.timeframe, "indicator_type": type_, "closed": False} | each)
            for type_, each in figures.items()
        )

    def close(self) -> None:
        if self._listening is not None:
            self._listening.close()
            self._listening = None
