"""REST as a program meets it: CONTRACT §2."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from msgspec.structs import replace

from dashboard.app import create_app
from dashboard.page import warm
from pipeline import status
from pipeline.live import LivePublisher, channel
from pipeline.live_messages import candle_data
from pipeline.settings import Settings
from pipeline.store.write import Store
from tests.dashboard.conftest import NOON, candle, trade

CANDLE_KEYS = {
    "window_start", "window_end", "exchange", "symbol", "timeframe", "open", "high", "low", "close", "volume", "trade_count",
    "closed", "first_trade_ts", "last_trade_ts", "duration_ms", "source", "created_at",
}  # fmt: skip


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat().replace("+00:00", "Z")


def starts(answer: Any) -> list[int]:
    return [round(datetime.fromisoformat(row["window_start"]).timestamp() * 1000) for row in answer.json["data"]]


def test_a_candle_has_every_key_and_every_digit(web: FlaskClient, store: Store) -> None:
    store.write([], [candle(0)])
    answer = web.get("/api/v1/crypto/data?symbol=BTC/USDT")
    assert answer.status_code == 200
    assert set(answer.json) == {"success", "data", "pagination", "timestamp"}
    row = json.loads(answer.data, parse_float=Decimal)["data"][0]
    assert row.keys() >= CANDLE_KEYS
    assert str(row["open"]) == "60000.00000000"
    assert str(row["volume"]) == "1.00000001"
    assert row["window_start"] == "2024-08-08T12:00:00Z"
    assert row["window_end"] == "2024-08-08T12:01:00Z"
    assert row["first_trade_ts"] == "2024-08-08T12:00:00.005000Z"
    assert (row["closed"], row["trade_count"], row["duration_ms"]) == (True, 7, 59_990)


@pytest.mark.parametrize("spelling", ["BTC/USDT", "BTC%2FUSDT", "btc-usdt", "BTCUSDT", "btcusdt"])
@pytest.mark.parametrize("form", ["/api/v1/crypto/data?symbol={}", "/api/v1/crypto/{}/data"])
def test_every_spelling_of_a_symbol(web: FlaskClient, store: Store, spelling: str, form: str) -> None:
    store.write([], [candle(0)])
    assert starts(web.get(form.format(spelling))) == [NOON]


def test_one_letter_bases(web: FlaskClient, store: Store) -> None:
    store.write([], [candle(0, symbol="T/USDT")])
    assert starts(web.get("/api/v1/crypto/data?symbol=TUSDT")) == [NOON]


def test_order_and_ranges(web: FlaskClient, store: Store) -> None:
    store.write([], [candle(n) for n in range(5)])
    every = [NOON + n * 60_000 for n in range(5)]
    base = "/api/v1/crypto/data?symbol=BTCUSDT"
    assert starts(web.get(base)) == every[::-1]
    assert starts(web.get(f"{base}&limit=2")) == [every[4], every[3]]
    assert starts(web.get(f"{base}&order=asc")) == every
    between = f"&start_time={iso(every[1])}&end_time={iso(every[3])}"
    assert starts(web.get(base + between)) == every[1:4], "both ends included, oldest first"
    assert starts(web.get(base + between + "&order=desc")) == every[3:0:-1]
    assert starts(web.get(f"{base}&end_time={iso(every[1])}")) == every[:2]
    # A + that nobody escaped, another zone, no zone.
    assert starts(web.get(f"{base}&start_time=2024-08-08T14:04:00+02:00")) == every[4:]
    assert starts(web.get(f"{base}&start_time=2024-08-08T12:04:00")) == every[4:]
    assert web.get("/api/v1/crypto/data?symbol=ETHUSDT").json["data"] == []


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_give_every_candle_once(web: FlaskClient, store: Store, order: str) -> None:
    store.write([], [candle(n) for n in range(7)])
    seen: list[int] = []
    url = f"/api/v1/crypto/data?symbol=BTCUSDT&limit=3&order={order}"
    answer = web.get(url)
    while True:
        seen += starts(answer)
        following = answer.json["pagination"]["next_cursor"]
        if following is None:
            break
        # A candle that comes between two pages moves nothing.
        store.write([], [candle(100)])
        answer = web.get(f"{url}&cursor={following}")
    expected = [NOON + n * 60_000 for n in range(7)]
    if order == "asc":
        expected.append(NOON + 100 * 60_000)
    assert seen == (expected if order == "asc" else expected[::-1])


def test_pages_of_trades_within_one_millisecond(web: FlaskClient, store: Store) -> None:
    ids = ["9", "10", "11", "99", "100"]
    store.write([trade(0, id_) for id_ in ids], [])
    for order, expected in (("asc", ids), ("desc", ids[::-1])):
        seen, cursor = [], ""
        for _ in ids:
            answer = web.get(f"/api/v1/crypto/trades?symbol=BTCUSDT&limit=1&order={order}{cursor}")
            seen += [row["trade_id"] for row in answer.json["data"]]
            cursor = f"&cursor={answer.json['pagination']['next_cursor']}"
        assert seen == expected


def test_trades(web: FlaskClient, store: Store) -> None:
    store.write([trade(1), trade(2)], [])
    answer = web.get("/api/v1/crypto/trades?symbol=BTC/USDT")
    rows = json.loads(answer.data, parse_float=Decimal)["data"]
    assert [row["trade_id"] for row in rows] == ["2", "1"]
    assert str(rows[0]["price"]) == "60000.12000000"
    assert rows[0]["event_ts"] == "2024-08-08T12:00:00.002000Z"
    assert (rows[0]["side"], rows[0]["exchange"], rows[0]["symbol"]) == ("buy", "BINANCE", "BTC/USDT")


def test_the_forming_candle_is_the_newest_row(web: FlaskClient, store: Store, live: LivePublisher) -> None:
    store.write([], [candle(0), candle(1)])
    live.forming({channel("candle", "BTC/USDT", "1m"): candle_data(candle(2, closed=False))})
    base = "/api/v1/crypto/data?symbol=BTCUSDT"
    rows = web.get(f"{base}&limit=2").json["data"]
    assert [row["closed"] for row in rows] == [False, True]
    assert rows[0].keys() >= CANDLE_KEYS
    assert starts(web.get(f"{base}&order=asc")) == [NOON, NOON + 60_000, NOON + 120_000]
    assert starts(web.get(f"{base}&order=asc&limit=2")) == [NOON, NOON + 60_000]
    assert starts(web.get(f"{base}&end_time={iso(NOON + 60_000)}")) == [NOON, NOON + 60_000]
    assert web.get("/api/v1/crypto/latest?symbol=BTCUSDT").json["data"]["closed"] is False
    # Closed and stored: the old forming one must not come back.
    store.write([], [candle(2, close="60123")])
    assert web.get("/api/v1/crypto/latest?symbol=BTCUSDT").json["data"]["close"] == 60123
    store.write([], [candle(3)])
    assert starts(web.get(base)) == [NOON + n * 60_000 for n in (3, 2, 1, 0)]


def test_forming_over_a_stored_open_one(web: FlaskClient, store: Store, live: LivePublisher) -> None:
    store.write([], [candle(0, closed=False, close="60001")])
    live.forming({channel("candle", "BTC/USDT", "1m"): candle_data(candle(0, closed=False, close="60002"))})
    rows = web.get("/api/v1/crypto/data?symbol=BTCUSDT").json["data"]
    assert [row["close"] for row in rows] == [60002]


def test_latest_of_nothing_is_404(web: FlaskClient) -> None:
    answer = web.get("/api/v1/crypto/latest?symbol=BTC/USDT")
    assert answer.status_code == 404
    assert answer.json["code"] == "NOT_FOUND"
    assert answer.json["success"] is False
    assert web.get("/api/v1/stats?symbol=BTC/USDT").status_code == 404


@pytest.mark.parametrize(
    ("query", "code", "word"),
    [
        ("", "MISSING_PARAMETER", "symbol"),
        ("symbol=", "MISSING_PARAMETER", "symbol"),
        ("symbol=../etc", "INVALID_SYMBOL", "../etc"),
        ("symbol=B'--", "INVALID_SYMBOL", "symbol"),
        ("symbol=BTCUSDT&interval=2m", "INVALID_INTERVAL", "5s, 1m, 5m"),
        ("symbol=BTCUSDT&limit=0", "INVALID_LIMIT", "limit"),
        ("symbol=BTCUSDT&limit=-5", "INVALID_LIMIT", "limit"),
        ("symbol=BTCUSDT&limit=1.5", "INVALID_LIMIT", "1.5"),
        ("symbol=BTCUSDT&limit=abc", "INVALID_LIMIT", "abc"),
        ("symbol=BTCUSDT&limit=٣", "INVALID_LIMIT", "limit"),
        ("symbol=BTCUSDT&start_time=yesterday", "INVALID_TIME", "start_time"),
        ("symbol=BTCUSDT&end_time=2024-13-01T00:00:00Z", "INVALID_TIME", "end_time"),
        ("symbol=BTCUSDT&end_time=0001-01-01T00:00:00%2B23:00", "INVALID_TIME", "end_time"),
        ("symbol=BTCUSDT&start_time=2024-01-02T00:00:00Z&end_time=2024-01-01T00:00:00Z", "INVALID_TIME", "after"),
        ("symbol=BTCUSDT&cursor=nonsense", "INVALID_CURSOR", "cursor"),
        ("symbol=BTCUSDT&cursor=ä", "INVALID_CURSOR", "cursor"),
        ("symbol=BTCUSDT&order=up", "INVALID_BODY", "order"),
    ],
)
def test_bad_calls_say_which_field_and_show_a_call_that_works(
    web: FlaskClient, query: str, code: str, word: str
) -> None:
    answer = web.get(f"/api/v1/crypto/data?{query}")
    assert answer.status_code == 400
    assert (answer.json["success"], answer.json["code"]) == (False, code)
    assert word in answer.json["error"]
    assert web.get(answer.json["example"]).status_code == 200


def test_a_limit_above_the_cap_is_cut(web: FlaskClient) -> None:
    for limit in ("10001", "9" * 400):
        answer = web.get(f"/api/v1/crypto/data?symbol=BTCUSDT&limit={limit}")
        assert answer.json["pagination"] == {"limit": 10_000, "next_cursor": None}


def test_what_does_not_exist_answers_in_the_same_shape(web: FlaskClient) -> None:
    answer = web.get("/api/v1/nothing")
    assert (answer.status_code, answer.json["code"]) == (404, "NOT_FOUND")
    answer = web.post("/api/v1/crypto/data")
    assert (answer.status_code, answer.json["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert "GET" in answer.headers["Allow"]
    assert not web.get("/nothing-here/at-all.txt").is_json


def test_options_and_cors(web: FlaskClient, settings: Callable[..., Settings]) -> None:
    for path in ("/api/v1/crypto/data", "/api/v1/nothing", "/"):
        assert web.options(path).status_code == 204
    assert web.get("/health", headers={"Origin": "https://a.example"}).headers["Access-Control-Allow-Origin"] == "*"
    some = create_app(settings(cors_origins="https://a.example, https://b.example")).test_client()
    allowed = some.get("/health", headers={"Origin": "https://b.example"})
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://b.example"
    assert "Origin" in allowed.headers["Vary"]
    assert "Access-Control-Allow-Origin" not in some.get("/health", headers={"Origin": "https://c.example"}).headers


def test_an_unchanged_answer_is_a_304(web: FlaskClient, store: Store) -> None:
    store.write([], [candle(0)])
    url = "/api/v1/crypto/data?symbol=BTCUSDT"
    tag = web.get(url).headers["ETag"]
    assert web.get(url, headers={"If-None-Match": tag}).status_code == 304
    store.write([], [candle(1)])
    assert web.get(url, headers={"If-None-Match": tag}).status_code == 200


def test_large_answers_are_compressed_for_those_who_can_read_it(web: FlaskClient, store: Store) -> None:
    store.write([], [candle(n) for n in range(100)])
    url = "/api/v1/crypto/data?symbol=BTCUSDT"
    plain = web.get(url)
    assert "Content-Encoding" not in plain.headers
    for encoding in ("gzip", "br"):
        packed = web.get(url, headers={"Accept-Encoding": encoding})
        assert packed.headers["Content-Encoding"] == encoding
        assert len(packed.data) < len(plain.data) / 5


def test_symbols_of_the_last_hour(web: FlaskClient, store: Store) -> None:
    def at(symbol: str, age: timedelta) -> None:
        start = int((datetime.now(UTC) - age).timestamp() * 1000) // 60_000 * 60_000
        store.write([], [replace(candle(0, symbol=symbol), window_start=start, window_end=start + 60_000)])

    at("BTC/USDT", timedelta(minutes=5))
    at("ETH/USDT", timedelta(hours=3))
    at("ADA/USDT", timedelta(minutes=30))
    assert web.get("/api/v1/crypto/symbols").json["data"] == {"symbols": ["ADA/USDT", "BTC/USDT"]}


def test_stats_of_a_whole_day(web: FlaskClient, store: Store, live: LivePublisher) -> None:
    day = [candle(n, "1h", close=str(60_000 + n)) for n in range(-30, 0)]
    store.write([], day)
    forming = candle(0, "1h", closed=False, close="61000")
    live.forming({channel("candle", "BTC/USDT", "1h"): candle_data(forming)})
    answer = web.get("/api/v1/stats?symbol=BTCUSDT&interval=1h")
    data = json.loads(answer.data, parse_float=Decimal)["data"]
    within = [*day[-23:], forming]
    assert data["symbol"] == "BTC/USDT"
    assert data["timeframe"] == "1h"
    assert data["latest_price"] == 61000
    assert data["price_change_24h"] == 61000 - within[0].open
    assert data["price_change_pct_24h"] == pytest.approx(Decimal(100) * 1000 / 60000, abs=Decimal("1e-7"))
    assert data["volume_24h"] == sum(c.volume for c in within)
    assert data["high_24h"] == max(c.high for c in within)
    assert data["low_24h"] == min(c.low for c in within)
    assert data["last_update"] == "2024-08-08T12:59:59.995000Z"


def test_stats_use_a_coarser_series_when_the_fine_one_is_short(web: FlaskClient, store: Store) -> None:
    store.write([], [candle(n) for n in range(10)] + [candle(n, "1h") for n in range(-30, 1)])
    data = json.loads(web.get("/api/v1/stats?symbol=BTCUSDT").data, parse_float=Decimal)["data"]
    assert data["timeframe"] == "1m"
    assert data["volume_24h"] == 24 * Decimal("1.00000001")


def test_ready_names_what_is_missing(web: FlaskClient, settings: Callable[..., Settings]) -> None:
    assert web.get("/health").status_code == 200
    assert web.get("/ready").status_code == 200
    lame = create_app(settings(redis_url="redis://127.0.0.1:1/0")).test_client()
    answer = lame.get("/ready")
    assert (answer.status_code, answer.json["missing"]) == (503, ["redis"])
    assert lame.get("/health").status_code == 200
    lame = create_app(settings(database_url="postgresql://nobody@127.0.0.1:1/none")).test_client()
    assert lame.get("/ready").json["missing"] == ["database"]
    answer = lame.get("/api/v1/crypto/data?symbol=BTCUSDT")
    assert (answer.status_code, answer.json["code"]) == (503, "DATABASE_ERROR")
    assert "nobody" not in answer.text


def test_status_tells_the_source_and_the_parts(web: FlaskClient, live: LivePublisher) -> None:
    client = live._redis
    status.report(client, "exchange", "running", "as asked", source="simulator")
    status.report(client, "writer", "failing", "no disk")
    data = web.get("/api/v1/status").json["data"]
    assert data["exchange"]["source"] == "simulator"
    assert data["workers"]["writer"]["state"] == "failing"
    assert data["workers"]["writer"]["detail"] == "no disk"
    assert "exchange" not in data["workers"]


def test_every_answer_carries_the_headers_of_a_careful_server(web: FlaskClient) -> None:
    for path in ("/", "/health", "/api/v1/nothing"):
        headers = web.get(path).headers
        assert "'unsafe-eval'" not in headers["Content-Security-Policy"]
        assert "script-src 'self'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_files_are_compressed_once_and_answers_never_kept(web: FlaskClient, store: Store) -> None:
    server = web.application
    cache = server.extensions["compression"].cache
    page = web.get("/").text
    (plotly,) = re.findall(r'"plotly" content="([^"]+)"', page)
    warm(server)
    kept = cache.get(f"br;{plotly}")
    assert web.get(plotly, headers={"Accept-Encoding": "br"}).data == kept
    store.write([], [candle(n) for n in range(50)])
    url = "/api/v1/crypto/data?symbol=BTCUSDT"
    first = web.get(url, headers={"Accept-Encoding": "br"}).data
    store.write([], [candle(99)])
    assert web.get(url, headers={"Accept-Encoding": "br"}).data != first


def test_stats_of_a_short_history_are_of_all_of_it(web: FlaskClient, store: Store) -> None:
    """The 1d candle that the recording ends in must not stand for the day."""
    store.write([], [candle(n) for n in range(10)] + [candle(-1, "1d"), candle(0, "1h", closed=False)])
    data = json.loads(web.get("/api/v1/stats?symbol=BTCUSDT").data, parse_float=Decimal)["data"]
    assert data["volume_24h"] == 10 * Decimal("1.00000001")
