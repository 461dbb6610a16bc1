"""The simulator over real sockets, by the websockets client and httpx: Binance's WebSocket and REST."""

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from pipeline.exchanges.simulator import Simulator
from tests.exchanges.simulated import drain, socket, take

SYMBOLS = ("BTC/USDT", "ETH/USDT", "DOGE/USDT", "ZEC/BTC")


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator(seed=1, rate=400, symbols=SYMBOLS, process=True) as running:
        yield running


@pytest.fixture(scope="module")
def rest(sim: Simulator) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{sim.rest_url}/api/v3") as client:
        yield client


def test_trades_of_a_raw_stream_are_consecutive_and_the_same_in_rest(sim: Simulator, rest: httpx.Client) -> None:
    with socket(sim, "/ws/btcusdt@trade") as ws:
        trades = take(ws, 200)
    assert [set(t) for t in trades] == [{"e", "E", "s", "t", "p", "q", "T", "m", "M"}] * 200
    assert [t["t"] for t in trades] == list(range(trades[0]["t"], trades[0]["t"] + 200))
    assert all(a["T"] <= b["T"] for a, b in pairwise(trades))
    assert abs(trades[-1]["T"] / 1000 - time.time()) < 2
    assert all(len(t["p"].split(".")[1]) == len(t["q"].split(".")[1]) == 8 for t in trades)
    old = rest.get("/historicalTrades", params={"symbol": "BTCUSDT", "fromId": trades[0]["t"], "limit": 200}).json()
    assert [(o["id"], o["price"], o["qty"], o["time"], o["isBuyerMaker"]) for o in old] == [
        (t["t"], t["p"], t["q"], t["T"], t["m"]) for t in trades
    ]
    assert all(Decimal(o["quoteQty"]) == Decimal(o["price"]) * Decimal(o["qty"]) and o["isBestMatch"] for o in old)
    truth = {t["id"]: t for t in sim.truth("BTC/USDT")}
    assert all(truth[o["id"]] == o for o in old)


def test_aggregates_cover_the_trades_without_a_hole(sim: Simulator, rest: httpx.Client) -> None:
    with socket(sim, "/ws/ethusdt@aggTrade") as ws:
        events = take(ws, 150)
    assert [e["a"] for e in events] == list(range(events[0]["a"], events[0]["a"] + 150))
    assert all(b["f"] == a["l"] + 1 for a, b in pairwise(events))
    truth = {t["id"]: t for t in sim.truth("ETH/USDT")}
    for e in events:
        parts = [truth[i] for i in range(e["f"], e["l"] + 1)]
        assert {(p["price"], p["isBuyerMaker"], p["time"]) for p in parts} == {(e["p"], e["m"], e["T"])}
        assert sum(Decimal(p["qty"]) for p in parts) == Decimal(e["q"])
    assert any(e["l"] > e["f"] for e in events)
    rows = rest.get("/aggTrades", params={"symbol": "ETHUSDT", "fromId": events[0]["a"], "limit": 150}).json()
    assert [(r["a"], r["p"], r["q"], r["f"], r["l"], r["T"]) for r in rows] == [
        (e["a"], e["p"], e["q"], e["f"], e["l"], e["T"]) for e in events
    ]
    at = events[20]["T"]
    ranged = rest.get("/aggTrades", params={"symbol": "ETHUSDT", "startTime": at, "endTime": at + 100}).json()
    assert ranged and all(at <= r["T"] <= at + 100 for r in ranged)


