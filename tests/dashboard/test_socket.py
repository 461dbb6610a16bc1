"""`/ws/crypto` on the real server: gunicorn, gevent, Valkey."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import redis
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from pipeline.clock import now_ms
from pipeline.live import LivePublisher, channel
from pipeline.live_messages import candle_data, trade_data
from pipeline.settings import Settings
from pipeline.store.write import Store
from tests.dashboard.conftest import candle, trade
from tests.dashboard.test_news_socket import NEWS, article
from tests.stack import Program, eventually, free_port

TRADES = channel("trade", "BTC/USDT")


class Web:
    def __init__(self, settings: Settings, folder: Path) -> None:
        self.port = free_port()
        self.program = Program(
            "web", "--port", str(self.port), log=folder / "web.log",
            CRYPTOVIZ_REDIS_URL=settings.redis_url, CRYPTOVIZ_DATABASE_URL=settings.database_url,
        )  # fmt: skip
        assert eventually(self._answers), self.program.log.read_text()

    def _answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"http://127.0.0.1:{self.port}/health").status_code == 200
        return False

    def connect(self, **options: Any) -> ClientConnection:
        return connect(f"ws://127.0.0.1:{self.port}/ws/crypto", **{"max_queue": None} | options)

    def stats(self) -> dict[str, int]:
        body = httpx.get(f"http://127.0.0.1:{self.port}/ws/stats").json()
        assert body["status"] == "ok"
        return dict(body["data"])


@pytest.fixture
def server(settings: Callable[..., Settings], store: Store, tmp_path: Path) -> Iterator[Web]:
    web = Web(settings(), tmp_path)
    yield web
    assert web.program.stop(10) == 0, web.program.log.read_text()
    assert "Traceback" not in web.program.log.read_text()


def ask(ws: ClientConnection, **request: Any) -> dict[str, Any]:
    ws.send(json.dumps(request))
    return get(ws)


def get(ws: ClientConnection, timeout: float = 5) -> dict[str, Any]:
    return dict(json.loads(ws.recv(timeout)))


def subscribe(ws: ClientConnection, **more: Any) -> dict[str, Any]:
    return ask(ws, **{"action": "subscribe", "type": "trade", "symbol": "BTC/USDT"} | more)


def publish(live: LivePublisher, first: int, count: int = 1) -> None:
    live.publish({TRADES: [trade_data(trade(n)) for n in range(first, first + count)]})


def test_the_words_of_the_contract(server: Web, live: LivePublisher) -> None:
    with server.connect() as ws:
        assert ws.response is not None
        assert "Sec-WebSocket-Extensions" not in ws.response.headers, "never compressed"
        pong = ask(ws, action="ping")
        assert (pong["type"], pong["data"]) == ("pong", None)
        assert abs(pong["timestamp"] - time.time() * 1000) < 5000
        done = subscribe(ws)
        assert done["type"] == "subscribed"
        assert done["data"] == {"type": "trade", "symbol": "BTC/USDT", "timeframe": ""}
        assert ask(ws, action="list_subscriptions")["data"] == [done["data"]]
        assert ask(ws, action="fly")["data"] == {"message": "Unknown action: fly"}
        ws.send("{")
        assert get(ws)["type"] == "error"
        publish(live, 1)
        message = get(ws)
        assert set(message) == {"type", "data", "timestamp", "seq"}
        assert message["data"] == {
            "type": "trade", "exchange": "BINANCE", "symbol": "BTC/USDT", "trade_id": "1", "price": 60000.12, "amount": 0.000001,
            "side": "buy", "timestamp": trade(1).ts,
        }  # fmt: skip
        gone = ask(ws, action="unsubscribe", type="trade", symbol="BTC/USDT")
        assert (gone["type"], gone["data"]) == ("unsubscribed", done["data"])
        publish(live, 2)
        assert ask(ws, action="ping")["type"] == "pong", "and no trade before it"


def test_metrics_are_of_all_requests_and_of_the_way_to_the_socket(server: Web, live: LivePublisher) -> None:
    base = f"http://127.0.0.1:{server.port}"
    with server.connect() as ws:
        subscribe(ws)
        live.publish({TRADES: [trade_data(msgspec.structs.replace(trade(1), ts=now_ms() - 2_000))]})
        assert get(ws)["type"] == "trade"
        with ThreadPoolExecutor(8) as many:
            list(many.map(lambda _: httpx.get(f"{base}/api/v1/openapi.json"), range(40)))
        # Whoever asks, over whichever connection, hears of all: one process serves the port.
        for _ in range(3):
            lines = httpx.get(f"{base}/metrics").text.splitlines()
            assert 'cryptoviz_http_requests_total{code="200",method="GET",route="/api/v1/openapi.json"} 40.0' in lines
            assert "cryptoviz_ws_connections 1.0" in lines
    to_socket = 'cryptoviz_exchange_to_socket_seconds_bucket{le="%s",worker="web"} %s'
    assert {to_socket % ("1.0", "0.0"), to_socket % ("+Inf", "1.0")} <= set(lines)
    assert 'cryptoviz_ws_closed_total{code="1013",worker="web"} 0.0' in lines


def test_candles_closed_only_unless_forming_is_asked_for(server: Web, live: LivePublisher) -> None:
    name = channel("candle", "BTC/USDT", "1m")
    live.forming({name: candle_data(candle(0, closed=False))})
    with server.connect() as closed_only, server.connect() as both:
        series = {"type": "candle", "symbol": "BTC/USDT", "timeframe": "1m"}
        subscribe(closed_only, **series)
        subscribe(both, **series, forming=True)
        assert get(both)["data"]["closed"] is False, "the newest forming one comes at once"
        live.forming({name: candle_data(candle(0, closed=False, close="60001"))})
        live.publish({name: [candle_data(candle(0, close="60002"))]})
        assert [get(both)["data"]["close"] for _ in range(2)] == [60001, 60002]
        message = get(closed_only)
        assert (message["data"]["close"], message["data"]["closed"], message["seq"]) == (60002, True, 1)
        keys = [
            "type",
            "exchange",
            "symbol",
            "timeframe",
            "window_start",
            "window_end",
            "open",
            "high",
            "low",
            "close",
            "volume",
            "closed",
        ]
        assert message["data"].keys() >= set(keys)


def test_resume_gives_what_was_missed_once_and_in_order(server: Web, live: LivePublisher) -> None:
    with server.connect() as ws:
        begun = subscribe(ws)
        publish(live, 1, 3)
        assert [get(ws)["seq"] for _ in range(3)] == [1, 2, 3]
    publish(live, 4, 500)
    with server.connect() as ws:
        epoch = publish_and_epoch(live, ws)
        again = subscribe(ws, since=3, epoch=epoch)
        assert (again["recovered"], again["epoch"]) == (True, epoch)
        publish(live, 505, 2)
        got = [get(ws) for _ in range(503)]
        assert [message["seq"] for message in got] == list(range(4, 507))
        assert [message["data"]["trade_id"] for message in got][:2] == ["4", "5"]
    assert begun["seq"] == 0


def publish_and_epoch(live: LivePublisher, ws: ClientConnection) -> str:
    """One more message, and the epoch as another channel's subscription tells it."""
    publish(live, 504)
    return str(subscribe(ws, symbol="ETH/USDT")["epoch"])


