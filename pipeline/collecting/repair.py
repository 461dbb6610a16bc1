"""Missing trades, fetched by id before anything newer of that symbol goes on."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog
from msgspec.structs import replace

from pipeline.backoff import Backoff
from pipeline.clock import now_ms
from pipeline.collecting.continuity import Continuity, Gap
from pipeline.collecting.gaps import LostTrades
from pipeline.collecting.publisher import Publisher
from pipeline.errors import ExchangeUnavailable
from pipeline.exchanges.base import Exchange
from pipeline.model import Ticker, Trade

_log = structlog.get_logger(__name__)

#: Trades of a gap that are still fetched: 200 calls of 1000. A longer absence is mended by klines.
MAX_GAP: Final = 200_000
#: Live trades of one symbol held during a repair before the sockets are no longer read.
MAX_HELD: Final = 50_000
#: Seconds a gap may close by itself before it is fetched: two sockets at a handover are out of step by so much.
GRACE: Final = 0.3
#: Seconds after which trades that a ticker knows of should have come.
OVERDUE: Final = 2.0
#: Failed calls in a row before a gap is given up: with the back-off about a minute.
ATTEMPTS: Final = 10
PAGE: Final = 1000
_AT_ONCE: Final = 4

Unfilled = Callable[[str, int, int], None]
Lost = Callable[[LostTrades], Awaitable[None]]


class Repairs:
    """Puts trades in order through a Continuity per symbol. `unfilled(symbol, start, end)` hears of ms ranges that stay incomplete,
    `lost` of the trades that are missing there.
    """

    def __init__(
        self,
        exchange: Exchange,
        publisher: Publisher,
        remembered: dict[str, int],
        unfilled: Unfilled,
        lost: Lost,
        max_gap: int = MAX_GAP,
        attempts: int = ATTEMPTS,
    ) -> None:
        self._exchange = exchange
        self._publisher = publisher
        self._remembered = remembered
        self._unfilled = unfilled
        self._lost = lost
        self._max_gap = max_gap
        self._attempts = attempts
        self._symbols: dict[str, Continuity] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._overdue: dict[str, tuple[int, float]] = {}
        self._calls = asyncio.Semaphore(_AT_ONCE)
        self.repaired = 0
        self.trades_repaired = 0
        self.given_up = 0
        self.trouble = ""
        self._failure: BaseException | None = None

    @property
    def open(self) -> int:
        """Symbols held up by a repair."""
        return len(self._tasks)

    @property
    def duplicates(self) -> dict[str, int]:
        """Symbol → trades that came twice and were dropped."""
        return {symbol: c.duplicates for symbol, c in self._symbols.items()}

    def _of(self, symbol: str) -> Continuity:
        known = self._symbols.get(symbol)
        if known is None:
            known = self._symbols[symbol] = Continuity(self._remembered.get(symbol))
        return known

    def take(self, trades: Sequence[Trade]) -> list[Trade]:
        """What of these may go on now; repairs are begun as needed."""
        by_symbol: dict[str, list[Trade]] = {}
        for trade in trades:
            try:
                by_symbol[trade.symbol].append(trade)
            except KeyError:
                by_symbol[trade.symbol] = [trade]
        out: list[Trade] = []
        for symbol, share in by_symbol.items():
            continuity = self._of(symbol)
            out += continuity.take(share)
            if continuity.held and symbol not in self._tasks:
                self._begin(symbol, continuity)
        return out

    def hear(self, ticker: Ticker) -> None:
        """A ticker names the newest trade: one that does not come is missing, though nothing came after it."""
        if ticker.last_trade_id is not None and ticker.symbol not in self._overdue:
            newest, known = int(ticker.last_trade_id), self._of(ticker.symbol).newest
            if known is not None and newest > known:
                self._overdue[ticker.symbol] = (newest, asyncio.get_running_loop().time())

    def check(self) -> None:
        """Once a second: begin a repair for what is overdue. Raises what ended a repair unexpectedly."""
        if self._failure is not None:
            raise self._failure
        now = asyncio.get_running_loop().time()
        for symbol, (newest, since) in list(self._overdue.items()):
            if now - since < OVERDUE:
                continue
            del self._overdue[symbol]
            continuity = self._of(symbol)
            if continuity.newest is not None and continuity.newest < newest and symbol not in self._tasks:
                continuity.expect(newest)
                self._begin(symbol, continuity)

    async def room(self) -> None:
        """Wait while too much is held."""
        for symbol, task in list(self._tasks.items()):
            if len(self._symbols[symbol].held) >= MAX_HELD:
                await asyncio.wait([task])

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _begin(self, symbol: str, continuity: Continuity) -> None:
        task = self._tasks[symbol] = asyncio.create_task(self._repair(symbol, continuity))
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = error

    async def _repair(self, symbol: str, continuity: Continuity) -> None:
        backoff = Backoff(first=0.2, cap=15.0)
        failed, fetched_any = 0, False
        try:
            await asyncio.sleep(GRACE)
            while (gap := continuity.gap) is not None:
                why = ""
                if gap.size > self._max_gap:
                    why = f"{gap.size} trades are too many"
                else:
                    try:
                        async with self._calls:
                            trades = await self._exchange.trades_from(symbol, gap.first, min(PAGE, gap.size))
                    except ExchangeUnavailable as error:
                        trades, reason, pause = [], str(error), error.retry_after
                    else:
                        reason, pause = "the exchange does not have them", 0.0
                    if trades:
                        repaired, released = continuity.fill(gap, trades)
                        self._publisher.add([replace(trade, repaired=True) for trade in repaired], "collector-repair")
                        self._publisher.add(released)
                        self.trades_repaired += len(repaired)
                        failed, fetched_any = 0, True
                        backoff.reset()
                        await self._publisher.room()
                        continue
                    failed += 1
                    self.trouble = f"{symbol}: missing trades not fetched: {reason}"
                    if failed < self._attempts:
                        await asyncio.sleep(backoff.next(pause))
                        continue
                    why = reason
                await self._give_up(symbol, continuity, gap, why)
            self.repaired += fetched_any
        finally:
            self._tasks.pop(symbol, None)

    async def _give_up(self, symbol: str, continuity: Continuity, gap: Gap, why: str) -> None:
        began, after = continuity.newest_ts, continuity.held.get(gap.last + 1)
        # Of neither side the time is known when a ticker told of it, right after a start: then it is about now.
        ended = after.ts if after is not None else began or now_ms()
        # Before what comes after it goes on: whoever dies in between finds the gap again.
        await self._lost(LostTrades(self._exchange.label, symbol, gap.first, gap.last, began or ended, ended, why))
        if continuity.gap != gap:
            return  # some of it came meanwhile after all: the caller looks again
        released = continuity.give_up(gap)
        self.given_up += 1
        self.trouble = f"{symbol}: {gap.size} trades stay missing ({gap.first}-{gap.last}): {why}"
        _log.error("gap not repaired", symbol=symbol, first=gap.first, last=gap.last, why=why)
        self._publisher.add(released)
        if released:
            self._unfilled(symbol, began or released[0].ts, released[0].ts)
