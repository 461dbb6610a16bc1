"""Trades on the bus to candles on the bus; forming ones straight to the live bridge.

The state of a partition (pipeline.candles.State of each of its symbols) is saved in the database together with the position of
the last trade in it, after the candles made from those trades are on the bus. A restart loads both and reads on from there:
the candles of the trades between are made once more, the same to the digit, and the store takes them as what they are, repeats.
"""

import time
from collections.abc import Sequence
from threading import Event
from typing import Final

import msgspec
import psycopg2
import redis
import structlog

from pipeline import bus as buses
from pipeline import metrics, status, tracing
from pipeline.bus.base import BusUnavailable, Message, Record, Subscription, TopicPartition
from pipeline.bus.topics import BARS, TICKER, TRADES, bars
from pipeline.candles import Series, State
from pipeline.errors import BadMessage
from pipeline.live import LivePublisher, channel
from pipeline.live_messages import candle_data
from pipeline.model import Candle, Ticker, Trade
from pipeline.retry import Retry, Stopped
from pipeline.settings import Settings
from pipeline.store.write import Store
from pipeline.wire import bar_record, read, read_trades

GROUP: Final = "cryptoviz-candles"
#: After a kill this much is read again: a second's trades are made into candles in a few milliseconds per thousand.
_SAVE_EVERY: Final = 1.0
#: CONTRACT §3: forming candles at most 4 times a second.
_FORMING_EVERY: Final = 0.25

log = structlog.get_logger()
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[State]).decode


class Fenced(Exception):
    """Another process saved this partition's state: it owns the partition now, and our view of it is old."""


def run(settings: Settings, stop: Event) -> None:
    client = status.connect(settings.redis_url)
    pulse = status.Pulse(client, "candles")
    bus = buses.connect(settings)
    store = Store(settings.database_url)

    def waiting(reason: str) -> None:
        pulse.at(f"waiting for the {reason}")
        status.report(client, "candles", "waiting", reason)

    patient_bus = Retry("bus", BusUnavailable, stop, waiting)
    patient_store = Retry("database", psycopg2.Error, stop, waiting)
    maker = _Maker(f"candles@{settings.bus}", store, patient_store, LivePublisher(client))
    traces = tracing.connect(settings, "candles")
    subscription: Subscription | None = None
    try:
        with pulse:
            patient_bus(bus.ensure_topics, [TRADES, TICKER, *BARS])
            subscription = bus.subscribe(GROUP, [TRADES, TICKER, *BARS], maker)
            reading = metrics.Reading(TRADES)
            metrics.MESSAGES_OUT.add(0, "candle")
            made, reported = 0, 0.0
            while not stop.is_set():
                pulse.at("reading the bus")
                messages = patient_bus(subscription.poll, 0.1, 10_000)
                reading.took(messages)
                with traces.follow("candles", messages) as trace:
                    maker.take(messages)
                    pulse.at("publishing candles")
                    for topic, records in maker.closed().items():
                        made += len(records)
                        patient_bus(bus.publish, topic, tracing.marked(records, trace))
                        metrics.MESSAGES_OUT.add(len(records), "candle")
                maker.show_forming()
                pulse.at("saving its state to the database")
                maker.save(subscription)
                if time.monotonic() - reported >= 1:
                    lag = sum(subscription.lag().values())
                    counts = maker.counts()
                    reading.left(lag)
                    metrics.SERIES.set(counts["series"])
                    metrics.TOO_LATE.set(counts["too_late"])
                    status.report(client, "candles", "running", "", made=made, lag=lag, **counts)
                    reported = time.monotonic()
            maker.save(subscription, now=True)
    except Stopped:
        maker.forget()
    except BaseException:
        maker.forget()
        raise
    finally:
        if subscription is not None:
            subscription.close()
        store.close()
        bus.close()
        status.report(client, "candles", "stopped")
        client.close()