def test_what_cannot_be_resumed_says_so(server: Web, live: LivePublisher) -> None:
    publish(live, 1, 5)
    with server.connect() as ws:
        epoch = subscribe(ws)["epoch"]
        assert subscribe(ws, since=2, epoch="another")["recovered"] is False
        assert subscribe(ws, since=99, epoch=epoch)["recovered"] is False
        assert subscribe(ws, symbol="*", since=1, epoch=epoch)["recovered"] is False
        assert subscribe(ws, since=5, epoch=epoch)["recovered"] is True


def test_subscribing_amid_a_stream_leaves_no_hole_and_no_repeat(server: Web, live: LivePublisher) -> None:
    stop = threading.Event()

    def stream() -> None:
        n = 0
        while not stop.is_set():
            publish(live, n, 5)
            n += 5
            time.sleep(0.001)

    thread = threading.Thread(target=stream)
    thread.start()
    try:
        for resumed in (False, True) * 5:
            with server.connect() as ws:
                done = subscribe(ws)
                if resumed:
                    [get(ws) for _ in range(20)]
                    ask(ws, action="ping")
                    with server.connect() as other:
                        again = subscribe(other, since=done["seq"], epoch=done["epoch"])
                        got = [get(other)["seq"] for _ in range(50)]
                        assert again["recovered"] is True
                else:
                    got = [get(ws)["seq"] for _ in range(50)]
                assert got == list(range(done["seq"] + 1, done["seq"] + 51))
    finally:
        stop.set()
        thread.join()


