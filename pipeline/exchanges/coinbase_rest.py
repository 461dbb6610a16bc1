"""Coinbase's public REST API as far as we ask it: products, candles, old trades. No key."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import httpx
import msgspec

from pipeline import http
from pipeline.errors import ExchangeUnavailable
from pipeline.model import Candle, Market, Trade
from pipeline.timeframes import TIMEFRAMES

#: Candles and trades that a call gives at most.
CANDLES: Final = 300
PAGE: Final = 1000
#: Lengths that the exchange has, s. Of ours it lacks 5s, which nobody can give, and 4h, which four of 1h make.
_GRANULARITIES: Final = {"1m": 60, "5m": 300, "15m": 900, "1h": 3600, "1d": 86400}
_MADE_OF: Final = {"4h": "1h"}
#: A window that ended less than so long ago (ms) may still be changing.
SETTLING: Final = 3000
_PAUSE: Final = 5.0


class _Product(msgspec.Struct, gc=False):
    id: str
    base_currency: str
    quote_currency: str
    quote_increment: Decimal
    base_increment: Decimal
    status: str = "online"


class _Trade(msgspec.Struct, gc=False):
    trade_id: int
    price: Decimal
    size: Decimal
    time: datetime
    side: str


#: Start (s), low, high, open, close, volume.
_Row = tuple[int, Decimal, Decimal, Decimal, Decimal, Decimal]
_products = msgspec.json.Decoder(list[_Product]).decode
_trades = msgspec.json.Decoder(list[_Trade]).decode
_rows = msgspec.json.Decoder(list[_Row]).decode


class CoinbaseRest:
    """Every method raises ExchangeUnavailable; while the exchange has asked for a pause, at once and without a request."""

    def __init__(self, base_url: str, label: str = "COINBASE", timeout: float = 10.0) -> None:
        self._client = httpx.AsyncClient(base_url=base_url, timeout=timeout)
        self._label = label
        self._paused_until = 0.0

    async def close(self) -> None:
        await self._client.aclose()

    async def markets(self, symbols: Sequence[str]) -> dict[str, Market]:
        wanted = {symbol.replace("/", "-"): symbol for symbol in symbols}
        return {
            wanted[one.id]: Market(
                self._label, wanted[one.id], one.base_currency, one.quote_currency,
                one.quote_increment.normalize(), one.base_increment.normalize(),
            )
            for one in _decoded(_products, await self._get("/products"))
            if one.id in wanted and one.status == "online"
        }  # fmt: skip

    async def klines(self, symbol: str, timeframe: str, limit: int, end: int | None) -> list[Candle]:
        length = TIMEFRAMES[timeframe]
        finer = _MADE_OF.get(timeframe, timeframe)
        if finer not in _GRANULARITIES:
            return []
        now = time.time_ns() // 1_000_000
        last = (now if end is None else min(end - 1, now)) // length * length
        first = last - (limit - 1) * length
        step = _GRANULARITIES[finer] * 1000
        found: dict[int, _Row] = {}
        start = first
        while start < last + length:
            stop = min(start + CANDLES * step, last + length)
            body = await self._get(
                f"/products/{symbol.replace('/', '-')}/candles",
                granularity=step // 1000, start=_iso(start), end=_iso(stop - step),
            )  # fmt: skip
            found |= {row[0] * 1000: row for row in _decoded(_rows, body) if first <= row[0] * 1000 < last + length}
            start = stop
        windows: dict[int, list[_Row]] = {}
        for at in sorted(found):
            windows.setdefault(at // length * length, []).append(found[at])
        return [self._candle(symbol, timeframe, at, rows, now) for at, rows in windows.items()]

    def _candle(self, symbol: str, timeframe: str, start: int, rows: list[_Row], now: int) -> Candle:
        end = start + TIMEFRAMES[timeframe]
        return Candle(
            self._label, symbol, timeframe, start, end, rows[0][3], max(row[2] for row in rows),
            min(row[1] for row in rows), rows[-1][4], sum((row[5] for row in rows[1:]), rows[0][5]), 0,
            end + SETTLING <= now, source="historical",
        )  # fmt: skip

    async def trades_from(self, symbol: str, from_id: int, limit: int) -> list[Trade]:
        # `after` asks for the trades before an id, newest first.
        body = await self._get(
            f"/products/{symbol.replace('/', '-')}/trades", after=from_id + min(limit, PAGE), limit=min(limit, PAGE)
        )
        return [
            # Theirs is the maker's side.
            Trade(
                self._label, symbol, round(t.time.timestamp() * 1_000_000) // 1000, t.price, t.size,
                "buy" if t.side == "sell" else "sell", str(t.trade_id),
            )
            for t in sorted(_decoded(_trades, body), key=lambda t: t.trade_id)
            if t.trade_id >= from_id
        ]  # fmt: skip

    async def _get(self, path: str, **params: str | int) -> bytes:
        left = self._paused_until - time.monotonic()
        if left > 0:
            raise ExchangeUnavailable(f"{path}: the exchange asked for a pause", left)
        try:
            answer = await http.get(self._client, path, params)
        except (httpx.HTTPError, OSError) as error:
            raise ExchangeUnavailable(f"{path}: {error or type(error).__name__}") from error
        if answer.status == 429:
            self._paused_until = time.monotonic() + _PAUSE
            raise ExchangeUnavailable(f"{path}: too many requests", _PAUSE)
        if answer.status >= 400:
            raise ExchangeUnavailable(f"{path}: HTTP {answer.status} {answer.body[:200].decode(errors='replace')}")
        return answer.body


def _decoded(decode: Any, body: bytes) -> Any:
    try:
        return decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ExchangeUnavailable(f"an answer that cannot be read: {error}: {body[:120]!r}") from error


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat().replace("+00:00", "Z")