def test_combined_streams_each_in_its_envelope(sim: Simulator) -> None:
    names = [
        f"btcusdt@{kind}"
        for kind in (
            "trade",
            "aggTrade",
            "bookTicker",
            "ticker",
            "miniTicker",
            "kline_1m",
            "depth5",
            "depth20@100ms",
            "depth@100ms",
        )
    ]
    with socket(sim, "/stream?streams=" + "/".join([*names, "!miniTicker@arr", "nosuch@trade"])) as ws:
        frames = drain(ws, 2.5)
    by_stream = {frame["stream"]: frame["data"] for frame in frames}
    assert set(by_stream) == {*names, "!miniTicker@arr"}
    assert set(by_stream["btcusdt@bookTicker"]) == {"u", "s", "b", "B", "a", "A"}
    assert set(by_stream["btcusdt@ticker"]) == set("eEspPwxcQbBaAohlvqOCFLn")
    assert set(by_stream["btcusdt@miniTicker"]) == set("eEscohlvq")
    assert set(by_stream["btcusdt@kline_1m"]["k"]) == set("tTsifLochlvnxqVQB")
    assert len(by_stream["btcusdt@depth5"]["bids"]) == 5 and len(by_stream["btcusdt@depth20@100ms"]["asks"]) == 20
    assert [t["s"] for t in by_stream["!miniTicker@arr"]] == [s.replace("/", "") for s in SYMBOLS]
    for frame in frames:
        if frame["stream"] == "btcusdt@bookTicker":
            assert float(frame["data"]["b"]) < float(frame["data"]["a"])
    trades = [f["data"]["t"] for f in frames if f["stream"] == "btcusdt@trade"]
    tickers = [f["data"]["L"] for f in frames if f["stream"] == "btcusdt@ticker"]
    assert len(tickers) >= 2 and trades[0] <= tickers[-1] <= trades[-1]


def test_depth_diffs_continue_the_snapshot_by_binances_rule(sim: Simulator, rest: httpx.Client) -> None:
    with socket(sim, "/ws/btcusdt@depth@100ms/btcusdt@depth20@100ms") as ws:
        early = drain(ws, 0.5)
        snapshot = rest.get("/depth", params={"symbol": "BTCUSDT", "limit": 5000}).json()
        events = early + drain(ws, 1.5)
    diffs = [e for e in events if e.get("e") == "depthUpdate"]
    assert all(b["U"] == a["u"] + 1 for a, b in pairwise(diffs))
    books = {side: {Decimal(p): Decimal(q) for p, q in snapshot[side]} for side in ("bids", "asks")}
    fresh = [d for d in diffs if d["u"] > snapshot["lastUpdateId"]]
    assert fresh[0]["U"] <= snapshot["lastUpdateId"] + 1 <= fresh[0]["u"]
    partial = {e["lastUpdateId"]: e for e in events if "lastUpdateId" in e}
    compared = 0
    for d in fresh:
        for side, key in (("bids", "b"), ("asks", "a")):
            for p, q in d[key]:
                books[side].pop(Decimal(p), None)
                if Decimal(q):
                    books[side][Decimal(p)] = Decimal(q)
        assert max(books["bids"]) < min(books["asks"])
        if d["u"] in partial:
            top = partial[d["u"]]
            assert [(Decimal(p), Decimal(q)) for p, q in top["bids"]] == sorted(books["bids"].items(), reverse=True)[
                :20
            ]
            assert [(Decimal(p), Decimal(q)) for p, q in top["asks"]] == sorted(books["asks"].items())[:20]
            compared += 1
    assert compared > 5


def test_klines_of_the_stream_and_of_rest_are_the_trades(sim: Simulator, rest: httpx.Client) -> None:
    with socket(sim, "/ws/btcusdt@kline_1s") as ws:
        events = drain(ws, 4.2)
    closed = [e["k"] for e in events if e["k"]["x"]]
    assert len(closed) >= 3
    truth = sim.truth("BTC/USDT")
    rows = {r[0]: r for r in rest.get("/klines", params={"symbol": "BTCUSDT", "interval": "1s", "limit": 20}).json()}
    for k in closed:
        inside = [t for t in truth if k["t"] <= t["time"] <= k["T"]]
        assert (k["n"], k["f"], k["L"]) == (len(inside), inside[0]["id"], inside[-1]["id"])
        prices = [Decimal(t["price"]) for t in inside]
        assert [Decimal(k[key]) for key in "ohlc"] == [prices[0], max(prices), min(prices), prices[-1]]
        assert Decimal(k["v"]) == sum(Decimal(t["qty"]) for t in inside)
        assert Decimal(k["q"]) == sum(Decimal(t["quoteQty"]) for t in inside)
        assert Decimal(k["V"]) == sum(Decimal(t["qty"]) for t in inside if not t["isBuyerMaker"])
        row = rows[k["t"]]
        assert row == [k["t"], k["o"], k["h"], k["l"], k["c"], k["v"], k["T"], k["q"], k["n"], k["V"], k["Q"], "0"]


