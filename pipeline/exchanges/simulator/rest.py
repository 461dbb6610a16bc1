"""Binance's public REST routes over the simulated exchange."""

import asyncio
import re
import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Final

import orjson

from pipeline.exchanges.simulator.bars import INTERVALS
from pipeline.exchanges.simulator.exchange import Exchange
from pipeline.exchanges.simulator.frames import Voice

#: Seconds that an answer is worked on between two looks at the sockets: a thousand klines of the past take 0.2 s to make up, and
#: the market must not stand still for that long.
_TURN: Final = 0.002
_LIMIT: Final = re.compile(r"^[0-9]{1,20}$")
Query = Mapping[str, str]


class Refused(Exception):
    """Binance's error body."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
        self.body = orjson.dumps({"code": code, "msg": message})


class Rest:
    """Answers `/api/v3/…`. Weights as Binance counts them, reset each minute; they are reported and never enforced
    (ask for a 429 where one is wanted)."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._used = (0, 0)
        self._routes: dict[str, tuple[int, Callable[[Query], bytes | AsyncIterator[bytes]]]] = {
            "ping": (1, lambda _: b"{}"),
            "time": (1, lambda _: orjson.dumps({"serverTime": self._now()})),
            "exchangeInfo": (20, self._info),
            "klines": (2, self._klines),
            "trades": (25, self._trades),
            "historicalTrades": (25, self._trades),
            "aggTrades": (4, self._agg_trades),
            "depth": (5, self._depth),
            "ticker/24hr": (80, self._ticker),
            "ticker/price": (2, self._price),
            "ticker/bookTicker": (2, self._book_ticker),
        }

    def answer(self, path: str, query: Query) -> bytes | AsyncIterator[bytes]:
        """The JSON body, in parts where it takes long to make. Raises Refused."""
        route = self._routes.get(path.removeprefix("/api/v3/"))
        if route is None:
            raise Refused(-1, "Not found.", 404)
        weight, handler = route
        minute = self._now() // 60_000
        self._used = (minute, weight + (self._used[1] if self._used[0] == minute else 0))
        return handler(query)

    @property
    def used_weight(self) -> int:
        return self._used[1]

    def _now(self) -> int:
        return self._exchange.now_us // 1000

    def _voice(self, query: Query) -> Voice:
        name = query.get("symbol", "")
        if not name:
            raise Refused(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
        voice = self._exchange.voices.get(name)
        if voice is None or not self._exchange.ended.get(name, "TRADING"):
            raise Refused(-1121, "Invalid symbol.")
        return voice

    def _voices(self, query: Query) -> list[Voice]:
        if "symbol" in query:
            return [self._voice(query)]
        if "symbols" not in query:
            return [v for name, v in self._exchange.voices.items() if self._exchange.ended.get(name, "TRADING")]
        try:
            names = orjson.loads(query["symbols"])
        except orjson.JSONDecodeError:
            names = None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise Refused(-1100, "Illegal characters found in parameter 'symbols'.")
        return [self._voice({"symbol": name}) for name in names]

    def _klines(self, query: Query) -> AsyncIterator[bytes]:
        voice = self._voice(query)
        interval = query.get("interval", "")
        if not interval:
            raise Refused(-1102, "Mandatory parameter 'interval' was not sent, was empty/null, or malformed.")
        length = INTERVALS.get(interval)
        if length is None:
            raise Refused(-1120, "Invalid interval.")
        limit = max(1, min(1000, _number(query, "limit", 500)))
        last = min(self._now(), _number(query, "endTime", self._now())) // length * length
        first = last - (limit - 1) * length
        if "startTime" in query:
            first = -(-_number(query, "startTime", 0) // length) * length
            first = max(first, voice.bars.first_ms(length))
            last = min(last, first + (limit - 1) * length)
        p, q, v = voice.price, voice.amount, voice.value
        return _spread(
            f'[{at},"{p[b.open]}","{p[b.high]}","{p[b.low]}","{p[b.close]}","{q[b.volume]}",{at + length - 1},'
            f'"{v[b.quote]}",{b.trades},"{q[b.buy]}","{v[b.buy_quote]}","0"]'
            for at, b in voice.bars.klines(length, first, last)
        )

    def _trades(self, query: Query) -> bytes:
        voice = self._voice(query)
        tape = voice.market.tape
        limit = max(1, min(1000, _number(query, "limit", 500)))
        start = max(tape.first_id, _number(query, "fromId", tape.end_id - limit))
        return b"[" + b",".join(trade_rows(voice, start, min(tape.end_id, start + limit))) + b"]"

    def _agg_trades(self, query: Query) -> bytes:
        voice = self._voice(query)
        tape = voice.market.tape
        limit = max(1, min(1000, _number(query, "limit", 500)))
        end = len(tape.times)
        if "endTime" in query:
            end = bisect_left(tape.times, (_number(query, "endTime", 0) + 1) * 1000)
        if "fromId" in query:
            start = bisect_left(tape.orders, _number(query, "fromId", 0))
        elif "startTime" in query:
            start = bisect_left(tape.times, _number(query, "startTime", 0) * 1000)
        else:
            start = bisect_left(tape.orders, tape.orders[end - 1] - limit + 1) if end else 0
        if start < end:
            end = min(end, bisect_left(tape.orders, tape.orders[start] + limit))
        found = voice.aggregates(tape.first_id + start, tape.first_id + max(start, end))
        return orjson.dumps(
            [
                {
                    "a": a,
                    "p": voice.price[p],
                    "q": voice.amount[q],
                    "f": f,
                    "l": last,
                    "T": t // 1000,
                    "m": not b,
                    "M": True,
                }
                for a, t, p, q, f, last, b in found
            ]
        )

    def _depth(self, query: Query) -> bytes:
        voice = self._voice(query)
        limit = max(1, min(5000, _number(query, "limit", 100)))
        depth = self._exchange.depths[voice.name]
        if not depth.watched:
            depth.look()
        bids = sorted(depth.bids.items(), reverse=True)[:limit]
        asks = sorted(depth.asks.items())[:limit]
        return f'{{"lastUpdateId":{depth.update_id},"bids":{voice.levels(bids)},"asks":{voice.levels(asks)}}}'.encode()

    def _ticker(self, query: Query) -> bytes:
        rows = [self._day(voice) for voice in self._voices(query)]
        return orjson.dumps(rows[0] if "symbol" in query else rows)

    def _day(self, voice: Voice) -> dict[str, Any]:
        now = self._now()
        start, day = voice.bars.day(now)
        change, percent, mean, previous, last_lots, first, last = voice.figures(day)
        p, q = voice.price, voice.amount
        bid, bid_lots, ask, ask_lots = voice.touch()
        return {
            "symbol": voice.name,
            "priceChange": change,
            "priceChangePercent": percent,
            "weightedAvgPrice": mean,
            "prevClosePrice": previous,
            "lastPrice": p[day.close],
            "lastQty": last_lots,
            "bidPrice": p[bid],
            "bidQty": q[bid_lots],
            "askPrice": p[ask],
            "askQty": q[ask_lots],
            "openPrice": p[day.open],
            "highPrice": p[day.high],
            "lowPrice": p[day.low],
            "volume": q[day.volume],
            "quoteVolume": voice.value[day.quote],
            "openTime": start,
            "closeTime": now,
            "firstId": first,
            "lastId": last,
            "count": day.trades,
        }

    def _price(self, query: Query) -> bytes:
        now = self._now()
        rows = [{"symbol": v.name, "price": v.price[v.bars.day(now)[1].close]} for v in self._voices(query)]
        return orjson.dumps(rows[0] if "symbol" in query else rows)

    def _book_ticker(self, query: Query) -> bytes:
        rows = []
        for voice in self._voices(query):
            bid, bid_lots, ask, ask_lots = voice.touch()
            p, q = voice.price, voice.amount
            rows.append(
                {
                    "symbol": voice.name,
                    "bidPrice": p[bid],
                    "bidQty": q[bid_lots],
                    "askPrice": p[ask],
                    "askQty": q[ask_lots],
                }
            )
        return orjson.dumps(rows[0] if "symbol" in query else rows)

    def _info(self, query: Query) -> bytes:
        limits = [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
            {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61000},
        ]
        ended = self._exchange.ended
        symbols = [_symbol(voice) | {"status": ended.get(voice.name, "TRADING")} for voice in self._voices(query)]
        return orjson.dumps(
            {
                "timezone": "UTC",
                "serverTime": self._now(),
                "rateLimits": limits,
                "exchangeFilters": [],
                "symbols": symbols,
            }
        )


def _symbol(voice: Voice) -> dict[str, Any]:
    spec = voice.market.spec
    tick, lot = voice.price[1], voice.amount[1]
    return {
        "symbol": spec.name,
        "baseAsset": spec.base,
        "baseAssetPrecision": 8,
        "quoteAsset": spec.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": tick,
                "maxPrice": voice.price[voice.market.first_price * 100],
                "tickSize": tick,
            },
            {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": voice.amount[10**9], "stepSize": lot},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True, "avgPriceMins": 5},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
    }


def trade_rows(voice: Voice, start: int, end: int) -> list[bytes]:
    """The trades `start` … `end` - 1 as Binance's REST objects."""
    tape, price, amount, value, base = (
        voice.market.tape,
        voice.price,
        voice.amount,
        voice.value,
        voice.market.tape.first_id,
    )
    return [
        (
            f'{{"id":{base + i},"price":"{price[tape.prices[i]]}","qty":"{amount[tape.lots[i]]}",'
            f'"quoteQty":"{value[tape.prices[i] * tape.lots[i]]}","time":{tape.times[i] // 1000},'
            f'"isBuyerMaker":{"false" if tape.buys[i] else "true"},"isBestMatch":true}}'
        ).encode()
        for i in range(start - base, end - base)
    ]


async def _spread(rows: Iterable[str]) -> AsyncIterator[bytes]:
    """A JSON array, made in turns with the rest of the exchange's work."""
    part = "["
    turn = time.perf_counter() + _TURN
    for number, row in enumerate(rows):
        part += f",{row}" if number else row
        if time.perf_counter() > turn:
            yield part.encode()
            part = ""
            await asyncio.sleep(0)
            turn = time.perf_counter() + _TURN
    yield f"{part}]".encode()


def _number(query: Query, key: str, default: int) -> int:
    text = query.get(key)
    if text is None:
        return default
    if not _LIMIT.match(text):
        raise Refused(-1100, f"Illegal characters found in parameter '{key}'; legal range is '^[0-9]{{1,20}}$'.")
    return int(text)
