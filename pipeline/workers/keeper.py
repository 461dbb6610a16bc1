"""Keeps history whole and true: backfill, at leisure; our candles held against the exchange's; what the collector could not
repair goes into the table `gaps`; and the ledger of quality.

It never stands in the way of the live path: it starts when the collector has filled the charts, asks for a page at a time
with pauses between, takes the smaller share of the exchange's weight, and runs at a low priority (pipeline.cli).
"""

import asyncio
import threading
from contextlib import suppress
from typing import Final

import redis
import structlog

from pipeline import bus as buses
from pipeline import followed, metrics, status
from pipeline.backoff import Backoff
from pipeline.bus.topics import BARS
from pipeline.collecting import gaps as collected
from pipeline.errors import ExchangeUnavailable
from pipeline.exchanges import REPLAY, open_exchange
from pipeline.exchanges.base import Exchange
from pipeline.exchanges.weights import Weights
from pipeline.keeping.backfill import Backfill, default
from pipeline.keeping.ledger import Keeping
from pipeline.keeping.patience import patiently
from pipeline.keeping.reconcile import Reconcile
from pipeline.keeping.upkeep import Upkeep
from pipeline.settings import Settings
from pipeline.store.aggregates import Aggregates
from pipeline.store.checks import Checks
from pipeline.store.gaps import Gaps
from pipeline.store.progress import Progress
from pipeline.store.quality import Ledger
from pipeline.store.session import Session

_log = structlog.get_logger(__name__)

NAME: Final = "keeper"
#: Share of the exchange's request weight: half of what the collector may use.
_SHARE: Final = 0.4
#: Seconds before the first page: by then the collector has its charts' newest candles.
FIRST: Final = 20.0
#: Seconds between two pages: a thousand candles a second are a twentieth of a core for all who read them.
PAUSE: Final = 1.0
#: Seconds between two looks for candles of ours that have closed.
CHECK: Final = 60.0
#: Seconds between two counts of the hour, at least.
COUNT: Final = 30.0
#: Seconds between two looks for what the collector could not repair, and notes taken at a time.
LOOK: Final = 5.0
_NOTES: Final = 100
#: Seconds between two looks for what is old enough to move or to go, and before the first: starting is busy enough.
UPKEEP: Final = 3600.0
_UPKEEP_FIRST: Final = 120.0
#: Seconds between two looks at which symbols are followed.
SYMBOLS: Final = 10.0
#: Seconds until the next look at what is missing, which then is what we made ourselves since.
AGAIN: Final = 3600.0


def run(settings: Settings, stop: threading.Event) -> None:
    """Until `stop` is set. Raises SetupError for an exchange that cannot be."""
    asyncio.run(Keeper(settings).run(stop))