@pytest.mark.parametrize("interval", ["1s", "1m", "5m", "15m", "1h", "4h", "1d"])
def test_thousand_klines_of_any_interval_end_with_the_forming_one(rest: httpx.Client, interval: str) -> None:
    length = {"1s": 1, "1m": 60, "5m": 300, "15m": 900, "1h": 3600, "4h": 14400, "1d": 86400}[interval] * 1000
    begun = time.perf_counter()
    rows = rest.get("/klines", params={"symbol": "ETHUSDT", "interval": interval, "limit": 1000}).json()
    assert time.perf_counter() - begun < 1  # 20-60 ms on an idle core
    assert [r[0] for r in rows] == [rows[0][0] + i * length for i in range(1000)]
    assert all(r[6] == r[0] + length - 1 and len(r) == 12 for r in rows)
    now = rest.get("/time").json()["serverTime"]
    assert rows[-1][0] <= now < rows[-1][6] + 2000
    # Paged backwards and forwards it is the same.
    middle = rows[500][0]
    older = rest.get(
        "/klines", params={"symbol": "ETHUSDT", "interval": interval, "endTime": middle, "limit": 100}
    ).json()
    newer = rest.get(
        "/klines", params={"symbol": "ETHUSDT", "interval": interval, "startTime": middle, "limit": 100}
    ).json()
    span = rest.get(
        "/klines",
        params={"symbol": "ETHUSDT", "interval": interval, "startTime": middle - length + 1, "endTime": middle},
    ).json()
    assert (older, newer, span) == (rows[401:501], rows[500:600], rows[500:501])


def test_live_subscriptions(sim: Simulator) -> None:
    with socket(sim, "/ws") as ws:
        ws.send(json.dumps({"method": "SUBSCRIBE", "params": ["btcusdt@trade", "ethusdt@trade"], "id": 1}))
        assert take(ws, 1) == [{"result": None, "id": 1}]
        assert {f["s"] for f in take(ws, 60)} == {"BTCUSDT", "ETHUSDT"}
        ws.send(json.dumps({"method": "UNSUBSCRIBE", "params": ["btcusdt@trade"], "id": "b"}))
        frames = drain(ws, 0.5)
        answered = frames.index({"result": None, "id": "b"})
        assert {f["s"] for f in frames[answered + 1 :]} == {"ETHUSDT"}
        time.sleep(1)
        ws.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": 3}))
        ws.send(json.dumps({"method": "SET_PROPERTY", "params": ["combined", True], "id": 4}))
        frames = drain(ws, 0.5)
        assert {"result": ["ethusdt@trade"], "id": 3} in frames and {"result": None, "id": 4} in frames
        assert frames[-1]["stream"] == "ethusdt@trade"


@pytest.mark.parametrize(
    ("sent", "code", "words"),
    [
        ("{", 3, "Invalid JSON"),
        ("[1]", 2, "Invalid request"),
        ('{"id":1}', 2, "missing field `method`"),
        ('{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":-4}', 2, "unsigned integer"),
        ('{"method":"NOPE","params":[],"id":1}', 2, "unknown variant"),
        ('{"method":"SUBSCRIBE","params":[7],"id":1}', 2, "Invalid request"),
        ('{"method":"SET_PROPERTY","params":["colour",true],"id":1}', 0, "Unknown property"),
        ('{"method":"SET_PROPERTY","params":["combined","yes"],"id":1}', 1, "expected Boolean"),
    ],
)
def test_bad_requests_are_answered_and_the_socket_stays(sim: Simulator, sent: str, code: int, words: str) -> None:
    with socket(sim, "/ws") as ws:
        ws.send(sent)
        (answer,) = take(ws, 1)
        assert answer["error"]["code"] == code and words in answer["error"]["msg"]
        ws.send('{"method":"LIST_SUBSCRIPTIONS","id":9}')
        assert take(ws, 1) == [{"result": [], "id": 9}]


def flood(ws: ClientConnection) -> None:
    for i in range(7):
        ws.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": i}))
    take(ws, 7)


