"""Each fault of the simulator, as a client sees it; what a fault hides is still in REST and in the truth."""

import json
import time
from collections.abc import Iterator
from itertools import pairwise

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from pipeline.exchanges.simulator import Simulator
from tests.exchanges.simulated import drain, socket, take


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    # In a thread: the way a test shares it with code under test.
    with Simulator(seed=2, rate=300, symbols=("BTC/USDT", "ETH/USDT")) as running:
        yield running


def test_drop_cuts_every_socket_and_lets_them_come_back(sim: Simulator) -> None:
    with socket(sim, "/ws/btcusdt@trade") as ws:
        take(ws, 1)
        assert sim.control("drop")["sockets"] == 1
        with pytest.raises(ConnectionClosed):
            drain(ws, 2)
    with socket(sim, "/ws/btcusdt@trade") as ws:
        take(ws, 5)


def test_stall_is_silence_on_an_open_socket(sim: Simulator) -> None:
    with socket(sim, "/ws/btcusdt@trade") as ws, socket(sim, "/ws/ethusdt@trade"):
        before = take(ws, 5)[-1]["t"]
        sim.control("stall", seconds=0.7)
        held = drain(ws, 0.4)
        assert drain(ws, 0.2) == []
        after = take(ws, 1)[0]["t"]
        last = held[-1]["t"] if held else before
        assert after > last + 10
        missed = httpx.get(
            f"{sim.rest_url}/api/v3/historicalTrades", params={"symbol": "BTCUSDT", "fromId": last + 1}
        ).json()
        assert missed[0]["id"] == last + 1


def test_gap_is_missing_on_the_socket_only(sim: Simulator) -> None:
    with socket(sim, "/ws/btcusdt@trade") as ws:
        take(ws, 5)
        sim.control("gap", count=17, symbol="BTCUSDT")
        ids = [t["t"] for t in drain(ws, 1)]
    jumps = [(a, b) for a, b in pairwise(ids) if b != a + 1]
    assert len(jumps) == 1 and jumps[0][1] - jumps[0][0] == 18
    assert {t["id"] for t in sim.truth("BTCUSDT")} >= set(range(ids[0], ids[-1] + 1))


def test_duplicate_repeats_trades(sim: Simulator) -> None:
    with socket(sim, "/ws/btcusdt@trade") as ws:
        take(ws, 5)
        sim.control("duplicate", count=9)
        ids = [t["t"] for t in drain(ws, 1)]
    assert len(ids) - len(set(ids)) == 9
    assert sorted(set(ids)) == list(range(ids[0], ids[-1] + 1))


def test_reorder_shuffles_and_loses_nothing(sim: Simulator) -> None:
    with socket(sim, "/ws/btcusdt@trade") as ws:
        take(ws, 5)
        sim.control("reorder", count=12, symbol="BTC/USDT")
        ids = [t["t"] for t in drain(ws, 1.5)]
    assert ids != sorted(ids)
    assert sorted(ids) == list(range(min(ids), max(ids) + 1))
    moved = [i for i, (a, b) in enumerate(zip(ids, sorted(ids), strict=True)) if a != b]
    assert moved[-1] - moved[0] < 12


def test_reorder_of_a_quiet_symbol_does_not_wait_for_ever(sim: Simulator) -> None:
    with socket(sim, "/ws/btcusdt@trade") as ws:
        take(ws, 5)
        sim.control("reorder", count=100_000, symbol="BTCUSDT")
        ids = [t["t"] for t in drain(ws, 2.5)]
    assert ids != sorted(ids) and sorted(ids) == list(range(min(ids), max(ids) + 1))


def test_bad_frames_among_good_ones(sim: Simulator) -> None:
    with socket(sim, "/ws/btcusdt@trade") as ws:
        sim.control("bad_frame", count=5)
        good, bad = 0, 0
        while bad < 5 or good < 20:
            try:
                frame = json.loads(ws.recv(5))
                good, bad = (
                    good + (isinstance(frame, dict) and isinstance(frame.get("t"), int)),
                    bad + ("t" not in frame or frame["t"] is None),
                )
            except json.JSONDecodeError:
                bad += 1
    assert bad == 5


@pytest.mark.parametrize("status", [429, 418])
def test_refused_rest_calls(sim: Simulator, status: int) -> None:
    sim.control(f"http_{status}", count=2, retry_after=3)
    url = f"{sim.rest_url}/api/v3/time"
    answers = [httpx.get(url) for _ in range(3)]
    assert [a.status_code for a in answers] == [status, status, 200]
    assert answers[0].headers["Retry-After"] == "3" and answers[0].json()["code"] == -1003


