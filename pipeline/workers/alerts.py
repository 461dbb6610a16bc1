"""What happens on the bus against what somebody wants to be told of; firings to the database, then to the live bridge.

The last prices that crossings are measured from are saved with the positions of the topics and with the firings in one transaction.
A restart loads them and reads on from there: what fired since fires for the same events again, which the table takes as what they are,
repeats. What was stored and not told, because of a kill between the two, is told at the start. Its number is published together with
the message (pipeline.live), so that nothing is told twice.
"""

import time
from collections.abc import Sequence
from decimal import Decimal
from threading import Event
from typing import Final

import msgspec
import psycopg2
import redis
import structlog

from pipeline import bus as buses
from pipeline import metrics, status, tracing
from pipeline.alerting.changes import generation
from pipeline.alerting.desk import Desk
from pipeline.alerting.market import Saved
from pipeline.alerting.rules import Firing
from pipeline.bus.base import BusUnavailable, Message, Subscription, TopicPartition
from pipeline.bus.topics import BARS, INDICATORS, NEWS, TRADES
from pipeline.clock import now_ms
from pipeline.exchanges import REPLAY
from pipeline.live import LivePublisher, channel
from pipeline.retry import Retry, Stopped
from pipeline.settings import Settings
from pipeline.store.alerts import Alerts, Told
from pipeline.store.before import Before
from pipeline.store.session import Session, ms
from pipeline.store.state import load_state, save_state
from pipeline.wire import number
from pipeline.workers.candles import Fenced

GROUP: Final = "cryptoviz-alerts"
#: Seconds. After a kill this much is read again.
_SAVE_EVERY: Final = 1.0
#: Seconds after which the rules are read again though nobody said that they changed: their time may be over, and a word may be lost.
_LOOK: Final = 10.0
#: Seconds after which what was not told is history.
_TELL: Final = 600

log = structlog.get_logger()
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Saved]).decode
_encode_positions = msgspec.json.Encoder(order="sorted").encode
_decode_positions = msgspec.json.Decoder(dict[str, str]).decode


def run(settings: Settings, stop: Event) -> None:
    client = status.connect(settings.redis_url)
    pulse = status.Pulse(client, "alerts")
    bus = buses.connect(settings)
    session = Session(settings.database_url)

    def waiting(reason: str) -> None:
        pulse.at(f"waiting for the {reason}")
        status.report(client, "alerts", "waiting", reason)

    patient_bus = Retry("bus", BusUnavailable, stop, waiting)
    patient_store = Retry("database", psycopg2.Error, stop, waiting)
    watch = _Watch(settings, session, client, patient_store, Retry("redis", redis.RedisError, stop, waiting))
    traces = tracing.connect(settings, "alerts")
    subscription: Subscription | None = None
    try:
        with pulse:
            topics = [TRADES, *BARS, *INDICATORS, NEWS]
            patient_bus(bus.ensure_topics, topics)
            subscription = bus.subscribe(GROUP, topics, watch)
            reading = metrics.Reading(TRADES)
            metrics.MESSAGES_OUT.add(0, "alert")
            reported = 0.0
            while not stop.is_set():
                pulse.at("reading the rules")
                watch.look()
                pulse.at("reading the bus")
                messages = patient_bus(subscription.poll, 0.2, 10_000)
                reading.took(messages)
                pulse.at("storing and telling")
                with traces.follow("alerts", messages):
                    watch.take(messages, subscription)
                if time.monotonic() - reported >= 1:
                    lag = sum(subscription.lag().values())
                    reading.left(lag)
                    status.report(client, "alerts", "running", "", rules=watch.rules, fired=watch.fired, lag=lag)
                    reported = time.monotonic()
            watch.save(subscription, [])
    except Stopped:
        pass
    finally:
        if subscription is not None:
            subscription.close()
        session.close()
        bus.close()
        status.report(client, "alerts", "stopped")
        client.close()


