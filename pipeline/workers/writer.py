"""Bus to database: every trade and candle, committed there before its offset is committed here.

At-least-once delivery into idempotent upserts: after any death the batch is written again and changes nothing.
"""

import time
from collections.abc import Sequence
from threading import Event
from typing import Final

import psycopg2
import redis
import structlog

from pipeline import bus as buses
from pipeline import status
from pipeline.bus.base import Bus, BusUnavailable, Message, Subscription
from pipeline.bus.deadletters import dead_letter
from pipeline.bus.topics import BARS, TRADES
from pipeline.errors import BadMessage
from pipeline.model import Candle, Trade
from pipeline.retry import Stopped, until_it_works
from pipeline.settings import Settings
from pipeline.store.write import Store
from pipeline.wire import read

GROUP: Final = "cryptoviz-writer"
#: A bigger batch is no faster per row and loses more work to a kill; a smaller one pays a commit too often.
_BATCH: Final = 10_000
#: Rows wait at most this long for company: 20 commits a second on a quiet market, and data on disk within a blink.
_LINGER: Final = 0.05

log = structlog.get_logger()


def run(settings: Settings, stop: Event) -> None:
    client = redis.Redis.from_url(settings.redis_url)
    bus = buses.connect(settings)
    store = Store(settings.database_url)
    writer = _Writer(bus, store, client, stop)
    try:
        until_it_works(lambda: bus.ensure_topics([TRADES, *BARS]), stop=stop, what="bus", errors=(BusUnavailable,), waiting=writer.waiting)
        writer.loop(bus.subscribe(GROUP, [TRADES, *BARS]))
    except Stopped:
        pass
    finally:
        store.close()
        bus.close()
        status.report(client, "writer", "stopped")
        client.close()


class _Writer:
    def __init__(self, bus: Bus, store: Store, client: "redis.Redis[bytes]", stop: Event) -> None:
        self._bus = bus
        self._store = store
        self._client = client
        self._stop = stop
        self._rows = 0
        self._reported = 0.0

    def loop(self, subscription: Subscription) -> None:
        try:
            while not self._stop.is_set():
                messages = until_it_works(
                    lambda: subscription.poll(0.5, _BATCH), stop=self._stop, what="bus", errors=(BusUnavailable,), waiting=self.waiting
                )
                if messages:
                    if len(messages) < _BATCH // 10:
                        self._stop.wait(_LINGER)
                        messages += self._more(subscription)
                    self._write(messages)
                    until_it_works(subscription.commit, stop=self._stop, what="bus", errors=(BusUnavailable,), waiting=self.waiting)
                self._report(subscription)
        finally:
            subscription.close()

    def _more(self, subscription: Subscription) -> list[Message]:
        try:
            return subscription.poll(0, _BATCH)
        except BusUnavailable:
            return []

    def _write(self, messages: Sequence[Message]) -> None:
        trades: list[Trade] = []
        candles: list[Candle] = []
        for message in messages:
            try:
                model = read(message)
            except BadMessage as error:
                until_it_works(
                    lambda m=message, e=error: dead_letter(self._bus, m, e), stop=self._stop, what="bus", errors=(BusUnavailable,), waiting=self.waiting
                )
                continue
            if isinstance(model, Trade):
                trades.append(model)
            elif isinstance(model, Candle):
                candles.append(model)

        def write() -> None:
            try:
                self._store.write(trades, candles)
            except psycopg2.Error:
                # A connection in an unknown state is not worth saving.
                self._store.close()
                raise

        until_it_works(write, stop=self._stop, what="database", errors=(psycopg2.Error,), waiting=self.waiting)
        self._rows += len(trades) + len(candles)

    def waiting(self, reason: str) -> None:
        status.report(self._client, "writer", "waiting", reason)

    def _report(self, subscription: Subscription) -> None:
        now = time.monotonic()
        if now - self._reported >= 1:
            rate = self._rows / (now - self._reported) if self._reported else 0.0
            status.report(self._client, "writer", "running", rows_per_s=round(rate, 1), lag=sum(subscription.lag().values()))
            self._reported, self._rows = now, 0
