"""Bus to database: every trade, candle, indicator and article, committed there before its offset is committed here.

At-least-once delivery into idempotent upserts: after any death the batch is written again and changes nothing.
"""

import time
from collections.abc import Sequence
from threading import Event
from typing import Final, NamedTuple

import psycopg2

from pipeline import bus as buses
from pipeline import metrics, status, tracing
from pipeline.bus.base import BusUnavailable, Message, Subscription
from pipeline.bus.deadletters import dead_letter
from pipeline.bus.topics import BARS, INDICATORS, NEWS, TRADES
from pipeline.errors import BadMessage
from pipeline.generations import Generations, series
from pipeline.model import Article, Candle, Indicator, Trade
from pipeline.retry import Retry, Stopped
from pipeline.settings import Settings
from pipeline.store.write import Store
from pipeline.trade_messages import rows
from pipeline.wire import read

GROUP: Final = "cryptoviz-writer"
#: A bigger batch is no faster per row and loses more work to a kill; a smaller one pays a commit too often.
_BATCH: Final = 10_000
#: Rows wait at most this long for company: 20 commits a second on a quiet market, and data on disk within a blink.
_LINGER: Final = 0.05


def run(settings: Settings, stop: Event) -> None:
    client = status.connect(settings.redis_url)
    pulse = status.Pulse(client, "writer")
    bus = buses.connect(settings)
    store = Store(settings.database_url)
    generations = Generations(client)

    def waiting(reason: str) -> None:
        pulse.at(f"waiting for the {reason}")
        status.report(client, "writer", "waiting", reason)

    patient_bus = Retry("bus", BusUnavailable, stop, waiting)
    traces = tracing.connect(settings, "writer")
    subscription: Subscription | None = None
    try:
        with pulse:
            topics = [TRADES, *BARS, *INDICATORS, NEWS]
            patient_bus(bus.ensure_topics, topics)
            subscription = bus.subscribe(GROUP, topics)
            reading = metrics.Reading(TRADES)
            metrics.DEAD_LETTERS.add(0)
            written, reported = 0, time.monotonic()
            while not stop.is_set():
                pulse.at("reading the bus")
                messages = patient_bus(subscription.poll, 0.5, _BATCH)
                if 0 < len(messages) < _BATCH // 10:
                    stop.wait(_LINGER)
                    messages += patient_bus(subscription.poll, 0, _BATCH)
                reading.took(messages)
                if messages:
                    with traces.follow("writer", messages):
                        batch = sort(messages)
                        pulse.at("publishing dead letters")
                        for message, error in batch.bad:
                            patient_bus(dead_letter, bus, message, error)
                            metrics.DEAD_LETTERS.add()
                        pulse.at("writing to the database")
                        Retry("database", psycopg2.Error, stop, waiting)(_write, store, batch)
                        metrics.stored(messages)
                        batch.told()
                        generations.changed(series(c.exchange, c.symbol, c.timeframe) for c in batch.candles)
                        pulse.at("committing to the bus")
                        patient_bus(subscription.commit)
                    written += len(messages) - len(batch.bad)
                now = time.monotonic()
                if now - reported >= 1:
                    lag = sum(subscription.lag().values())
                    reading.left(lag)
                    status.report(client, "writer", "running", rows_per_s=round(written / (now - reported), 1), lag=lag)
                    written, reported = 0, now
    except Stopped:
        pass
    finally:
        if subscription is not None:
            subscription.close()
        store.close()
        bus.close()
        status.report(client, "writer", "stopped")
        client.close()


class Batch(NamedTuple):
    """Messages by what they are. `lines`: trades as rows for COPY; `trades`: those that are spelled otherwise. `bad` are those that
    cannot be read, with their errors."""

    lines: list[str]
    trades: list[Trade]
    candles: list[Candle]
    indicators: list[Indicator]
    articles: list[Article]
    bad: list[tuple[Message, BadMessage]]

    def told(self) -> None:
        """To Prometheus: all but the bad ones are stored."""
        metrics.MESSAGES_OUT.add(len(self.lines) + len(self.trades), "trade")
        metrics.MESSAGES_OUT.add(len(self.candles), "candle")
        metrics.MESSAGES_OUT.add(len(self.indicators), "indicator")
        metrics.MESSAGES_OUT.add(len(self.articles), "news")


def sort(messages: Sequence[Message]) -> Batch:
    trades = [message for message in messages if message.topic == TRADES]
    lines, strange = rows([message.value for message in trades])
    batch = Batch(lines, [], [], [], [], [])
    others = [message for message in messages if message.topic != TRADES] if len(trades) < len(messages) else []
    for message in (*map(trades.__getitem__, strange), *others):
        try:
            model = read(message)
        except BadMessage as error:
            # One that was never raised: the frames that this one remembers hold all of the batch, and so itself, until the garbage
            # collector comes by, and there is hardly ever a reason for it to come.
            batch.bad.append((message, BadMessage(*error.args)))
            continue
        if isinstance(model, Trade):
            batch.trades.append(model)
        elif isinstance(model, Candle):
            batch.candles.append(model)
        elif isinstance(model, Indicator):
            batch.indicators.append(model)
        elif isinstance(model, Article):
            batch.articles.append(model)
    return batch


def _write(store: Store, batch: Batch) -> None:
    try:
        store.write(batch.trades, batch.candles, batch.indicators, batch.articles, batch.lines)
    except psycopg2.Error:
        # A connection in an unknown state is not worth saving.
        store.close()
        raise
