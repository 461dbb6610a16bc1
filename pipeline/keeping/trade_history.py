"""Single trades of the past, on request: what the exchange has by id and the table has not, newest first.

They go straight into the table, not over the bus: nobody who listens wants yesterday's trades as news, and the candles of that time
are the exchange's own. Nothing is noted of how far it came: what is missing is what the table does not have.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec
import structlog

from pipeline.backoff import Backoff
from pipeline.errors import ExchangeUnavailable, SetupError
from pipeline.exchanges.base import Exchange
from pipeline.keeping.patience import patiently
from pipeline.model import Trade
from pipeline.store.session import Session, at
from pipeline.store.write import Store

_log = structlog.get_logger(__name__)

#: Trades a call gives at most.
PAGE: Final = 1000
#: Refusals in a row, without a pause that was asked for, after which a symbol is left to the next run.
ATTEMPTS: Final = 12

_HOLES: Final = """
SELECT before + 1, id - 1 FROM (
    SELECT id, lag(id) OVER (ORDER BY id) AS before
    FROM (SELECT trade_id::bigint AS id FROM trades WHERE exchange = %s AND symbol = %s AND event_ts >= %s) AS stored
) AS pairs WHERE id > before + 1 ORDER BY id DESC
"""
_OLDEST: Final = "SELECT min(trade_id::bigint) FROM trades WHERE exchange = %s AND symbol = %s AND event_ts >= %s"


class Fetched(msgspec.Struct):
    """`oldest` (ms): how far back it has come with the symbol that is worked on. `failed`: symbols left to the next run."""

    trades: int = 0
    oldest: int = 0
    failed: int = 0


class TradeHistory:
    """Raises SetupError where there is nothing to begin from; `said` hears what holds it up."""

    def __init__(self, exchange: Exchange, session: Session, store: Store, said: Callable[[str], None]) -> None:
        if not exchange.repairs:
            raise SetupError(f"{exchange.label} does not give old trades by id; its candles can be fetched.")
        self._exchange = exchange
        self._session = session
        self._store = store
        self._say = said
        self.fetched = Fetched()

    async def fill(self, symbol: str, since: int) -> None:
        """Every trade of `symbol` from `since` (ms) up to the newest stored one."""
        oldest = await patiently(self._say, self._ask_oldest, symbol, since)
        if oldest is None:
            raise SetupError(
                f"No trade of {symbol} is stored since then: run the collector first, history joins on to it."
            )
        holes = await patiently(self._say, self._ask_holes, symbol, since)
        for first, last in holes:
            if not await self._walk(symbol, last, first, 0):
                return
        await self._walk(symbol, oldest - 1, 0, since)

    def _ask_oldest(self, symbol: str, since: int) -> int | None:
        with self._session.transaction() as cursor:
            cursor.execute(_OLDEST, (self._exchange.label, symbol, at(since)))
            row = cursor.fetchone()
        return None if row is None or row[0] is None else int(row[0])

    def _ask_holes(self, symbol: str, since: int) -> list[tuple[int, int]]:
        with self._session.transaction() as cursor:
            cursor.execute(_HOLES, (self._exchange.label, symbol, at(since)))
            return [(int(first), int(last)) for first, last in cursor.fetchall()]

    async def _walk(self, symbol: str, last: int, first: int, since: int) -> bool:
        """Ids from `last` down to `first`, or to the first trade before `since`. False when the exchange refuses."""
        while last >= max(first, 1):
            start = max(first, last - PAGE + 1, 1)
            page = await self._page(symbol, start, last)
            if page is None:
                self.fetched.failed += 1
                return False
            wanted = [trade for trade in page if trade.ts >= since]
            if wanted:
                await patiently(self._say, self._store.write, wanted, [])
                self.fetched.trades += len(wanted)
                self.fetched.oldest = wanted[0].ts
            if len(wanted) < len(page) or not page:
                # Older than asked for, or than the exchange keeps.
                return True
            last = start - 1
        return True

    async def _page(self, symbol: str, first: int, last: int) -> list[Trade] | None:
        backoff, failed = Backoff(), 0
        while failed < ATTEMPTS:
            try:
                found = await self._exchange.trades_from(symbol, first, last - first + 1)
            except ExchangeUnavailable as error:
                failed += not error.retry_after
                self._say(str(error))
                await asyncio.sleep(backoff.next(error.retry_after))
            else:
                self._say("")
                return [
                    msgspec.structs.replace(trade, repaired=True)
                    for trade in found
                    if first <= int(trade.trade_id) <= last
                ]
        _log.error("trades not fetched", symbol=symbol, first=first, last=last)
        return None


def reached(fetched: Fetched) -> str:
    return f"{datetime.fromtimestamp(fetched.oldest / 1000, UTC):%Y-%m-%d %H:%M}" if fetched.oldest else ""
