"""Bus to the live bridge: trades, tickers and closed candles, numbered and kept for `since`.

Its position in the bus is stored by the same Lua script that publishes (pipeline.live), so a kill at any moment neither
repeats nor skips a message on the socket.
"""

import time
from collections.abc import Sequence
from threading import Event
from typing import Final

import redis

from pipeline import bus as buses
from pipeline import metrics, status, tracing
from pipeline.bus.base import BusUnavailable, Message, Subscription, TopicPartition
from pipeline.bus.topics import BARS, INDICATORS, NEWS, TICKER, TRADES
from pipeline.clock import now_ms
from pipeline.errors import BadMessage
from pipeline.live import LivePublisher, channel
from pipeline.live_messages import candle_data, indicator_data, news_data, ticker_data, trade_data
from pipeline.model import Article, Candle, Indicator, Ticker
from pipeline.retry import Retry, Stopped
from pipeline.settings import Settings
from pipeline.timeframes import TIMEFRAMES
from pipeline.trade_messages import relayed
from pipeline.wire import read, read_trade

GROUP: Final = "cryptoviz-bridge"
#: Messages published at once, at most.
BATCH: Final = 5_000
#: History that the exchange hands over is for the database; only the candles that a screen may show as its newest are pushed.
_RECENT_WINDOWS: Final = 3


def run(settings: Settings, stop: Event) -> None:
    client = status.connect(settings.redis_url)
    pulse = status.Pulse(client, "bridge")
    bus = buses.connect(settings)
    live = LivePublisher(client)
    owner = f"{GROUP}@{settings.bus}"

    def waiting(reason: str) -> None:
        pulse.at(f"waiting for the {reason}")
        status.report(client, "bridge", "waiting", reason)

    patient_bus = Retry("bus", BusUnavailable, stop, waiting)
    patient_redis = Retry("redis", redis.RedisError, stop, waiting)
    traces = tracing.connect(settings, "bridge")
    subscription: Subscription | None = None
    try:
        with pulse:
            topics = [TRADES, TICKER, *BARS, *INDICATORS, NEWS]
            patient_bus(bus.ensure_topics, topics)
            subscription = bus.subscribe(GROUP, topics, _Positions(live, owner, patient_redis))
            reading = metrics.Reading(TRADES)
            sent, reported = 0, time.monotonic()
            while not stop.is_set():
                pulse.at("reading the bus")
                messages = patient_bus(subscription.poll, 0.5, BATCH)
                reading.took(messages)
                if messages:
                    with traces.follow("bridge", messages) as trace:
                        batches = batch(messages)
                        places = {f"{topic}:{number}": at for (topic, number), at in subscription.positions().items()}
                        pulse.at("publishing to Redis")
                        patient_redis(live.publish, batches, owner, places, trace)
                    sent += sum(map(len, batches.values()))
                    for name, share in batches.items():
                        metrics.MESSAGES_OUT.add(len(share), name.partition("|")[0])
                now = time.monotonic()
                if now - reported >= 1:
                    pulse.at("committing to the bus")
                    # So that the bus may forget what we have passed; reading starts from our own positions.
                    patient_bus(subscription.commit)
                    lag = sum(subscription.lag().values())
                    reading.left(lag)
                    rate = round(sent / (now - reported), 1)
                    status.report(client, "bridge", "running", messages_per_s=rate, lag=lag)
                    sent, reported = 0, now
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

    def __init__(self, live: LivePublisher, owner: str, patient_redis: Retry) -> None:
        self._live = live
        self._owner = owner
        self._patient_redis = patient_redis

    def assigned(self, partition: TopicPartition) -> str | None:
        return self._patient_redis(self._live.positions, self._owner).get(f"{partition.topic}:{partition.partition}")

    def revoked(self, partitions: Sequence[TopicPartition]) -> None:
        """Nothing is held back: positions are stored with every publish."""


def batch(messages: Sequence[Message]) -> dict[str, list[bytes]]:
    """Channel → WebSocket data, in order. What cannot be read is passed over: the writer sends it to the dead letters."""
    out = _trades([message.value for message in messages if message.topic == TRADES])
    for message in messages:
        if message.topic == TRADES:
            continue
        try:
            if message.headers.get("closed") == "false":
                continue
            model = read(message)
        except BadMessage:
            continue
        if isinstance(model, Candle):
            if model.source == "live" or _recent(model.window_start, model.timeframe):
                out.setdefault(channel("candle", model.symbol, model.timeframe), []).append(candle_data(model))
        elif isinstance(model, Indicator):
            if _recent(model.time, model.timeframe):
                out.setdefault(channel("indicator", model.symbol, model.timeframe), []).append(indicator_data(model))
        elif isinstance(model, Article):
            out.setdefault(channel("news"), []).append(news_data(model))
        elif isinstance(model, Ticker):
            out.setdefault(channel("ticker", model.symbol), []).append(ticker_data(model))
    return out


def _trades(values: Sequence[bytes]) -> dict[str, list[bytes]]:
    """By the short way: they are nearly all there is."""
    by_symbol: dict[str, list[bytes]] = {}
    for value, short in zip(values, relayed(values), strict=True):
        if short is None:
            try:
                trade = read_trade(value)
            except BadMessage:
                continue
            short = trade.symbol, trade_data(trade)
        symbol, data = short
        share = by_symbol.get(symbol)
        if share is None:
            share = by_symbol[symbol] = []
        share.append(data)
    return {channel("trade", symbol): share for symbol, share in by_symbol.items()}


def _recent(window_start: int, timeframe: str) -> bool:
    length = TIMEFRAMES[timeframe]
    return now_ms() - (window_start + length) <= _RECENT_WINDOWS * length
