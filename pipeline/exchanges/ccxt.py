"""Any exchange that ccxt knows, by its name there. A member of its own (binance.py, coinbase.py) is better where there is one:
ccxt hides reconnects and does not promise consecutive ids, so what a break loses is mended by the exchange's candles alone.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from itertools import chain
from typing import Any, Final, cast

import structlog

from pipeline.backoff import Backoff
from pipeline.errors import ExchangeUnavailable, SetupError
from pipeline.exchanges.base import Event, Exchange, Health, Listing
from pipeline.model import Book, Candle, Market, Side, Ticker, Trade
from pipeline.symbols import parse_symbol
from pipeline.timeframes import TIMEFRAMES

_log = structlog.get_logger(__name__)

#: Levels a side that are shown.
LEVELS: Final = 20
#: Rows asked for at a time; an exchange that gives fewer gives fewer.
PAGE: Final = 1000
#: Ids remembered per symbol: answers to polls overlap, and a new subscription repeats the newest trades.
SEEN: Final = 20_000
#: Events waiting for the collector before the exchange is no longer read.
ROOM: Final = 10_000
#: A window that ended less than so long ago (ms) may still be changing.
SETTLING: Final = 3000
#: Seconds between two polls of a symbol, at least, where an exchange cannot push.
POLL: Final = 2.0


def check(name: str) -> None:
    """Raises SetupError for a name that is nobody's."""
    import ccxt

    if name in ccxt.exchanges:
        return
    near = get_close_matches(name, ccxt.exchanges, n=3)
    hint = (
        f"Did you mean {' or '.join(near)}?"
        if near
        else "Use auto, binance, coinbase, simulator, replay:FILE, or a name that ccxt has."
    )
    raise SetupError(f"exchange: '{name}' is not known. {hint}")


def open_client(name: str, **options: Any) -> Any:
    """ccxt's client of `name`, the one that pushes where there is one. Raises SetupError."""
    import ccxt.async_support
    import ccxt.pro

    check(name)
    made = getattr(ccxt.pro, name, None) or getattr(ccxt.async_support, name)
    client = made({"enableRateLimit": True, "newUpdates": True} | options)
    # Figures as the exchange spelled them: ccxt would make them floats.
    client.number = str
    return client


