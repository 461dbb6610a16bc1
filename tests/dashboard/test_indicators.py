"""Indicators over REST: stored rows as they are, computed ones where there are none or with other parameters."""

import random
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from msgspec.structs import replace

from pipeline.indicators import pandas_engine
from pipeline.indicators.bar import bar
from pipeline.model import Candle, Indicator
from pipeline.store.write import Store
from tests.dashboard.conftest import NOON, candle

MINUTE = 60_000


def rsi(n: int, value: float, symbol: str = "BTC/USDT") -> Indicator:
    return Indicator(NOON + n * MINUTE, symbol, "1m", "rsi", value=value)


def market(count: int) -> list[Candle]:
    walk = random.Random(2)
    price, out = Decimal(60_000), []
    for n in range(count):
        price += walk.randrange(-100, 101)
        out.append(
            replace(candle(n, close=str(price)), open=price, low=price - 5, volume=Decimal(walk.randrange(1, 99)))
        )
    return out


def times(answer: Any) -> list[str]:
    return [row["time"] for row in answer.json["data"]]


def test_stored_rows_have_the_figures_that_are_set(web: FlaskClient, store: Store) -> None:
    macd = Indicator(NOON, "BTC/USDT", "1m", "macd", value=1.5, value_signal=1.0, value_histogram=0.5)
    store.write([], [], [rsi(0, 44.5), rsi(1, 45.5), macd, rsi(0, 1.0, "ETH/USDT")])
    answer = web.get("/api/v1/indicators/rsi?symbol=BTC/USDT")
    assert answer.status_code == 200
    assert [row["value"] for row in answer.json["data"]] == [45.5, 44.5]
    row = answer.json["data"][1]
    assert set(row) == {"time", "symbol", "timeframe", "indicator_type", "created_at", "value"}
    assert (row["time"], row["symbol"], row["timeframe"]) == ("2024-08-08T12:00:00Z", "BTC/USDT", "1m")
    newest = web.get("/api/v1/indicators?symbol=BTCUSDT&interval=1m").json["data"]
    assert [(each["indicator_type"], each["value"]) for each in newest] == [("rsi", 45.5), ("macd", 1.5)]
    assert web.get("/api/v1/indicators?symbol=BTCUSDT&interval=5m").json["data"] == []


def test_old_paths(web: FlaskClient, store: Store) -> None:
    store.write([], [], [rsi(0, 44.5)])
    for spelling in ("BTC/USDT", "BTC%2FUSDT", "btc-usdt", "BTCUSDT"):
        for path in (f"{spelling}/rsi", spelling):
            assert [row["value"] for row in web.get(f"/api/v1/indicators/{path}").json["data"]] == [44.5], path


def test_pages_and_ranges_of_stored_rows(web: FlaskClient, store: Store) -> None:
    store.write([], [], [rsi(n, float(n)) for n in range(7)])
    url, seen = "/api/v1/indicators/rsi?symbol=BTCUSDT&limit=3&order=asc", []
    cursor = ""
    while cursor is not None:
        answer = web.get(url + cursor)
        seen += [row["value"] for row in answer.json["data"]]
        following = answer.json["pagination"]["next_cursor"]
        cursor = None if following is None else f"&cursor={following}"
    assert seen == [float(n) for n in range(7)]
    ranged = "/api/v1/indicators/rsi?symbol=BTCUSDT&start_time=2024-08-08T12:02:00Z&end_time=2024-08-08T12:04:00Z"
    assert [row["value"] for row in web.get(ranged).json["data"]] == [2.0, 3.0, 4.0]