def test_shutdown_is_announced_then_done_and_new_sockets_stay(sim: Simulator) -> None:
    with socket(sim, "/ws/btcusdt@trade") as old:
        take(old, 1)
        sim.control("shutdown", seconds=0.5)
        begun = time.monotonic()
        with socket(sim, "/ws/btcusdt@trade") as new:
            frames = []
            with pytest.raises(ConnectionClosed) as closed:
                frames.extend(json.loads(text) for text in iter(lambda: old.recv(5), None))
            assert 0.3 < time.monotonic() - begun < 2
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1001
            notice = next(f for f in frames if f["e"] == "serverShutdown")
            assert abs(notice["E"] / 1000 - time.time()) < 5
            ids = [f["t"] for f in frames if f["e"] == "trade"]
            assert ids == list(range(ids[0], ids[-1] + 1))
            take(new, 10)


def test_one_trade_on_request_arrives_at_once(sim: Simulator) -> None:
    sim.control("pause")
    try:
        with socket(sim, "/ws/btcusdt@trade/btcusdt@bookTicker") as ws:
            drain(ws, 0.2)
            answer = sim.control("trade", symbol="BTC/USDT", price="71234.56", amount="0.125", side="sell")
            trade = next(f for f in take(ws, 2) if "t" in f)
        assert (trade["t"], trade["T"]) == (answer["id"], answer["time"])
        assert (trade["p"], trade["q"], trade["m"]) == ("71234.56000000", "0.12500000", True)
        assert abs(trade["T"] / 1000 - time.time()) < 1
        price = httpx.get(f"{sim.rest_url}/api/v3/ticker/price", params={"symbol": "BTCUSDT"}).json()["price"]
        assert price == "71234.56000000"
    finally:
        sim.control("resume")


def test_pause_and_resume_leave_no_hole(sim: Simulator) -> None:
    with socket(sim, "/ws/btcusdt@trade") as ws:
        first = take(ws, 1)[0]["t"]
        sim.control("pause")
        drain(ws, 0.3)
        assert drain(ws, 0.3) == []
        sim.control("resume")
        after = take(ws, 20)
        assert abs(after[-1]["T"] / 1000 - time.time()) < 1.5
        assert after[-1]["t"] > first


def test_rate_on_request() -> None:
    with Simulator(seed=3, rate=20, symbols=("BTC/USDT",)) as sim:
        sim.control("rate", rate=2000)
        before = sim.stats()["trades"]
        time.sleep(1)
        assert sim.stats()["trades"] - before > 600


def test_same_seed_and_start_give_the_same_market_over_the_wire() -> None:
    runs = []
    for rate_of_polling in (0.0, 0.05):
        with Simulator(seed=6, rate=500, symbols=("ETH/USDT",), start_ms=1_763_640_000_500) as sim:
            while len(rows := sim.truth("ETH/USDT")) < 300:
                time.sleep(rate_of_polling)
            runs.append(rows[:300])
    assert runs[0] == runs[1]


@pytest.mark.parametrize(
    "request_body",
    [
        {},
        {"action": "explode"},
        {"action": "stall"},
        {"action": "rate", "rate": -1},
        {"action": "trade", "price": "abc"},
        [1],
    ],
)
def test_a_bad_request_is_refused(sim: Simulator, request_body: object) -> None:
    answer = httpx.post(f"{sim.rest_url}/control", json=request_body)
    assert answer.status_code == 400 and answer.json()["msg"]


def test_a_slow_client_is_dropped_and_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.exchanges.simulator.server.MAX_BUFFER", 256 << 10)
    with Simulator(seed=4, rate=20_000, symbols=("BTC/USDT",)) as sim, socket(sim, "/ws/btcusdt@trade") as quick:
        import socket as sockets
        from urllib.parse import urlsplit

        url = urlsplit(sim.ws_url)
        with sockets.create_connection((url.hostname, url.port)) as slow:
            slow.sendall(
                b"GET /ws/btcusdt@trade HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            end = time.monotonic() + 15
            while sim.stats()["clients"] < 2 and time.monotonic() < end:
                quick.recv(1)
            while sim.stats()["clients"] == 2 and time.monotonic() < end:
                for _ in range(5000):
                    quick.recv(1)
            assert sim.stats()["clients"] == 1
        take(quick, 100)
