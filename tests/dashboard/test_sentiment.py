"""The mood over REST and on the socket, from the same rows."""

import json
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from dashboard.live.hub import Hub
from dashboard.live.protocol import Key, Subscribe, parse
from pipeline.live import Payload, channel
from pipeline.news.mood import MARKET, Mood, Scored
from pipeline.news.moods import mood_data
from pipeline.store.engine import engine
from pipeline.store.moods import Moods
from pipeline.store.write import Store
from tests.dashboard.conftest import NOON, candle
from tests.dashboard.test_hub import client, read
from tests.dashboard.test_news import article

HOUR = 3_600_000


def hour(n: int, coin: str = "btc", timeframe: str = "1h", value: float = 0.25) -> Mood:
    return Mood(NOON + n * HOUR, coin, timeframe, value, -0.5, 0.75, 3, 1.5)


@pytest.fixture
def table(web: FlaskClient, database_url: str) -> Iterator[Moods]:
    pool = engine(database_url)
    yield Moods(pool)
    pool.dispose()


def test_of_a_coin_of_a_symbol_and_of_the_market(web: FlaskClient, table: Moods) -> None:
    table.write([hour(0), hour(0, MARKET, value=-0.125), hour(0, "eth"), hour(0, timeframe="4h")])
    (row,) = web.get("/api/v1/sentiment?symbol=btc").json["data"]
    row.pop("created_at")
    assert row == {
        "time": "2024-08-08T12:00:00Z", "coin": "btc", "timeframe": "1h", "value": 0.25, "low": -0.5, "high": 0.75,
        "articles": 3, "weight": 1.5,
    }  # fmt: skip
    for spelling in ("BTC", "BTC/USDT", "BTC%2FUSDT", "btc-usdt"):
        assert len(web.get(f"/api/v1/sentiment?symbol={spelling}").json["data"]) == 1
    (market,) = web.get("/api/v1/sentiment").json["data"]
    assert (market["coin"], market["value"]) == ("market", -0.125)


def test_a_bucket_is_written_anew(web: FlaskClient, table: Moods) -> None:
    table.write([hour(0)])
    table.write([hour(0, value=0.5)])
    (row,) = web.get("/api/v1/sentiment?symbol=btc").json["data"]
    assert row["value"] == 0.5


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages(web: FlaskClient, table: Moods, order: str) -> None:
    table.write([hour(n) for n in range(7)])
    seen, cursor = [], ""
    while True:
        answer = web.get(f"/api/v1/sentiment?symbol=btc&limit=3&order={order}{cursor}").json
        seen += [row["time"] for row in answer["data"]]
        if answer["pagination"]["next_cursor"] is None:
            break
        cursor = f"&cursor={answer['pagination']['next_cursor']}"
    assert len(seen) == len(set(seen)) == 7
    assert seen == sorted(seen, reverse=order == "desc")


def test_a_range_is_oldest_first_and_holds_its_ends(web: FlaskClient, table: Moods) -> None:
    table.write([hour(n) for n in range(7)])
    path = "/api/v1/sentiment?symbol=btc&start_time=2024-08-08T13:00:00Z&end_time=2024-08-08T15:00:00Z"
    assert [row["time"][11:13] for row in web.get(path).json["data"]] == ["13", "14", "15"]


def test_an_interval_that_there_is_not(web: FlaskClient) -> None:
    answer = web.get("/api/v1/sentiment?interval=1m")
    assert answer.status_code == 400
    assert answer.json["code"] == "INVALID_INTERVAL"


@pytest.mark.parametrize(
    ("symbol", "timeframe", "gets"),
    [
        ("btc", "1h", [("btc", "1h")]),
        ("BTC/USDT", "1h", [("btc", "1h")]),
        ("market", "", [("market", "1h")]),
        ("*", "*", [("btc", "1h"), ("btc", "4h"), ("market", "1h")]),
        ("eth", "1h", []),
    ],
)
def test_on_the_socket(symbol: str, timeframe: str, gets: list[tuple[str, str]]) -> None:
    asked = parse(json.dumps({"action": "subscribe", "type": "sentiment", "symbol": symbol, "timeframe": timeframe}))
    assert isinstance(asked, Subscribe)
    assert isinstance(asked.key, Key)
    hub = Hub(lambda: None)
    one = client(hub, asked.key)
    for seq, mood in enumerate((hour(0), hour(0, timeframe="4h"), hour(0, MARKET)), 1):
        hub.publish(channel("sentiment", mood.coin, mood.timeframe), Payload(False, "e", seq, [mood_data(mood)]))
    found = [message["data"] for message in read(one)]
    assert [(data["coin"], data["timeframe"]) for data in found] == gets
    assert all(data["type"] == "sentiment" for data in found)


def test_stored_articles_are_remembered(table: Moods, store: Store) -> None:
    store.write(
        [], [], [], [article(1, "btc", "eth", score=0.5), article(2, "btc", score=None), article(3, score=-0.5)]
    )
    assert table.scored(NOON + 61_000) == [Scored(NOON + 180_000, "CoinDesk", -0.5, ())]
    assert len(table.scored(NOON)) == 2


def test_the_gauge_of_a_coin_and_of_the_market(web: FlaskClient, table: Moods, store: Store) -> None:
    empty = web.get("/api/v1/sentiment/gauge").json["data"]
    assert (empty["value"], empty["label"], empty["parts"]) == (None, None, [])
    store.write([], [candle(n, "1d", close=str(60_000 + (n * 37 % 11) * 100)) for n in range(60)])
    table.write([hour(0, timeframe="1d", value=0.5)])
    coin = web.get("/api/v1/sentiment/gauge?symbol=btc").json["data"]
    assert [part["name"] for part in coin["parts"]] == ["sentiment", "volatility", "momentum", "volume"]
    assert coin["parts"][0]["value"] == 75
    assert coin["value"] == pytest.approx(sum(part["value"] for part in coin["parts"]) / 4, abs=0.06)
    market = web.get("/api/v1/sentiment/gauge").json["data"]
    assert [part["name"] for part in market["parts"]] == ["volatility", "momentum", "volume"]
    assert web.get("/api/v1/sentiment/gauge?symbol=BTC/USDT").json["data"] == coin


def test_the_study_has_every_label_and_horizon(web: FlaskClient) -> None:
    found = web.get("/api/v1/sentiment/study").json["data"]
    assert (found["coin"], found["days"], found["articles"]) == ("market", 30, 0)
    assert [(row["label"], row["horizon"]) for row in found["findings"]] == [
        (name, horizon) for name in ("negative", "neutral", "positive") for horizon in ("5m", "1h", "24h")
    ]
    answer = web.get("/api/v1/sentiment/study?days=0")
    assert (answer.status_code, answer.json["code"]) == (400, "INVALID_LIMIT")
