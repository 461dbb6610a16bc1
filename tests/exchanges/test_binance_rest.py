"""Binance's REST API, spoken with a small local server that keeps its rules."""

import asyncio
import gc
import json
import threading
import tracemalloc
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pipeline.errors import ExchangeUnavailable
from pipeline.exchanges.binance_rest import BinanceRest
from pipeline.model import Candle

#: 2024-08-09 00:00:02.5: in the middle of a 5s window.
NOW = 1_723_161_602_500


class Api(ThreadingHTTPServer):
    """Answers as Binance does, from a market in which second n trades n % 3 times; `status` makes it refuse."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.now = NOW
        self.headers: dict[str, str] = {}
        self.calls: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self.server.calls.append(self.path)
        status, body = self.server.status, b"{}"
        if status == 200:
            status, answer = getattr(self, parts.path.rpartition("/")[2])(query)
            body = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def time(self, query: dict[str, str]) -> tuple[int, Any]:
        return 200, {"serverTime": self.server.now}

    def klines(self, query: dict[str, str]) -> tuple[int, Any]:
        step = {"1s": 1000, "1m": 60_000}[query["interval"]]
        start, end, limit = int(query["startTime"]), int(query["endTime"]), int(query["limit"])
        assert limit <= 1000 and start % step == 0
        rows = []
        for opened in range(start, min(end, NOW) + 1, step)[:limit]:
            n = opened // step % 3
            price = f"{100 + opened // step % 7}.10"
            rows.append([opened, price, price, price, price, f"{n}.50", opened + step - 1, "0", n, "0", "0", "0"])
        return 200, rows

    def historicalTrades(self, query: dict[str, str]) -> tuple[int, Any]:
        first, limit = int(query["fromId"]), int(query["limit"])
        return 200, [
            {"id": n, "price": "1.50", "qty": "2", "quoteQty": "3", "time": NOW + n, "isBuyerMaker": n % 2 == 0}
            for n in range(first, min(first + limit, 2500))
        ]

    def exchangeInfo(self, query: dict[str, str]) -> tuple[int, Any]:
        names = json.loads(query["symbols"])
        if "NOPEUSDT" in names:
            return 400, {"code": -1121, "msg": "Invalid symbol."}
        filters = [
            {"filterType": "PRICE_FILTER", "tickSize": "0.01000000"},
            {"filterType": "LOT_SIZE", "stepSize": "0.00001000"},
            {"filterType": "NOTIONAL", "minNotional": "5"},
        ]
        return 200, {
            "symbols": [{"symbol": n, "baseAsset": n[:-4], "quoteAsset": "USDT", "filters": filters} for n in names]
        }

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def api() -> Iterator[Api]:
    server = Api()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def ask(api: Api, what: str, *args: Any) -> Any:
    async def go() -> Any:
        rest = BinanceRest(api.url)
        try:
            # The server's clock stands still; ours must not run ahead of it while we ask.
            return await getattr(rest, what)(*args)
        finally:
            await rest.close()

    return asyncio.run(go())


def test_candles_of_a_minute_are_the_exchanges_own(api: Api) -> None:
    candles: list[Candle] = ask(api, "klines", "BTC/USDT", "1m", 3, None)
    assert [candle.window_start for candle in candles] == [NOW // 60_000 * 60_000 - k * 60_000 for k in (2, 1, 0)]
    # The minute that ended 2.5 s ago has settled; the one that runs has not.
    assert [candle.closed for candle in candles] == [True, True, False]
    assert all(candle.source == "historical" and candle.complete for candle in candles)
    assert str(candles[0].open).endswith(".10")


def test_five_second_candles_are_rolled_up_exactly(api: Api) -> None:
    candles: list[Candle] = ask(api, "klines", "BTC/USDT", "5s", 500, None)
    assert len(candles) == 500
    assert [c.window_start for c in candles] == [NOW // 5000 * 5000 - k * 5000 for k in range(499, -1, -1)]
    assert [c.closed for c in candles[-2:]] == [True, False]
    for candle in candles[:-1]:
        seconds = [candle.window_start // 1000 + k for k in range(5)]
        traded = [second for second in seconds if second % 3]
        prices = [Decimal(f"{100 + second % 7}.10") for second in traded]
        assert (candle.open, candle.high, candle.low, candle.close) == (prices[0], max(prices), min(prices), prices[-1])
        assert candle.volume == sum(Decimal(f"{second % 3}.50") for second in seconds)
        assert candle.trade_count == sum(second % 3 for second in seconds)


def test_candles_before_an_instant(api: Api) -> None:
    end = NOW // 60_000 * 60_000 - 600_000
    candles: list[Candle] = ask(api, "klines", "BTC/USDT", "1m", 2, end)
    assert [candle.window_end for candle in candles] == [end - 60_000, end]


def test_a_window_is_not_closed_by_an_old_measure_of_the_clock(api: Api) -> None:
    async def ask() -> tuple[list[Candle], list[Candle]]:
        rest = BinanceRest(api.url)
        before = await rest.klines("BTC/USDT", "5s", 2, None)
        rest._skew_at -= 3  # three seconds later
        api.now = NOW - 3000  # it has been standing still
        after = await rest.klines("BTC/USDT", "5s", 2, NOW)
        await rest.close()
        return before, after

    before, after = asyncio.run(ask())
    ended = NOW // 5000 * 5000
    assert {c.window_end: c.closed for c in before}[ended]
    assert not {c.window_end: c.closed for c in after}[ended]


def test_more_candles_than_one_call_gives(api: Api) -> None:
    candles: list[Candle] = ask(api, "klines", "BTC/USDT", "1m", 2500, None)
    starts = [candle.window_start for candle in candles]
    assert len(starts) == 2500 and starts == list(range(starts[0], starts[0] + 2500 * 60_000, 60_000))


def test_answers_are_not_kept(api: Api) -> None:
    """Of many pages nothing stays, however long the garbage collector stays away."""

    async def go() -> int:
        rest = BinanceRest(api.url)
        await rest.klines("BTC/USDT", "1m", 1000, None)
        gc.collect()
        tracemalloc.start()
        for _ in range(20):
            await rest.klines("BTC/USDT", "1m", 1000, None)
        kept, _ = tracemalloc.get_traced_memory()
        await rest.close()
        return kept

    gc.disable()
    try:
        kept = asyncio.run(go())
    finally:
        gc.enable()
        tracemalloc.stop()
    assert kept < 20 * 30_000, "a page is some 100 KB"


def test_old_trades_by_id(api: Api) -> None:
    trades = ask(api, "trades_from", "BTC/USDT", 2000, 1000)
    assert [int(trade.trade_id) for trade in trades] == list(range(2000, 2500))
    assert (trades[0].side, trades[1].side, str(trades[0].price)) == ("sell", "buy", "1.50")


def test_steps_of_the_symbols_that_exist(api: Api) -> None:
    markets = ask(api, "markets", ["BTC/USDT", "NOPE/USDT", "ETH/USDT"])
    assert sorted(markets) == ["BTC/USDT", "ETH/USDT"]
    assert (markets["BTC/USDT"].tick_size, markets["BTC/USDT"].lot_size) == (Decimal("0.01"), Decimal("0.00001"))


def test_told_to_wait_we_ask_nothing_more(api: Api) -> None:
    async def go() -> None:
        rest = BinanceRest(api.url)
        api.status, api.headers = 429, {"Retry-After": "0.4"}
        with pytest.raises(ExchangeUnavailable) as told:
            await rest.trades_from("BTC/USDT", 1, 10)
        assert told.value.retry_after == 0.4
        api.status, api.headers = 200, {}
        with pytest.raises(ExchangeUnavailable) as still:
            await rest.trades_from("BTC/USDT", 1, 10)
        assert 0 < still.value.retry_after <= 0.4
        assert len(api.calls) == 1
        await asyncio.sleep(0.41)
        assert len(await rest.trades_from("BTC/USDT", 1, 10)) == 10
        await rest.close()

    asyncio.run(go())


def test_near_the_weight_limit_we_pause(api: Api) -> None:
    async def go() -> None:
        rest = BinanceRest(api.url)
        api.headers = {"X-MBX-USED-WEIGHT-1M": "5900"}
        await rest.trades_from("BTC/USDT", 1, 10)
        with pytest.raises(ExchangeUnavailable) as pause:
            await rest.trades_from("BTC/USDT", 1, 10)
        assert 0 < pause.value.retry_after <= 60
        await rest.close()

    asyncio.run(go())


@pytest.mark.parametrize("status", [500, 503])
def test_a_server_in_trouble_is_unavailable(api: Api, status: int) -> None:
    api.status = status
    with pytest.raises(ExchangeUnavailable, match=str(status)):
        ask(api, "klines", "BTC/USDT", "1m", 3, None)


def test_nobody_there_is_unavailable(api: Api) -> None:
    api.url = "http://127.0.0.1:1"
    with pytest.raises(ExchangeUnavailable):
        ask(api, "trades_from", "BTC/USDT", 1, 10)
