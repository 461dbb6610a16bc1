"""Tickers, books, names, metrics and request numbers."""

import json
from collections.abc import Callable
from decimal import Decimal

import pytest
from flask.testing import FlaskClient

from dashboard.app import create_app
from pipeline import status
from pipeline.live import LivePublisher, channel
from pipeline.live_messages import ticker_data
from pipeline.model import Ticker
from pipeline.settings import Settings
from pipeline.store.write import Store
from tests.dashboard.conftest import NOON, candle


def ticker(symbol: str, last: str, ts: int = NOON) -> bytes:
    return ticker_data(
        Ticker("BINANCE", symbol, ts, Decimal("1.10"), None, Decimal(last), Decimal("5"), Decimal("50.500"))
    )


def test_the_newest_ticker_of_each(web: FlaskClient, live: LivePublisher) -> None:
    live.publish(
        {channel("ticker", "BTC/USDT"): [ticker("BTC/USDT", "60000.1"), ticker("BTC/USDT", "60000.20", NOON + 500)]}
    )
    live.publish({channel("ticker", "DOGE/USDT"): [ticker("DOGE/USDT", "0.10")]})
    answer = web.get("/api/v1/markets/tickers?symbols=btcusdt,DOGE-USDT,XRP/USDT")
    assert answer.status_code == 200
    rows = json.loads(answer.data, parse_float=Decimal)["data"]
    assert [(row["symbol"], str(row["last"])) for row in rows] == [("BTC/USDT", "60000.20"), ("DOGE/USDT", "0.10")]
    assert rows[0]["time"] == "2024-08-08T12:00:00.500000Z"
    assert rows[0]["ask"] is None
    assert {row["symbol"] for row in web.get("/api/v1/markets/tickers").json["data"]} >= {"BTC/USDT"}
    wrong = web.get("/api/v1/markets/tickers?symbols=BTC/USDT,?")
    assert (wrong.status_code, wrong.json["code"]) == (400, "INVALID_SYMBOL")


def test_the_overview_of_a_day(web: FlaskClient, store: Store) -> None:
    hours = [candle(n, "1h", close=str(60001 + n)) for n in range(30)]
    store.write([], [*hours, candle(30 * 60 - 1, close="61234.50"), candle(0, symbol="ETH/USDT")])
    (row, other) = json.loads(web.get("/api/v1/markets/overview").data, parse_float=Decimal)["data"]
    assert row["symbol"] == "BTC/USDT" and str(row["last"]) == "61234.50"
    # The day begins 24 hours before the end of the newest minute: with the sixth hour.
    assert str(row["open"]) == "60000.00000000" and row["closes"] == [60007 + n for n in range(24)]
    assert (row["high"], row["low"]) == (60030 + 10, Decimal("59990.5"))
    assert row["volume"] == sum(Decimal("1.00000001") * (60007 + n) for n in range(24))
    assert (row["rsi"], row["mean"], row["mood"]) == (None, None, None)
    assert (other["symbol"], other["open"], other["closes"]) == ("ETH/USDT", None, None)


def test_the_book(web: FlaskClient, live: LivePublisher) -> None:
    assert web.get("/api/v1/book?symbol=BTC/USDT").status_code == 404
    levels = '"bids":[[60000.10,1.5],[59999,2]],"asks":[[60000.20,0.10000000],[60001,1]]'
    data = f'{{"type":"book","exchange":"BINANCE","symbol":"BTC/USDT","timestamp":{NOON},{levels}}}'.encode()
    live.forming({channel("book", "BTC/USDT"): data})
    answer = web.get("/api/v1/book?symbol=BTC-USDT&limit=1")
    book = json.loads(answer.data, parse_float=Decimal)["data"]
    assert str(book["asks"]) == "[[Decimal('60000.20'), Decimal('0.10000000')]]"
    assert len(book["bids"]) == 1
    assert book["time"] == "2024-08-08T12:00:00Z"


def test_names_of_money_and_exchanges(web: FlaskClient) -> None:
    rows = {row["code"]: row for row in web.get("/api/v1/currencies").json["data"]}
    assert rows["BTC"] == {"code": "BTC", "name": "Bitcoin", "kind": "coin"}
    assert rows["USDT"]["kind"] == "stable"
    assert "binance" in {row["name"] for row in web.get("/api/v1/exchanges").json["data"]}


def test_metrics_have_requests_workers_and_the_hub(web: FlaskClient, live: LivePublisher) -> None:
    status.report(live._redis, "writer", "running", lag=12, rows_per_s=3.5, note="x")
    status.report(live._redis, "candles", "failing", "it dies")
    web.get("/api/v1/crypto/BTC-USDT/latest")
    web.get("/api/v1/crypto/ETH-USDT/latest")
    lines = web.get("/metrics").text.splitlines()
    assert (
        'cryptoviz_http_requests_total{code="404",method="GET",route="/api/v1/crypto/<path:name>/latest"} 2.0' in lines
    )
    assert 'cryptoviz_worker_up{worker="writer"} 1.0' in lines
    assert 'cryptoviz_worker_up{worker="candles"} 0.0' in lines
    assert 'cryptoviz_worker_lag_messages{worker="writer"} 12.0' in lines
    assert 'cryptoviz_worker_fact{fact="rows_per_s",worker="writer"} 3.5' in lines
    assert "cryptoviz_ws_connections 0.0" in lines
    assert "cryptoviz_redis_up 1.0" in lines


def test_every_line_has_the_number_of_its_request(
    settings: Callable[..., Settings], logging_to: Callable[..., Callable[[], list[str]]]
) -> None:
    written = logging_to(log_format="json")
    app = create_app(settings(redis_url="redis://127.0.0.1:1/0", database_url="postgresql://ann@127.0.0.1:1/x"))
    web = app.test_client()
    first = web.get("/api/v1/crypto/data?symbol=BTC-USDT", headers={"X-Request-ID": "first-request"})
    second = web.get("/api/v1/crypto/symbols")
    assert (first.status_code, second.status_code) == (503, 503)
    lines = [json.loads(line) for line in written()]
    assert {line["request"] for line in lines} == {"first-request", second.headers["X-Request-ID"]}
    assert {line["request"]: line.get("symbol") for line in lines} == {
        "first-request": "BTC/USDT",
        second.headers["X-Request-ID"]: None,
    }


@pytest.mark.parametrize(("given", "kept"), [("abc-123.X", True), ("short", False), ("bad id\twith space", False)])
def test_every_request_has_a_number(web: FlaskClient, given: str, kept: bool) -> None:
    answer = web.get("/health", headers={"X-Request-ID": given})
    assert (answer.headers["X-Request-ID"] == given) is kept
    assert len(answer.headers["X-Request-ID"]) >= 8
