"""Bus to the live bridge: trades, tickers and closed candles, numbered and kept for `since`.

Its position in the bus is stored by the same Lua script that publishes (pipeline.live), so a kill at any moment neither
repeats nor skips a message on the socket.
"""

import time
from collections.abc import Iterable, Sequence
from threading import Event
from typing import Final

import redis
import structlog

from pipeline import bus as buses
from pipeline import status
from pipeline.bus.base import BusUnavailable, Message, TopicPartition
from pipeline.bus.topics import BARS, TICKER, TRADES
from pipeline.clock import now_ms
from pipeline.errors import BadMessage
from pipeline.live import LivePublisher, channel
from pipeline.live_messages import candle_data, ticker_data, trade_data
from pipeline.model import Candle, Trade
from pipeline.retry import Stopped, until_it_works
from pipeline.settings import Settings
from pipeline.wire import read

GROUP: Final = "cryptoviz-bridge"
#: History that the exchange hands over is for the database; only the candles that a screen may show as its newest are pushed.
_RECENT_WINDOWS: Final = 3

log = structlog.get_logger()


def run(settings: Settings, stop: Event) -> None:
    client = redis.Redis.from_url(settings.redis_url)
    bus = buses.connect(settings)
    live = LivePublisher(client)
    owner = f"{GROUP}@{settings.bus}"

    def waiting(reason: str) -> None:
        status.report(client, "bridge", "waiting", reason)

    subscription = None
    try:
        topics = [TRADES, TICKER, *BARS]
        until_it_works(lambda: bus.ensure_topics(topics), stop=stop, what="bus", errors=(BusUnavailable,), waiting=waiting)
        subscription = bus.subscribe(GROUP, topics, _Positions(live, owner, stop))
        reported = sent = 0.0
        while not stop.is_set():
            messages = until_it_works(
                lambda s=subscription: s.poll(0.5, 5_000), stop=stop, what="bus", errors=(BusUnavailable,), waiting=waiting
            )
            if messages:
                batches = batch(messages)
                places = {f"{topic}:{number}": at for (topic, number), at in subscription.positions().items()}
                until_it_works(
                    lambda b=batches, p=places: live.publish(b, owner, p), stop=stop, what="redis", errors=(redis.RedisError,), waiting=waiting
                )
                sent += sum(map(len, batches.values()))
            now = time.monotonic()
            if now - reported >= 1:
                # So that the bus may forget what we have passed; reading starts from our own positions.
                until_it_works(subscription.commit, stop=stop, what="bus", errors=(BusUnavailable,), waiting=waiting)
                status.report(client, "bridge", "running", messages_per_s=round(sent / (now - reported), 1), lag=sum(subscription.lag().values()))
                reported, sent = now, 0.0
    except Stopped:
        pass
    finally:
        if subscription is not None:
            subscription.close()
        bus.close()
        status.report(client, "bridge", "stopped")
        client.close()


class _Positions:
    """A `Listener` that reads on where the last publish left off."""

    def __init__(self, live: LivePublisher, owner: str, stop: Event) -> None:
        self._live = live
        self._owner = owner
        self._stop = stop

    def assigned(self, partition: TopicPartition) -> str | None:
        stored = until_it_works(lambda: self._live.positions(self._owner), stop=self._stop, what="redis", errors=(redis.RedisError,))
        return stored.get(f"{partition.topic}:{partition.partition}")

    def revoked(self, partitions: Sequence[TopicPartition]) -> None:
        """Nothing is held back: positions are stored with every publish."""


def batch(messages: Iterable[Message]) -> dict[str, list[bytes]]:
    """Channel → WebSocket data, in order. What cannot be read is passed over: the writer sends it to the dead letters."""
    out: dict[str, list[bytes]] = {}
    for message in messages:
        if message.topic not in (TRADES, TICKER) and message.headers.get("closed") == "false":
            continue
        try:
            model = read(message)
        except BadMessage:
            continue
        if isinstance(model, Trade):
            out.setdefault(channel("trade", model.symbol), []).append(trade_data(model))
        elif isinstance(model, Candle):
            age = now_ms() - model.window_end
            if model.source == "historical" and age > _RECENT_WINDOWS * (model.window_end - model.window_start):
                continue
            out.setdefault(channel("candle", model.symbol, model.timeframe), []).append(candle_data(model))
        else:
            out.setdefault(channel("ticker", model.symbol), []).append(ticker_data(model))
    return out