def test_computed_where_nothing_is_stored(web: FlaskClient, store: Store) -> None:
    candles = market(120)
    store.write([], candles)
    answer = web.get("/api/v1/indicators/rsi?symbol=BTCUSDT&limit=1000&order=asc")
    expected = pandas_engine.streamed("rsi", [bar(c) for c in candles])
    assert len(expected) == 120 - 14
    assert [row["value"] for row in answer.json["data"]] == [figures["value"] for _, figures in expected]
    assert times(web.get("/api/v1/indicators/rsi?symbol=BTCUSDT&limit=5"))[0] == "2024-08-08T13:59:00Z"
    # Asked for from the very first bar on, a page is whole though the first fourteen bars have no figure.
    first = web.get("/api/v1/indicators/rsi?symbol=BTCUSDT&limit=10&order=asc")
    assert times(first) == times(answer)[:10]
    following = first.json["pagination"]["next_cursor"]
    second = web.get(f"/api/v1/indicators/rsi?symbol=BTCUSDT&limit=10&order=asc&cursor={following}")
    assert times(second) == times(answer)[10:20]
    assert [r["value"] for r in second.json["data"]] == pytest.approx(
        [f["value"] for _, f in expected[10:20]], rel=1e-9
    )


def test_computed_with_the_callers_parameters(web: FlaskClient, store: Store) -> None:
    candles = market(120)
    store.write([], candles, [rsi(119, 1.0)])
    answer = web.get("/api/v1/indicators/rsi?symbol=BTCUSDT&length=21&limit=3")
    expected = pandas_engine.streamed("rsi", [bar(c) for c in candles], length=21)[-3:][::-1]
    assert [row["value"] for row in answer.json["data"]] == [figures["value"] for _, figures in expected]
    bands = web.get("/api/v1/indicators/bollinger?symbol=BTCUSDT&length=10&std=1.5&limit=1").json["data"][0]
    assert bands["lower_band"] < bands["middle_band"] < bands["upper_band"]
    levels = web.get("/api/v1/indicators/support_resistance?symbol=BTCUSDT&span=3&limit=1").json["data"][0]
    assert levels["indicator_type"] == "support_resistance"
    # A mended candle is not answered from memory.
    store.write([], [replace(candles[-1], close=candles[-1].low, trade_count=99)])
    again = web.get("/api/v1/indicators/rsi?symbol=BTCUSDT&length=21&limit=3")
    assert again.json["data"][0]["value"] != answer.json["data"][0]["value"]
    assert again.json["data"][1:] == answer.json["data"][1:]


def test_anything_the_library_has(web: FlaskClient, store: Store) -> None:
    store.write([], market(120))
    row = web.get("/api/v1/indicators/aroon?symbol=BTCUSDT&length=10&limit=1").json["data"][0]
    assert set(row["outputs"]) == {"AROOND_10", "AROONU_10", "AROONOSC_10"}
    assert row["value"] == row["outputs"]["AROOND_10"]
    listed = web.get("/api/v1/indicators/list").json["data"]
    assert listed[0]["name"] == "rsi"
    assert len(listed) > 180
    for entry in random.Random(1).sample(listed, 12):
        answer = web.get(f"/api/v1/indicators/{entry['name']}?symbol=BTCUSDT&limit=2")
        assert answer.status_code == 200, entry["name"]


BAD = [
    ("rsi", 400, "MISSING_PARAMETER", "symbol"),
    ("rsi?symbol=..", 400, "INVALID_SYMBOL", "symbol"),
    ("rsi?symbol=BTCUSDT&interval=7m", 400, "INVALID_INTERVAL", "7m"),
    ("rsi?symbol=BTCUSDT&limit=0", 400, "INVALID_LIMIT", "limit"),
    ("rsi?symbol=BTCUSDT&length=0", 400, "INVALID_BODY", "length"),
    ("rsi?symbol=BTCUSDT&length=1e9", 400, "INVALID_BODY", "length"),
    ("rsi?symbol=BTCUSDT&width=3", 400, "INVALID_BODY", "width"),
    ("bollinger?symbol=BTCUSDT&std=nan", 400, "INVALID_BODY", "std"),
    ("aroon?symbol=BTCUSDT&talib=true", 400, "INVALID_BODY", "talib"),
    ("nonsense?symbol=BTCUSDT", 404, "NOT_FOUND", "nonsense"),
    ("BTC/USDT/nonsense", 400, "INVALID_SYMBOL", "nonsense"),
]


def test_bad_calls(web: FlaskClient) -> None:
    for call, status, code, word in BAD:
        answer = web.get(f"/api/v1/indicators/{call}")
        assert (answer.status_code, answer.json["code"]) == (status, code), call
        assert word in answer.json["error"]
        if status == 400:
            assert web.get(answer.json["example"]).status_code == 200