def test_a_burst_of_thousands_reaches_a_client_that_reads(server: Web, live: LivePublisher) -> None:
    with server.connect() as ws:
        subscribe(ws)
        publish(live, 1, 5000)
        assert [get(ws)["seq"] for _ in range(5000)] == list(range(1, 5001))


def test_a_client_that_does_not_read_is_closed_with_1013_and_delays_nobody(server: Web, live: LivePublisher) -> None:
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", server.port))
    with server.connect() as quick, server.connect(sock=raw, max_queue=1) as slow:
        subscribe(slow)
        subscribe(quick)
        large = b'{"pad":"%b"}' % (b"x" * 8000)
        for sent in range(0, 2000, 50):
            live.publish({TRADES: [large] * 50})
            for n in range(sent, sent + 50):
                assert get(quick)["seq"] == n + 1
        with pytest.raises(ConnectionClosed) as ended:
            _drain(slow)
        assert ended.value.rcvd is not None
        assert ended.value.rcvd.code == 1013


def _drain(ws: ClientConnection) -> None:
    while True:
        ws.recv(10)


def test_a_browser_may_have_its_messages_in_arrays(server: Web, live: LivePublisher) -> None:
    with connect(f"ws://127.0.0.1:{server.port}/ws/crypto?batch=1", max_queue=None) as ws:
        assert subscribe(ws)["type"] == "subscribed"
        for n in range(1, 501):
            publish(live, n)
        got: list[int] = []
        frames = 0
        while len(got) < 500:
            got += [message["seq"] for message in json.loads(ws.recv(5))]
            frames += 1
        assert got == list(range(1, 501))
        assert frames < 500


def test_too_big_a_message_is_1009(server: Web) -> None:
    with server.connect() as ws:
        ws.send('{"action":"ping","pad":"' + "x" * 15_000 + '"}')
        assert get(ws)["type"] == "pong"
        ws.send("x" * 40_000)
        with pytest.raises(ConnectionClosed) as ended:
            get(ws)
        assert ended.value.rcvd is not None
        assert ended.value.rcvd.code == 1009


def test_redis_away_for_a_while_loses_nothing_that_it_kept(server: Web, live: LivePublisher) -> None:
    with server.connect() as ws:
        begun = subscribe(ws)
        publish(live, 1)
        assert get(ws)["seq"] == begun["seq"] + 1
        client = live._redis
        # The server's subscription is cut, as it is when its buffer overflows.
        killed = client.client_kill_filter(_type="pubsub")
        publish(live, 2, 3)
        assert killed >= 1
        assert [get(ws)["seq"] for _ in range(3)] == [2, 3, 4]


def test_stats_count(server: Web, live: LivePublisher) -> None:
    with server.connect() as ws:
        subscribe(ws)
        publish(live, 1, 2)
        get(ws)
        get(ws)
        stats = server.stats()
        assert stats["active_connections"] == 1
        assert (stats["messages_broadcast"], stats["messages_delivered"]) == (2, 2)
        assert all(isinstance(value, int) for value in stats.values())
    assert eventually(lambda: server.stats()["active_connections"] == 0)


def test_a_plain_get_is_not_a_socket(server: Web, redis_url: str) -> None:
    assert httpx.get(f"http://127.0.0.1:{server.port}/ws/crypto").status_code == 426
    assert redis.Redis.from_url(redis_url).ping()


def test_news_of_a_coin_after_a_break_each_once(server: Web, live: LivePublisher) -> None:
    publish(live, 1)  # so that there is an epoch
    with server.connect() as ws:
        first = subscribe(ws, type="news", symbol="btc")
        live.publish({NEWS: [article(1, "btc"), article(2, "eth")]})
        assert get(ws)["seq"] == 1
    live.publish({NEWS: [article(3, "btc", "eth"), article(4, "eth"), article(5, "sol")]})
    with server.connect() as ws:
        again = {"type": "news", "since": 1, "epoch": first["epoch"]}
        assert subscribe(ws, symbol="btc", **again)["recovered"] is True
        assert get(ws)["seq"] == 3
        assert subscribe(ws, symbol="ETH/USDT", **again)["recovered"] is True
        assert [get(ws)["seq"] for _ in range(2)] == [2, 4], "of the other coin what the first did not give"
        live.publish({NEWS: [article(6, "sol"), article(7, "eth", "btc")]})
        assert get(ws)["seq"] == 7
        assert subscribe(ws, symbol="", type="news", since=1, epoch="another")["recovered"] is False
        live.publish({NEWS: [article(8)]})
        assert get(ws)["seq"] == 8