class Ccxt(Exchange):
    repairs = False

    def __init__(self, name: str, client: Any = None) -> None:
        """`client`: what `open_client` made, where it must be one of its own. Raises SetupError."""
        self._client = client if client is not None else open_client(name)
        self.label = name.upper()
        self.source = name
        self._events: list[Event] = []
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()
        self._taken.set()
        self._tasks: dict[str, list[asyncio.Task[None]]] = {}
        self._seen: dict[str, OrderedDict[str, None]] = {}
        self._closed = False
        self._read = 0
        self._failing: dict[str, str] = {}
        self._failures = 0
        self._last_error = ""

    async def stream(self, symbols: Sequence[str]) -> AsyncGenerator[list[Event], None]:
        traded = await self._traded(symbols)
        has = self._client.has
        for symbol in self._tasks.keys() - set(traded):
            for task in self._tasks.pop(symbol):
                task.cancel()
            for name in [name for name in self._failing if name.endswith(f" of {symbol}")]:
                del self._failing[name]
        for symbol in traded:
            if symbol in self._tasks:
                continue
            self._start(symbol, "trades", self._trades, self._client.watch_trades if has.get("watchTrades") else None)
            self._start(symbol, "ticker", self._ticker, self._client.watch_ticker if has.get("watchTicker") else None)
            self._start(
                symbol, "book", self._book, self._client.watch_order_book if has.get("watchOrderBook") else None
            )
        while not self._closed:
            await self._arrived.wait()
            self._arrived.clear()
            for task in chain.from_iterable(self._tasks.values()):
                if task.done() and not task.cancelled():
                    task.result()
            if self._events:
                batch, self._events = self._events, []
                self._taken.set()
                yield batch

    async def _traded(self, symbols: Sequence[str]) -> list[str]:
        """Those of `symbols` that there are. Waits for the exchange for as long as it takes. Raises SetupError when there is none."""
        backoff = Backoff()
        while True:
            try:
                markets = await self._load()
            except ExchangeUnavailable as error:
                self._last_error = str(error)
                await asyncio.sleep(backoff.next(error.retry_after))
                continue
            break
        found = [symbol for symbol in symbols if symbol in markets]
        if not found:
            near = [match for symbol in symbols for match in get_close_matches(symbol, markets, n=1)]
            hint = f" There is {', '.join(dict.fromkeys(near))}." if near else ""
            raise SetupError(f"symbols: {self.source} trades none of {', '.join(symbols)}.{hint}")
        return found

    def _start(
        self, symbol: str, what: str, one: Callable[[str, Any], Awaitable[None]], watch: Callable[[str], Any] | None
    ) -> None:
        task = asyncio.create_task(self._follow(symbol, what, one, watch))
        task.add_done_callback(lambda _: self._arrived.set())
        self._tasks.setdefault(symbol, []).append(task)

    async def _follow(
        self, symbol: str, what: str, one: Callable[[str, Any], Awaitable[None]], watch: Callable[[str], Any] | None
    ) -> None:
        """Until closed: what `watch` pushes, or polls."""
        import ccxt

        backoff, name = Backoff(first=1.0, cap=30.0), f"{what} of {symbol}"
        while not self._closed:
            began = time.monotonic()
            try:
                await one(symbol, watch)
            except ccxt.NotSupported as error:
                _log.warning("not to be had", exchange=self.source, what=what, error=str(error))
                return
            except (ccxt.BaseError, OSError, TimeoutError) as error:
                self._failures += name not in self._failing
                self._failing[name] = self._last_error = f"{name}: {str(error)[:200] or type(error).__name__}"
                await asyncio.sleep(backoff.next())
                continue
            self._failing.pop(name, None)
            backoff.reset()
            await self._taken.wait()
            if watch is None:
                await asyncio.sleep(max(0.0, POLL - (time.monotonic() - began)))

    def _say(self, events: Sequence[Event]) -> None:
        self._read += 1
        if not events:
            return
        self._events += events
        if len(self._events) >= ROOM:
            self._taken.clear()
        self._arrived.set()

    async def _trades(self, symbol: str, watch: Callable[[str], Any] | None) -> None:
        rows = await watch(symbol) if watch is not None else await self._client.fetch_trades(symbol, None, PAGE)
        seen = self._seen.setdefault(symbol, OrderedDict())
        out: list[Event] = []
        for row in sorted(rows, key=lambda row: row["timestamp"] or 0):
            trade = self._trade(symbol, row)
            if trade is None or trade.trade_id in seen:
                continue
            seen[trade.trade_id] = None
            if len(seen) > SEEN:
                seen.popitem(last=False)
            out.append(trade)
        self._say(out)

    def _trade(self, symbol: str, row: dict[str, Any]) -> Trade | None:
        price, amount, ts = _decimal(row.get("price")), _decimal(row.get("amount")), row.get("timestamp")
        side = row.get("side")
        if not price or not amount or ts is None or side not in ("buy", "sell"):
            return None
        # Some give no ids: two trades of one moment, price and amount are then one.
        id_ = str(row.get("id") or f"{ts}-{side}-{price:f}-{amount:f}")
        return Trade(self.label, symbol, int(ts), price, amount, cast("Side", side), id_)

    async def _ticker(self, symbol: str, watch: Callable[[str], Any] | None) -> None:
        row = await watch(symbol) if watch is not None else await self._client.fetch_ticker(symbol)
        names = ("bid", "ask", "last", "baseVolume", "quoteVolume")
        bid, ask, last, base, quote = (_decimal(row.get(name)) for name in names)
        ts = int(row.get("timestamp") or self._client.milliseconds())
        self._say([Ticker(self.label, symbol, ts, bid or None, ask or None, last or None, base, quote)])

    async def _book(self, symbol: str, watch: Callable[[str], Any] | None) -> None:
        row = await watch(symbol) if watch is not None else await self._client.fetch_order_book(symbol, LEVELS)
        sides = [
            tuple((_exact(level[0]), _exact(level[1])) for level in row[side][:LEVELS] if level[0] and level[1])
            for side in ("bids", "asks")
        ]
        bids, asks = sides
        # A book between two of its changes; the next one is whole.
        if bids and asks and bids[0][0] >= asks[0][0]:
            return
        self._say([Book(self.label, symbol, int(row.get("timestamp") or self._client.milliseconds()), bids, asks)])

    async def _load(self) -> dict[str, Any]:
        return cast("dict[str, Any]", await self._ask(self._client.load_markets))

    async def markets(self, symbols: Sequence[str]) -> dict[str, Market]:
        found = await self._load()
        return {symbol: self._market(symbol, found[symbol]) for symbol in symbols if symbol in found}

    async def listings(self) -> list[Listing]:
        if not self._client.has.get("fetchTickers"):
            return []
        markets = cast("dict[str, Any]", await self._ask(self._client.load_markets, True))
        tickers = await self._ask(self._client.fetch_tickers)
        return [
            _listing(row, tickers.get(symbol) or {})
            for symbol, row in markets.items()
            if row.get("spot") and parse_symbol(symbol) == symbol
        ]

    def _market(self, symbol: str, row: dict[str, Any]) -> Market:
        import ccxt

        def step(name: str) -> Decimal:
            value = _decimal((row.get("precision") or {}).get(name))
            if value is None or self._client.precisionMode == ccxt.SIGNIFICANT_DIGITS:
                return Decimal(0)
            return value.normalize() if self._client.precisionMode == ccxt.TICK_SIZE else Decimal(1).scaleb(-int(value))

        return Market(self.label, symbol, row["base"], row["quote"], step("price"), step("amount"))

    async def klines(self, symbol: str, timeframe: str, limit: int, end: int | None = None) -> list[Candle]:
        if timeframe not in (self._client.timeframes or {}) or not self._client.has.get("fetchOHLCV"):
            return []
        length, now = TIMEFRAMES[timeframe], self._client.milliseconds()
        last = (now if end is None else min(end - 1, now)) // length * length
        first = since = last - (limit - 1) * length
        rows: dict[int, list[Any]] = {}
        while since <= last:
            page = await self._ask(self._client.fetch_ohlcv, symbol, timeframe, since, min(PAGE, limit))
            fresh = {int(row[0]): row for row in page if int(row[0]) not in rows}
            rows |= fresh
            if not fresh:
                break
            since = max(fresh) + length
        return [
            candle
            for at in sorted(rows)
            if first <= at <= last and (candle := self._candle(symbol, timeframe, at, rows[at], now)) is not None
        ]

    def _candle(self, symbol: str, timeframe: str, start: int, row: list[Any], now: int) -> Candle | None:
        figures = [_decimal(value) for value in row[1:6]]
        if None in figures:
            return None
        open_, high, low, close, volume = cast("list[Decimal]", figures)
        end = start + TIMEFRAMES[timeframe]
        return Candle(
            self.label, symbol, timeframe, start, end, open_, high, low, close, volume, 0, end + SETTLING <= now,
            source="historical",
        )  # fmt: skip

    async def trades_from(self, symbol: str, from_id: int, limit: int) -> list[Trade]:
        return []

    async def _ask(self, call: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        import ccxt

        try:
            return await call(*arguments)
        except ccxt.RateLimitExceeded as error:
            raise ExchangeUnavailable(f"{self.source}: too many requests", 30.0) from error
        except (ccxt.BaseError, OSError, TimeoutError) as error:
            raise ExchangeUnavailable(f"{self.source}: {str(error)[:200] or type(error).__name__}") from error

    def health(self) -> Health:
        running = len(self._failing) < sum(map(len, self._tasks.values()))
        return Health(running, self._failures, self._read, silent=sorted(self._failing), last_error=self._last_error)

    async def close(self) -> None:
        self._closed = True
        self._arrived.set()
        self._taken.set()
        tasks = list(chain.from_iterable(self._tasks.values()))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.close()


def _listing(row: dict[str, Any], ticker: dict[str, Any]) -> Listing:
    last, base, quote = (_decimal(ticker.get(name)) for name in ("last", "baseVolume", "quoteVolume"))
    volume = quote if quote is not None else (base or Decimal(0)) * (last or Decimal(0))
    # Many say nothing of `active`: then it trades.
    return Listing(row["symbol"], row["base"], row["quote"], row.get("active") is not False, volume, last or None)


def _decimal(value: Any) -> Decimal | None:
    """A figure as ccxt hands it over: text, or nothing."""
    if value is None or value == "":
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _exact(value: Any) -> Decimal:
    """ccxt's books are floats; the shortest spelling of one is what the exchange sent, up to 15 digits."""
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(str(value))