class _Maker:
    """The series of the partitions we own, and their durable state. A `Listener` of the subscription."""

    def __init__(self, worker: str, store: Store, patient_store: Retry, live: LivePublisher) -> None:
        self._worker = worker
        self._store = store
        self._patient_store = patient_store
        self._live = live
        self._series: dict[int, dict[tuple[str, str], Series]] = {}
        self._saved: dict[int, str | None] = {}  # partition → position of the state in the database
        self._position: dict[int, str] = {}  # partition → position of what `_series` has seen and given out
        self._touched: set[tuple[int, str, str]] = set()
        self._save_at = 0.0
        self._show_at = 0.0

    # -- ownership ---------------------------------------------------------------------------------------------------

    def assigned(self, partition: TopicPartition) -> str | None:
        if partition.topic != TRADES:
            return None
        number = partition.partition
        row = self._patient_store(self._store.load_state, self._worker, number)
        self._series[number] = {}
        self._position.pop(number, None)
        self._saved[number] = None
        if row is None:
            return None
        position, blob = row
        self._series[number] = {(s.exchange, s.symbol): Series.restore(s) for s in _decode(blob)}
        self._saved[number] = position
        return position

    def revoked(self, partitions: Sequence[TopicPartition]) -> None:
        for partition in partitions:
            if partition.topic == TRADES:
                self._save_partition(partition.partition)
                self._series.pop(partition.partition, None)

    # -- work --------------------------------------------------------------------------------------------------------

    def take(self, messages: Sequence[Message]) -> None:
        """Feed the series. What cannot be read is passed over: the writer sends it to the dead letters."""
        # All at once: they are nearly all there is.
        trades = iter(read_trades([message.value for message in messages if message.topic == TRADES]))
        waiting: dict[tuple[int, str, str], list[Trade]] = {}
        for message in messages:
            trade = next(trades) if message.topic == TRADES else None
            owned = self._series.get(message.partition)
            if owned is None:
                continue
            if trade is not None:
                key = message.partition, trade.exchange, trade.symbol
                share = waiting.get(key)
                if share is None:
                    share = waiting[key] = []
                share.append(trade)
            elif message.topic == TICKER or (message.topic != TRADES and message.headers.get("closed") == "false"):
                # Of bars only the exchange's open ones matter here; the rest, our own among them, is passed over unread. What they
                # say is of the trades before them.
                self._add(waiting)
                self._learn(owned, message)
        self._add(waiting)

    def _add(self, waiting: dict[tuple[int, str, str], list[Trade]]) -> None:
        """Feed them to their series, and forget them."""
        for (number, exchange, symbol), trades in waiting.items():
            owned = self._series[number]
            series = owned.get((exchange, symbol))
            if series is None:
                series = owned[exchange, symbol] = Series(exchange, symbol)
            if series.extend(trades):
                self._touched.add((number, exchange, symbol))
        waiting.clear()

    @staticmethod
    def _learn(owned: dict[tuple[str, str], Series], message: Message) -> None:
        try:
            model = read(message)
        except BadMessage:
            return
        if isinstance(model, Ticker):
            if series := owned.get((model.exchange, model.symbol)):
                series.tick(model.ts, model.last_trade_id)
        elif (
            isinstance(model, Candle)
            and model.source == "historical"
            and (series := owned.get((model.exchange, model.symbol)))
        ):
            series.seed(model)

    def closed(self) -> dict[str, list[Record]]:
        """Topic → what closed since the last call."""
        out: dict[str, list[Record]] = {}
        for owned in self._series.values():
            for series in owned.values():
                for candle in series.closed():
                    out.setdefault(bars(candle.timeframe), []).append(bar_record(candle))
        return out

    def show_forming(self) -> None:
        now = time.monotonic()
        if not self._touched or now < self._show_at:
            return
        self._show_at = now + _FORMING_EVERY
        shown: dict[str, bytes] = {}
        for number, exchange, symbol in self._touched:
            series = self._series.get(number, {}).get((exchange, symbol))
            for candle in series.forming() if series is not None else ():
                shown[channel("candle", symbol, candle.timeframe)] = candle_data(candle)
        self._touched.clear()
        try:
            self._live.forming(shown)
        except redis.RedisError as error:
            # The next one replaces it anyway; closed candles travel on the bus.
            log.warning("forming candles not shown", error=str(error))

    # -- state -------------------------------------------------------------------------------------------------------

    def save(self, subscription: Subscription, now: bool = False) -> None:
        """Note what was done up to the subscription's positions, and make it durable about once a second."""
        for (topic, number), position in subscription.positions().items():
            if topic == TRADES and number in self._series:
                self._position[number] = position
        if not now and time.monotonic() < self._save_at:
            return
        self._save_at = time.monotonic() + _SAVE_EVERY
        for number in list(self._series):
            self._save_partition(number)
        try:
            # Only bookkeeping here: tickers and seeds start from it, and the bus may forget what lies before it.
            subscription.commit()
        except BusUnavailable as error:
            log.warning("positions not committed", error=str(error))

    def _save_partition(self, number: int) -> None:
        position = self._position.get(number)
        before = self._saved.get(number)
        if position is None or position == before:
            return
        blob = _encode([series.save() for series in self._series[number].values()])
        if not self._patient_store(self._store.save_state, self._worker, number, before, position, blob):
            raise Fenced(f"partition {number}: its state is no longer the one saved at {before}")
        self._saved[number] = position

    def forget(self) -> None:
        """Save nothing from here on. For an end in the middle of a batch: what was taken from the series may not be on the bus, and a
        state that says it was given out would lose it. What was saved last is read on from."""
        self._position.clear()
        self._series.clear()

    def counts(self) -> dict[str, int]:
        every = [series for owned in self._series.values() for series in owned.values()]
        return {
            "series": len(every),
            "duplicates": sum(s.duplicates for s in every),
            "too_late": sum(s.too_late for s in every),
        }
