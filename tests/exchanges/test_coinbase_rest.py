"""Coinbase's REST API as a local server speaks it: newest first, floats for figures, ids to page by."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

from pipeline.errors import ExchangeUnavailable
from pipeline.exchanges.coinbase_rest import CoinbaseRest

HOUR = 3_600_000
#: 2024-08-08T12:00:00Z
NOON = 1_723_118_400_000


class Server:
    """`answer(path, query)` gives status and body."""

    def __init__(self, answer: Callable[[str, dict[str, str]], tuple[int, Any]]) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = urlparse(self.path)
                query = {name: values[0] for name, values in parse_qs(url.query).items()}
                outer.asked.append((url.path, query))
                code, body = answer(url.path, query)
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def make() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(answer: Callable[[str, dict[str, str]], tuple[int, Any]]) -> Server:
        servers.append(Server(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def ask(server: Server, method: str, *arguments: Any) -> Any:
    async def run() -> Any:
        rest = CoinbaseRest(server.url)
        try:
            return await getattr(rest, method)(*arguments)
        finally:
            await rest.close()

    return asyncio.run(run())


def candles(path: str, query: dict[str, str]) -> tuple[int, Any]:
    """[start, low, high, open, close, volume], newest first; the price is the hour of the day."""
    step = int(query["granularity"])
    first, last = (int(datetime.fromisoformat(query[name]).timestamp()) for name in ("start", "end"))
    rows = [
        [at, at // step, at // step + 10, at // step + 1, at // step + 2, 0.5] for at in range(first, last + 1, step)
    ]
    assert len(rows) <= 300
    return 200, rows[::-1]


def test_candles_come_in_pages_and_in_order(make: Callable[..., Server]) -> None:
    server = make(candles)
    found = ask(server, "klines", "BTC/USD", "1m", 700, NOON)
    assert [c.window_start for c in found] == list(range(NOON - 700 * 60_000, NOON, 60_000))
    assert len(server.asked) == 3
    assert {path for path, _ in server.asked} == {"/products/BTC-USD/candles"}
    assert all(c.closed and c.source == "historical" and c.exchange == "COINBASE" for c in found)


def test_four_hours_are_made_of_hours_and_seconds_of_nothing(make: Callable[..., Server]) -> None:
    server = make(candles)
    (last,) = ask(server, "klines", "BTC/USD", "4h", 1, NOON)
    assert (last.window_start, last.window_end) == (NOON - 4 * HOUR, NOON)
    hour = (NOON - 4 * HOUR) // HOUR
    assert (last.open, last.low, last.high, last.close) == (hour + 1, hour, hour + 13, hour + 5)
    assert last.volume == Decimal("2.0")
    assert ask(server, "klines", "BTC/USD", "5s", 10, None) == []


def test_trades_from_an_id_on(make: Callable[..., Server]) -> None:
    def trades(path: str, query: dict[str, str]) -> tuple[int, Any]:
        after, limit = int(query["after"]), int(query["limit"])
        at = datetime.fromtimestamp(NOON / 1000, UTC).isoformat().replace("+00:00", "Z")
        ids = range(after - 1, max(0, after - 1 - limit), -1)
        return 200, [
            {"trade_id": n, "side": "sell", "size": "0.00000015", "price": "65083.670", "time": at} for n in ids
        ]

    found = ask(make(trades), "trades_from", "BTC/USD", 100, 5)
    assert [t.trade_id for t in found] == ["100", "101", "102", "103", "104"]
    assert (found[0].side, found[0].ts, f"{found[0].price:f}") == ("buy", NOON, "65083.670")


def test_products_that_are_traded(make: Callable[..., Server]) -> None:
    def products(path: str, query: dict[str, str]) -> tuple[int, Any]:
        one = {
            "base_currency": "BTC",
            "quote_currency": "USD",
            "quote_increment": "0.01",
            "base_increment": "0.00000001",
        }
        return 200, [one | {"id": "BTC-USD", "status": "online"}, one | {"id": "OLD-USD", "status": "delisted"}]

    found = ask(make(products), "markets", ["BTC/USD", "OLD/USD", "NO/USD"])
    assert list(found) == ["BTC/USD"]
    assert (found["BTC/USD"].tick_size, found["BTC/USD"].lot_size) == (Decimal("0.01"), Decimal("1E-8"))


def test_refusals_are_told_and_pauses_kept(make: Callable[..., Server]) -> None:
    with pytest.raises(ExchangeUnavailable, match="cannot be read"):
        ask(make(lambda *_: (200, b"<html>")), "markets", ["BTC/USD"])
    with pytest.raises(ExchangeUnavailable, match="HTTP 404"):
        ask(make(lambda *_: (404, {"message": "NotFound"})), "trades_from", "NO/USD", 1, 10)
    server = make(lambda *_: (429, {}))

    async def twice() -> list[float]:
        rest = CoinbaseRest(server.url)
        waits = []
        for _ in range(2):
            with pytest.raises(ExchangeUnavailable) as caught:
                await rest.markets(["BTC/USD"])
            waits.append(caught.value.retry_after)
        await rest.close()
        return waits

    assert all(wait > 0 for wait in asyncio.run(twice()))
    assert len(server.asked) == 1, "the second was not even sent"