def test_limits_of_streams_and_messages(sim: Simulator) -> None:
    with socket(sim, "/ws") as ws:
        ws.send(json.dumps({"method": "SUBSCRIBE", "params": [f"x{i}@trade" for i in range(1024)], "id": 1}))
        assert take(ws, 1) == [{"result": None, "id": 1}]
        ws.send(json.dumps({"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 2}))
        assert take(ws, 1)[0]["error"]["code"] == 2
    with socket(sim, "/ws") as ws, pytest.raises(ConnectionClosed) as closed:
        flood(ws)
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008
    with pytest.raises(InvalidStatus), socket(sim, "/elsewhere"):
        pass


def test_microseconds_when_asked(sim: Simulator) -> None:
    with socket(sim, "/stream?streams=btcusdt@trade&timeUnit=MICROSECOND") as ws:
        trades = [f["data"] for f in take(ws, 20)]
    truth = {t["id"]: t["time"] for t in sim.truth("BTC/USDT")}
    assert all(t["T"] // 1000 == truth[t["t"]] for t in trades)
    assert any(t["T"] % 1000 for t in trades)


def test_exchange_info(rest: httpx.Client) -> None:
    info = rest.get("/exchangeInfo").json()
    assert [s["symbol"] for s in info["symbols"]] == [s.replace("/", "") for s in SYMBOLS]
    btc = info["symbols"][0]
    filters = {f["filterType"]: f for f in btc["filters"]}
    assert (btc["baseAsset"], btc["quoteAsset"], btc["status"]) == ("BTC", "USDT", "TRADING")
    assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000" and filters["LOT_SIZE"]["stepSize"] == "0.00001000"
    assert {limit["rateLimitType"] for limit in info["rateLimits"]} >= {"REQUEST_WEIGHT"}
    assert len(rest.get("/exchangeInfo", params={"symbols": '["ETHUSDT","ZECBTC"]'}).json()["symbols"]) == 2


def test_tickers(rest: httpx.Client) -> None:
    day = rest.get("/ticker/24hr", params={"symbol": "BTCUSDT"}).json()
    assert Decimal(day["priceChange"]) == Decimal(day["lastPrice"]) - Decimal(day["openPrice"])
    assert Decimal(day["lowPrice"]) <= Decimal(day["weightedAvgPrice"]) <= Decimal(day["highPrice"])
    assert day["lastId"] - day["firstId"] + 1 == day["count"]
    assert len(rest.get("/ticker/24hr").json()) == len(rest.get("/ticker/price").json()) == len(SYMBOLS)
    book = rest.get("/ticker/bookTicker", params={"symbol": "BTCUSDT"}).json()
    assert Decimal(book["bidPrice"]) < Decimal(book["askPrice"])


@pytest.mark.parametrize(
    ("path", "params", "status", "code"),
    [
        ("/klines", {"symbol": "NOPE", "interval": "1m"}, 400, -1121),
        ("/klines", {"interval": "1m"}, 400, -1102),
        ("/klines", {"symbol": "BTCUSDT"}, 400, -1102),
        ("/klines", {"symbol": "BTCUSDT", "interval": "7m"}, 400, -1120),
        ("/klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": "ten"}, 400, -1100),
        ("/exchangeInfo", {"symbols": '["BTCUSDT","NOPE"]'}, 400, -1121),
        ("/exchangeInfo", {"symbols": "BTC"}, 400, -1100),
        ("/nothing", {}, 404, -1),
    ],
)
def test_errors_have_binances_bodies(
    rest: httpx.Client, path: str, params: dict[str, str], status: int, code: int
) -> None:
    answer = rest.get(path, params=params)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_weight_is_counted(rest: httpx.Client) -> None:
    before = int(rest.get("/ping").headers["X-MBX-USED-WEIGHT-1M"])
    after = int(
        rest.get("/klines", params={"symbol": "BTCUSDT", "interval": "1m", "limit": 1}).headers["X-MBX-USED-WEIGHT-1M"]
    )
    assert after == before + 2 or after == 2  # a minute may have begun


def test_history_older_than_the_listing_is_empty(rest: httpx.Client) -> None:
    old = {"symbol": "BTCUSDT", "interval": "1d", "endTime": 1_400_000_000_000}
    assert rest.get("/klines", params=old).json() == []
    first = rest.get("/klines", params={"symbol": "BTCUSDT", "interval": "1d", "startTime": 0, "limit": 3}).json()
    assert [r[0] for r in first] == [1_502_928_000_000 + i * 86_400_000 for i in range(3)]
