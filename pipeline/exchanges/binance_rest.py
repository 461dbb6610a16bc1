"""Binance's REST API as far as we ask it: markets, klines, old trades. Public, no key."""

import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import httpx
import msgspec

from pipeline import http
from pipeline.errors import ExchangeUnavailable
from pipeline.exchanges.base import Listing
from pipeline.exchanges.levels import Level
from pipeline.exchanges.weights import LIMIT, Weights
from pipeline.model import Candle, Market, Trade
from pipeline.symbols import plain
from pipeline.timeframes import TIMEFRAMES

#: Rows a call gives at most.
PAGE: Final = 1000
#: The share of the request weight that we use: other programs share our address.
WEIGHT_SHARE: Final = 0.8
#: What a call weighs, by its path's end; in 2025.
_WEIGHTS: Final = {"time": 1, "exchangeInfo": 20, "24hr": 80, "klines": 2, "historicalTrades": 25, "depth": 50}
#: A window that ended less than so long ago (ms) may still be changing: its last trades are on their way into the kline.
SETTLING: Final = 2000
#: Our measure of the exchange's clock is taken again after so long (s): machines drift.
CLOCK_AGE: Final = 600.0
_BANNED: Final = (418, 429)


class _Filter(msgspec.Struct, gc=False):
    filterType: str
    tickSize: Decimal = Decimal(0)
    stepSize: Decimal = Decimal(0)


class _Symbol(msgspec.Struct, gc=False):
    symbol: str
    baseAsset: str
    quoteAsset: str
    filters: list[_Filter]
    status: str = "TRADING"


class _Info(msgspec.Struct, gc=False):
    symbols: list[_Symbol]


class _Day(msgspec.Struct, gc=False):
    symbol: str
    lastPrice: Decimal
    quoteVolume: Decimal


class _OldTrade(msgspec.Struct, gc=False):
    id: int
    price: Decimal
    qty: Decimal
    time: int
    isBuyerMaker: bool


class _Book(msgspec.Struct, gc=False):
    lastUpdateId: int
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]


class _Clock(msgspec.Struct):
    serverTime: int


#: Open time, O, H, L, C, volume, close time, quote volume, trades, taker's volumes, unused.
_Row = tuple[int, Decimal, Decimal, Decimal, Decimal, Decimal, int, Any, int, Any, Any, Any]
_info = msgspec.json.Decoder(_Info).decode
_days = msgspec.json.Decoder(list[_Day]).decode
_trades = msgspec.json.Decoder(list[_OldTrade]).decode
_rows = msgspec.json.Decoder(list[_Row]).decode
_clock = msgspec.json.Decoder(_Clock).decode
_book = msgspec.json.Decoder(_Book).decode


