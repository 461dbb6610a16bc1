"""Closed candles on the bus to indicators on the bus; for forming candles straight to the live bridge.

A series is made when its first candle comes, from the history that the database has of it. Its state is saved with the positions
of the candle topics, after what was computed from them is on the bus. A restart loads both and computes the bars between once
more: the same figures to the digit, which the store takes as what they are, repeats. So on-balance volume goes on at its level and
the day's VWAP from its midnight, however often we start.
"""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from threading import Event
from typing import Final

import msgspec
import psycopg2
import redis
import structlog
from sqlalchemy.exc import SQLAlchemyError

from pipeline import bus as buses
from pipeline import metrics, status, tracing
from pipeline.bus.base import BusUnavailable, Message, Record, Subscription, TopicPartition
from pipeline.bus.topics import BARS, INDICATORS, bars, indicators
from pipeline.clock import now_ms
from pipeline.errors import BadMessage
from pipeline.indicators.forming import Forming
from pipeline.indicators.series import Saved, Series
from pipeline.model import Candle, Indicator
from pipeline.retry import Retry, Stopped
from pipeline.settings import Settings
from pipeline.store.engine import engine
from pipeline.store.read import Reader
from pipeline.store.rows import CandleRow
from pipeline.store.write import Store
from pipeline.timeframes import TIMEFRAMES
from pipeline.wire import indicator_record, read
from pipeline.workers.candles import Fenced

GROUP: Final = "cryptoviz-indicators"
#: Seconds. What a kill loses is computed again in milliseconds; the state of a thousand series is tens of megabytes.
_SAVE_EVERY: Final = 20.0
#: Windows of history whose figures are stored when a series begins. Older ones REST computes when asked: storing 500 bars x 20
#: indicators x 7 timeframes of every symbol would keep a small machine busy for its first minute.
_HISTORY: Final = 50
#: Bars of history a series starts from. Wilder's averages forget their start to 1e-16 in 500 bars; 1m reaches back a day, for VWAP.
_WARM: Final = {"1m": 1441}
_WARM_BARS: Final = 500

log = structlog.get_logger()
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Saved]).decode
_encode_positions = msgspec.json.Encoder(order="sorted").encode
_decode_positions = msgspec.json.Decoder(dict[str, str]).decode


def run(settings: Settings, stop: Event) -> None:
    client = redis.Redis.from_url(settings.redis_url)
    bus = buses.connect(settings)
    store, reader = Store(settings.database_url), Reader(engine(settings.database_url, pool_size=1))

    def waiting(reason: str) -> None:
        status.report(client, "indicators", "waiting", reason)

    patient_bus = Retry("bus", BusUnavailable, stop, waiting)
    patient_store = Retry("database", psycopg2.Error, stop, waiting)
    patient_reader = Retry("database", SQLAlchemyError, stop, waiting)
    maker = _Maker(f"indicators@{settings.bus}", store, patient_store, reader, patient_reader)
    forming = Forming(client)
    traces = tracing.connect(settings, "indicators")
    subscription: Subscription | None = None
    try:
        patient_bus(bus.ensure_topics, [*BARS, *INDICATORS])
        subscription = bus.subscribe(GROUP, BARS, maker)
        # Of 5s candles none is history that an exchange handed over.
        reading = metrics.Reading(bars("5s"))
        metrics.MESSAGES_OUT.add(0, "indicator")
        made, reported = 0, 0.0
        while not stop.is_set():
            messages = patient_bus(subscription.poll, 0.1, 5_000)
            reading.took(messages)
            with traces.follow("indicators", messages) as trace:
                for topic, records in maker.take(messages).items():
                    made += len(records)
                    patient_bus(bus.publish, topic, tracing.marked(records, trace))
                    metrics.MESSAGES_OUT.add(len(records), "indicator")
            forming.show(maker.series)
            maker.save(subscription)
            if time.monotonic() - reported >= 1:
                lag = sum(subscription.lag().values())
                counts = maker.counts()
                reading.left(lag)
                metrics.SERIES.set(counts["series"])
                metrics.TOO_LATE.set(counts["too_late"])
                status.report(client, "indicators", "running", "", made=made, lag=lag, **counts)
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
        forming.close()
        reader.close()
        store.close()
        bus.close()
        status.report(client, "indicators", "stopped")
        client.close()