class _Watch:
    """The desk over its durable state. A `Listener` of the subscription."""

    def __init__(
        self, settings: Settings, session: Session, client: redis.Redis, patient_store: Retry, patient_redis: Retry
    ) -> None:
        self._worker = f"alerts@{settings.bus}"
        self._desk = Desk(Before(session, patient_store), live=not settings.exchange.startswith(REPLAY))
        self._session = session
        self._client = client
        self._table = Alerts(session)
        self._live = LivePublisher(client)
        self._patient_store = patient_store
        self._patient_redis = patient_redis
        self._saved: dict[int, str | None] = {}  # partition → positions of the state in the database
        self._position: dict[int, str] = {}  # partition → positions of what the desk has seen
        self._generation = -1
        self._look_at = self._save_at = 0.0
        self.rules = self.fired = 0

    # -- rules -------------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Know the rules as they are now."""
        newest = self._patient_redis(generation, self._client)
        if newest == self._generation and time.monotonic() < self._look_at:
            return
        rules = self._patient_store(self._table.rules)
        self._desk.know(rules)
        self._generation, self.rules = newest, len(rules)
        self._look_at = time.monotonic() + _LOOK

    # -- ownership ---------------------------------------------------------------------------------------------------

    def assigned(self, partition: TopicPartition) -> str | None:
        place = partition.partition
        if place not in self._saved:
            self._load(place)
        saved = self._saved[place]
        return _decode_positions(saved).get(partition.topic) if saved is not None else None

    def _load(self, place: int) -> None:
        row = self._patient_store(self._read, place)
        self._position.pop(place, None)
        self._saved[place], blob = row or (None, b"")
        try:
            markets = _decode(blob) if blob else []
        except msgspec.MsgspecError as error:
            # Of another version: prices are known again with the next trade.
            log.warning("state left aside", partition=place, error=str(error))
            markets = []
        self._desk.own(place, markets)
        last = int(self._patient_redis(self._live.positions, self._owner(place)).get("told", "0"))
        self._tell(self._patient_store(self._table.untold, place, last, _TELL), place)

    def _read(self, place: int) -> tuple[str, bytes] | None:
        with self._session.transaction() as cursor:
            return load_state(cursor, self._worker, place)

    def revoked(self, partitions: Sequence[TopicPartition]) -> None:
        # A partition number is one owner's on every topic, so the first of its topics to go takes the markets along.
        # Nothing is held back: whoever has it next reads the last second again.
        for place in {partition.partition for partition in partitions} & self._saved.keys():
            self._desk.disown(place)
            del self._saved[place]

    # -- work --------------------------------------------------------------------------------------------------------

    def take(self, messages: Sequence[Message], subscription: Subscription) -> None:
        firings = self._desk.take(messages, now_ms())
        if firings or time.monotonic() >= self._save_at:
            self.save(subscription, firings)
            self._save_at = time.monotonic() + _SAVE_EVERY

    def save(self, subscription: Subscription, firings: Sequence[Firing]) -> None:
        """Make what was done up to the subscription's positions durable, tell it, and only then let the bus forget it."""
        positions: dict[int, dict[str, str]] = {}
        for (topic, place), position in subscription.positions().items():
            positions.setdefault(place, {})[topic] = position
        self._position = {n: _encode_positions(at).decode() for n, at in positions.items() if n in self._saved}
        for place in list(self._saved):
            told = self._store(place, [one for one in firings if one.partition == place])
            self.fired += len(told)
            metrics.MESSAGES_OUT.add(len(told), "alert")
            self._tell(told, place)
        try:
            subscription.commit()
        except BusUnavailable as error:
            log.warning("positions not committed", error=str(error))

    def _store(self, place: int, firings: Sequence[Firing]) -> list[Told]:
        position, before = self._position.get(place), self._saved.get(place)
        if position is None or position == before:
            return []
        told = self._patient_store(self._write, place, before, position, firings)
        self._saved[place] = position
        return told

    def _write(self, place: int, before: str | None, position: str, firings: Sequence[Firing]) -> list[Told]:
        with self._session.transaction() as cursor:
            told = self._table.fire(cursor, firings)
            if not save_state(cursor, self._worker, place, before, position, _encode(self._desk.save(place))):
                raise Fenced(f"partition {place}: its state is no longer the one saved at {before}")
            return told

    def _owner(self, place: int) -> str:
        return f"{self._worker}:{place}"

    def _tell(self, told: Sequence[Told], place: int) -> None:
        if not told:
            return
        batches: dict[str, list[bytes]] = {}
        for one in told:
            batches.setdefault(channel("alert", one.row.symbol, str(one.user_id or 0)), []).append(alert_data(one))
        newest = str(max(one.row.id for one in told))
        self._patient_redis(self._live.publish, batches, self._owner(place), {"told": newest})


def alert_data(told: Told) -> bytes:
    """The `data` of the WebSocket message. Times in ms, figures as JSON numbers."""
    row, asked = told.row, msgspec.to_builtins(told.row.alert, builtin_types=(Decimal,))
    asked["value"] = msgspec.Raw(number(asked["value"]).encode())
    asked["expires_at"] = ms(row.alert.expires_at) if row.alert.expires_at else None
    return msgspec.json.encode(
        {
            "type": "alert", "id": row.id, "alert_id": row.alert_id, "symbol": row.symbol, "time": ms(row.time),
            "value": msgspec.Raw(number(row.value).encode()), "alert": asked, "article": row.article,
        }
    )  # fmt: skip