class BinanceRest:
    """Every method raises ExchangeUnavailable; while the exchange has asked for a pause, at once and without a request."""

    def __init__(
        self, base_url: str, label: str = "BINANCE", timeout: float = 10.0, weights: Weights | None = None
    ) -> None:
        self._client = httpx.AsyncClient(base_url=base_url, timeout=timeout)
        self._label = label
        self._weights = weights
        self._paused_until = 0.0
        self._skew = 0  # the exchange's clock minus ours, ms
        self._skew_at = -CLOCK_AGE

    async def close(self) -> None:
        await self._client.aclose()

    async def now(self, age: float = CLOCK_AGE) -> int:
        """The exchange's clock, ms; ahead of it only by what it fell behind since we asked, at most `age` seconds ago."""
        if time.monotonic() - self._skew_at > age:
            answer = _decoded(_clock, await self._get("/api/v3/time"))
            # Measured after the answer travelled back, so that the clock we keep is behind by the travel, never ahead.
            self._skew = answer.serverTime - time.time_ns() // 1_000_000
            self._skew_at = time.monotonic()
        return time.time_ns() // 1_000_000 + self._skew

    async def markets(self, symbols: Sequence[str]) -> dict[str, Market]:
        names = ",".join(f'"{plain(symbol)}"' for symbol in symbols)
        try:
            infos = _decoded(_info, await self._get("/api/v3/exchangeInfo", symbols=f"[{names}]")).symbols
        except _Refused:
            if len(symbols) == 1:
                return {}
            # One unknown symbol spoils the whole answer: ask one by one.
            found: dict[str, Market] = {}
            for symbol in symbols:
                found |= await self.markets([symbol])
            return found
        wanted = {plain(symbol): symbol for symbol in symbols}
        return {wanted[info.symbol]: self._market(wanted[info.symbol], info) for info in infos if info.symbol in wanted}

    async def listings(self) -> list[Listing]:
        infos = _decoded(_info, await self._get("/api/v3/exchangeInfo")).symbols
        days = {day.symbol: day for day in _decoded(_days, await self._get("/api/v3/ticker/24hr", type="MINI"))}
        return [
            Listing(
                f"{info.baseAsset}/{info.quoteAsset}", info.baseAsset, info.quoteAsset, info.status == "TRADING",
                day.quoteVolume if day else Decimal(0), (day.lastPrice or None) if day else None,
            )
            for info in infos
            for day in (days.get(info.symbol),)
        ]  # fmt: skip

    def _market(self, symbol: str, info: _Symbol) -> Market:
        tick = next((f.tickSize for f in info.filters if f.filterType == "PRICE_FILTER"), Decimal(0))
        lot = next((f.stepSize for f in info.filters if f.filterType == "LOT_SIZE"), Decimal(0))
        return Market(self._label, symbol, info.baseAsset, info.quoteAsset, tick.normalize(), lot.normalize())

    async def klines(self, symbol: str, timeframe: str, limit: int, end: int | None) -> list[Candle]:
        length = TIMEFRAMES[timeframe]
        now = await self.now()
        if end is None or end > now - CLOCK_AGE * 1000:
            # An exchange that stands still, or a clock of ours that is set: what has not ended there must not be called closed.
            now = await self.now(SETTLING / 1000)
        last = (now if end is None else min(end - 1, now)) // length * length  # start of the newest window asked for
        first = last - (limit - 1) * length
        # Binance has no 5s klines: they are rolled up from its 1s ones.
        interval, step = ("1s", 1000) if timeframe == "5s" else (timeframe, length)
        rows: list[_Row] = []
        start = first
        while start < last + length:
            stop = min(start + PAGE * step, last + length)
            body = await self._get(
                "/api/v3/klines", symbol=plain(symbol), interval=interval, startTime=start, endTime=stop - 1, limit=PAGE
            )
            rows += _decoded(_rows, body)
            start = stop
        candles = [self._candle(symbol, timeframe, length, group, now) for group in _windows(rows, length)]
        return [candle for candle in candles if candle.window_start >= first][-limit:]

    def _candle(self, symbol: str, timeframe: str, length: int, rows: list[_Row], now: int) -> Candle:
        # A finer kline without trades repeats the price before it, which is no price of this window.
        traded = [row for row in rows if row[8]] or rows
        start = _ms(rows[0][0]) // length * length
        return Candle(
            self._label, symbol, timeframe, start, start + length,
            traded[0][1], max(row[2] for row in traded), min(row[3] for row in traded), traded[-1][4],
            sum((row[5] for row in rows), Decimal(0)) if len(rows) > 1 else rows[0][5],
            sum(row[8] for row in rows), start + length + SETTLING <= now, source="historical",
        )  # fmt: skip

    async def trades_from(self, symbol: str, from_id: int, limit: int) -> list[Trade]:
        body = await self._get("/api/v3/historicalTrades", symbol=plain(symbol), fromId=from_id, limit=min(limit, PAGE))
        return [
            Trade(self._label, symbol, _ms(t.time), t.price, t.qty, "sell" if t.isBuyerMaker else "buy", str(t.id))
            for t in sorted(_decoded(_trades, body), key=lambda t: t.id)
            if t.id >= from_id
        ]

    async def depth(self, symbol: str) -> tuple[int, tuple[Level, ...], tuple[Level, ...]]:
        """The newest update id of the book, its bids, its asks: the thousand best of each."""
        book = _decoded(_book, await self._get("/api/v3/depth", symbol=plain(symbol), limit=PAGE))
        return book.lastUpdateId, book.bids, book.asks

    async def _get(self, path: str, **params: str | int) -> bytes:
        left = self._paused_until - time.monotonic()
        if left > 0:
            raise ExchangeUnavailable(f"{path}: the exchange asked for a pause", left)
        if self._weights is not None and (wait := await self._weights.take(_WEIGHTS[path.rpartition("/")[2]])):
            raise ExchangeUnavailable(f"{path}: no request weight left, or a pause", wait)
        try:
            answer = await http.get(self._client, path, params)
        except (httpx.HTTPError, OSError) as error:
            raise ExchangeUnavailable(f"{path}: {error or type(error).__name__}") from error
        if answer.status in _BANNED:
            pause = _seconds(answer.headers.get("Retry-After"), 60.0)
            self._paused_until = time.monotonic() + pause
            if self._weights is not None:
                await self._weights.pause(pause)
            raise ExchangeUnavailable(f"{path}: too many requests, told to wait {pause:g} s", pause)
        if answer.status >= 500:
            raise ExchangeUnavailable(f"{path}: HTTP {answer.status}")
        if answer.status >= 400:
            raise _Refused(f"{path}: HTTP {answer.status} {answer.body[:200].decode(errors='replace')}")
        used = _seconds(answer.headers.get("X-MBX-USED-WEIGHT-1M"), 0.0)
        if self._weights is not None:
            await self._weights.told(int(used))
        if used > LIMIT * WEIGHT_SHARE:
            # The count starts again with each minute of the clock.
            self._paused_until = time.monotonic() + 60 - time.time() % 60
        return answer.body


class _Refused(ExchangeUnavailable):
    """The exchange understood, and said no (an unknown symbol, a bad parameter)."""


def _decoded(decode: Any, body: bytes) -> Any:
    try:
        return decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ExchangeUnavailable(f"an answer that cannot be read: {error}: {body[:120]!r}") from error


def _windows(rows: list[_Row], length: int) -> list[list[_Row]]:
    """Rows grouped by the window of `length` ms that they start in; in order, each row once."""
    grouped: dict[int, dict[int, _Row]] = {}
    for row in rows:
        opened = _ms(row[0])
        grouped.setdefault(opened // length, {})[opened] = row
    return [[group[opened] for opened in sorted(group)] for _, group in sorted(grouped.items())]


def _ms(value: int) -> int:
    return value // 1000 if value >= 100_000_000_000_000 else value


def _seconds(text: str | None, otherwise: float) -> float:
    try:
        return float(text) if text else otherwise
    except ValueError:
        return otherwise