class _Maker:
    """The series of the partitions we own, and their durable state. A `Listener` of the subscription."""

    def __init__(self, worker: str, store: Store, patient_store: Retry, reader: Reader, patient_reader: Retry) -> None:
        self._worker = worker
        self._store = store
        self._patient_store = patient_store
        self._reader = reader
        self._patient_reader = patient_reader
        self._owned: dict[int, dict[tuple[str, str, str], Series]] = {}
        self._saved: dict[int, str | None] = {}  # partition → positions of the state in the database
        self._position: dict[int, str] = {}  # partition → positions of what the series have seen and given out
        self._save_at = time.monotonic() + _SAVE_EVERY

    # -- ownership ---------------------------------------------------------------------------------------------------

    def assigned(self, partition: TopicPartition) -> str | None:
        number = partition.partition
        if number not in self._owned:
            self._load(number)
        saved = self._saved[number]
        return _decode_positions(saved).get(partition.topic) if saved is not None else None

    def _load(self, number: int) -> None:
        row = self._patient_store(self._store.load_state, self._worker, number)
        self._owned[number] = {}
        self._position.pop(number, None)
        self._saved[number] = None
        if row is None:
            return
        self._saved[number], blob = row
        try:
            every = [Series.load(saved) for saved in _decode(blob)]
        except msgspec.MsgspecError as error:
            # Of another version: read on from there, with the database for a memory.
            log.warning("state left aside", partition=number, error=str(error))
            return
        self._owned[number] = {(s.exchange, s.symbol, s.timeframe): s for s in every}

    def revoked(self, partitions: Sequence[TopicPartition]) -> None:
        # A partition number is one owner's on every topic, so the first of its topics to go takes the series along.
        for number in {partition.partition for partition in partitions} & self._owned.keys():
            self._save_partition(number)
            del self._owned[number]

    # -- work --------------------------------------------------------------------------------------------------------

    def series(self, exchange: str, symbol: str, timeframe: str) -> Series | None:
        key = (exchange, symbol, timeframe)
        return next((owned[key] for owned in self._owned.values() if key in owned), None)

    def take(self, messages: Iterable[Message]) -> dict[str, list[Record]]:
        """Topic → indicators of the bars that these messages closed or mended. What cannot be read is the writer's business."""
        batches: dict[tuple[int, str, str, str], list[Candle]] = {}
        for message in messages:
            if message.headers.get("closed") == "false" or message.partition not in self._owned:
                continue
            try:
                model = read(message)
            except BadMessage:
                continue
            if isinstance(model, Candle) and model.closed:
                batches.setdefault((message.partition, model.exchange, model.symbol, model.timeframe), []).append(model)
        out: dict[str, list[Record]] = {}
        for (number, *key), candles in batches.items():
            series = self._owned[number].get((key[0], key[1], key[2]))
            if series is None:
                series = self._begin(key[0], key[1], key[2], min(candle.window_start for candle in candles))
                self._owned[number][key[0], key[1], key[2]] = series
            for record, type_ in _compute(series, candles):
                out.setdefault(indicators(type_), []).append(record)
        return out

    def _begin(self, exchange: str, symbol: str, timeframe: str, before: int) -> Series:
        """A new series, with what the database knows from before `before` (ms)."""
        series = Series(exchange, symbol, timeframe)
        rows = self._patient_reader(
            self._reader.candles, exchange, symbol, timeframe, limit=_WARM.get(timeframe, _WARM_BARS), ascending=False,
            end=datetime.fromtimestamp((before - 1) / 1000, UTC),
        )  # fmt: skip
        series.take(_candle(row) for row in rows if row.closed)
        series.read_until = series.last
        return series

    # -- state -------------------------------------------------------------------------------------------------------

    def save(self, subscription: Subscription, now: bool = False) -> None:
        """Note what was done up to the subscription's positions, and make it durable from time to time."""
        positions: dict[int, dict[str, str]] = {}
        for (topic, number), position in subscription.positions().items():
            positions.setdefault(number, {})[topic] = position
        self._position = {n: _encode_positions(at).decode() for n, at in positions.items() if n in self._owned}
        if not now and time.monotonic() < self._save_at:
            return
        self._save_at = time.monotonic() + _SAVE_EVERY
        for number in list(self._owned):
            self._save_partition(number)
        try:
            # Only so that the bus may forget what lies before; reading starts from our own positions.
            subscription.commit()
        except BusUnavailable as error:
            log.warning("positions not committed", error=str(error))

    def _save_partition(self, number: int) -> None:
        position, before = self._position.get(number), self._saved.get(number)
        if position is None or position == before:
            return
        blob = _encode([series.save() for series in self._owned[number].values()])
        if not self._patient_store(self._store.save_state, self._worker, number, before, position, blob):
            raise Fenced(f"partition {number}: its state is no longer the one saved at {before}")
        self._saved[number] = position

    def forget(self) -> None:
        """Save nothing from here on. For an end in the middle of a batch: what was taken from the series may not be on the bus, and a
        state that says it was given out would lose it. What was saved last is read on from."""
        self._position.clear()
        self._owned.clear()

    def counts(self) -> dict[str, int]:
        every = [series for owned in self._owned.values() for series in owned.values()]
        return {"series": len(every), "too_late": sum(s.too_late for s in every)}


def _compute(series: Series, candles: Sequence[Candle]) -> Iterable[tuple[Record, str]]:
    """What the candles change, from the bar on that the series is stored from."""
    results = series.take(candles)
    if not results:
        return
    since = series.since
    recent = now_ms() - (_HISTORY + 1) * TIMEFRAMES[series.timeframe]
    starts = [c.window_start for c in candles if c.source == "live"]
    starts += [at for at, _ in results if at >= recent]
    if starts:
        since = min(starts) if since is None else min(since, *starts)
    series.since = since
    if since is None:
        return
    for at, every in results:
        if at < since:
            continue
        for type_, figures in every.items():
            yield (
                indicator_record(
                    Indicator(at, series.symbol, series.timeframe, type_, series.exchange, **figures),
                ),
                type_,
            )


def _candle(row: CandleRow) -> Candle:
    def ms(at: datetime) -> int:
        return round(at.timestamp() * 1000)

    return Candle(
        row.exchange, row.symbol, row.timeframe, ms(row.window_start), ms(row.window_end), row.open, row.high, row.low,
        row.close, row.volume, row.trade_count, row.closed, complete=row.complete,
        source="historical" if row.source == "historical" else "live",
    )  # fmt: skip