class Keeper:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._redis: redis.Redis = redis.Redis.from_url(
            settings.redis_url, socket_timeout=5.0, socket_connect_timeout=5.0
        )
        self._bus = buses.connect(settings)
        self._session = Session(settings.database_url)
        self._exchange: Exchange | None = None
        self._backfill: Backfill | None = None
        self._reconcile: Reconcile | None = None
        self._trouble = ""
        self._asked: tuple[str, ...] = ()
        self._symbols: list[str] = []
        self._new = asyncio.Event()
        if not settings.exchange.startswith(REPLAY):
            # A replay has neither history nor anybody to ask.
            exchange = open_exchange(settings, Weights(self._redis, settings.binance_rest_url, _SHARE))
            self._exchange = exchange
            self._reconcile = Reconcile(exchange, self._bus, Checks(self._session))
            self._backfill = Backfill(
                exchange, self._bus, Progress(self._session), seen=self._reconcile.seen, pause=PAUSE
            )

    async def run(self, stop: threading.Event) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._reports()),
                    group.create_task(self._note_gaps()),
                    group.create_task(self._keep_up(stop)),
                ]
                if self._exchange is not None and self._backfill is not None and self._reconcile is not None:
                    tasks.append(
                        group.create_task(self._with_exchange(self._exchange, self._backfill, self._reconcile))
                    )
                while not stop.is_set():  # noqa: ASYNC110 - set on another thread
                    await asyncio.sleep(0.05)
                for task in tasks:
                    task.cancel()
        finally:
            if self._exchange is not None:
                with suppress(Exception):
                    await self._exchange.close()
            status.report(self._redis, NAME, "stopped")
            self._session.close()
            self._bus.close()
            self._redis.close()

    async def _with_exchange(self, exchange: Exchange, backfill: Backfill, reconcile: Reconcile) -> None:
        await patiently(self._say, self._bus.ensure_topics, BARS)
        await asyncio.sleep(FIRST)
        await self._traded(exchange)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_for_symbols(exchange))
            group.create_task(self._fill(backfill))
            group.create_task(self._check(reconcile))
            aggregates = Aggregates(self._settings.database_url)
            keeping = Keeping(Ledger(self._session), self._redis, exchange.label, aggregates.refresh)
            group.create_task(self._count(keeping))

    async def _look_for_symbols(self, exchange: Exchange) -> None:
        """The collector may follow others from now on."""
        while True:
            await asyncio.sleep(SYMBOLS)
            if await asyncio.to_thread(self._followed) != self._asked:
                await self._traded(exchange)
                self._new.set()

    async def _count(self, keeping: Keeping) -> None:
        while True:
            pause = await patiently(self._say, keeping.look, self._symbols)
            await asyncio.sleep(max(COUNT, pause))

    async def _check(self, reconcile: Reconcile) -> None:
        while True:
            await reconcile.look(self._symbols)
            await asyncio.sleep(CHECK)

    async def _fill(self, backfill: Backfill) -> None:
        while True:
            self._new.clear()
            await backfill.plan(default(self._symbols, self._settings.backfill_days))
            counts = await backfill.run()
            if counts.windows:
                _log.info("history filled", candles=counts.candles, left=counts.failed)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._new.wait(), AGAIN)

    async def _keep_up(self, stop: threading.Event) -> None:
        upkeep = Upkeep(self._settings)
        await asyncio.sleep(_UPKEEP_FIRST)
        while True:
            await patiently(self._say, upkeep.look, stop.is_set)
            await asyncio.sleep(UPKEEP)

    async def _note_gaps(self) -> None:
        gaps = Gaps(self._session)
        while True:
            notes = await patiently(self._say, collected.noted, self._redis, _NOTES)
            if notes:
                await patiently(self._say, gaps.add, notes)
                await patiently(self._say, collected.taken, self._redis, len(notes))
            else:
                await asyncio.sleep(LOOK)

    def _followed(self) -> tuple[str, ...]:
        return followed.read(self._redis, self._settings).symbols

    async def _traded(self, exchange: Exchange) -> None:
        """Take the followed symbols that the exchange knows; of others the collector complains."""
        backoff = Backoff()
        self._asked = await asyncio.to_thread(self._followed)
        while True:
            try:
                known = await exchange.markets(self._asked)
            except ExchangeUnavailable as error:
                self._say(str(error))
                await asyncio.sleep(backoff.next(error.retry_after))
            else:
                self._say("")
                self._symbols = [symbol for symbol in self._asked if symbol in known]
                return

    async def _reports(self) -> None:
        while True:
            trouble, facts = self._trouble, {}
            if self._backfill is not None and self._reconcile is not None:
                counts = self._backfill.counts
                trouble = trouble or self._backfill.trouble or self._reconcile.trouble
                if self._exchange is not None:
                    metrics.CHECKED.reached(self._reconcile.checked, self._exchange.label)
                    metrics.MISMATCHED.reached(self._reconcile.mismatched, self._exchange.label)
                    left = max(0, counts.windows - counts.done - counts.failed)
                    metrics.BACKFILL_LEFT.set(left, self._exchange.label)
                facts = {
                    "backfill_windows": counts.windows, "backfill_done": counts.done, "backfill_failed": counts.failed,
                    "candles_checked": self._reconcile.checked, "candles_mismatched": self._reconcile.mismatched,
                }  # fmt: skip
            await asyncio.to_thread(
                status.report, self._redis, NAME, "waiting" if trouble else "running", trouble, **facts
            )
            await asyncio.sleep(1.0)

    def _say(self, trouble: str) -> None:
        self._trouble = trouble
