"""The WebSocket against whatever a program may send: the hub stays up, and others miss nothing."""

import contextlib
import json
import socket
import struct
import threading
import time
from typing import Any

import hypothesis
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from pipeline.live import LivePublisher, channel
from pipeline.live_messages import trade_data
from tests.dashboard.conftest import live, store, trade
from tests.dashboard.test_socket import Web, get, server, subscribe

__all__ = ["live", "server", "store"]  # fixtures

KNOWN = {"error", "pong", "subscribed", "unsubscribed", "subscriptions", "trade"}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
words = st.sampled_from(
    ["subscribe", "unsubscribe", "ping", "list_subscriptions", "", "trade", "candle", "news", "*", "BTC/USDT", "1m"]
)
requests = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("action", "type", "symbol", "timeframe", "forming", "since", "epoch", "surplus"), words | json_values
    ),
)
texts = (
    st.text(max_size=200)
    | json_values.map(json.dumps)
    | requests.map(json.dumps)
    | st.just("{" * 500)
    | st.just("[" * 15_000)
)


def test_whatever_is_said_is_answered_and_others_miss_nothing(server: Web, live: LivePublisher) -> None:
    seen: list[int] = []
    stop = threading.Event()

    def listen(ready: threading.Event) -> None:
        with server.connect() as ws:
            subscribe(ws)
            ready.set()
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    seen.append(get(ws, 0.2)["seq"])

    def market() -> None:
        n = 0
        while not stop.wait(0.01):
            live.publish({channel("trade", "BTC/USDT"): [trade_data(trade(n))]})
            n += 1

    ready = threading.Event()
    listener, publisher = threading.Thread(target=listen, args=(ready,)), threading.Thread(target=market)
    listener.start()
    assert ready.wait(20)
    publisher.start()

    @hypothesis.settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(said=st.lists(texts, min_size=1, max_size=4))
    def say(said: list[str]) -> None:
        with server.connect() as ws:
            for text in said:
                ws.send(text)
            ws.send('{"action":"ping"}')
            answers: list[dict[str, Any]] = []
            while not answers or answers[-1]["type"] != "pong" or sum(one["type"] == "pong" for one in answers) < 1:
                answers.append(get(ws))
                assert answers[-1]["type"] in KNOWN

    try:
        say()
        for rude in (_binary, _huge, _reset, _half_open, _not_masked):
            rude(server)
        with server.connect() as ws:
            subscribe(ws)
            assert get(ws)["type"] == "trade"
    finally:
        stop.set()
        listener.join(20)
        publisher.join(20)
    assert len(seen) > 50
    assert seen == list(range(seen[0], seen[0] + len(seen)))


def _binary(server: Web) -> None:
    with server.connect() as ws:
        ws.send(b"\x00\xff\xfe")
        assert get(ws)["type"] == "error"


def _huge(server: Web) -> None:
    with server.connect() as ws:
        with contextlib.suppress(ConnectionClosed):
            ws.send("x" * 100_000)
        with contextlib.suppress(ConnectionClosed):
            while True:
                ws.recv(5)
        assert ws.close_code == 1009


def _reset(server: Web) -> None:
    """Gone without a word, in the midst of a frame."""
    for _ in range(20):
        line = _upgraded(server)
        line.sendall(b"\x81\xfe\x40\x00abcd")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.close()


def _half_open(server: Web) -> None:
    """Asks and never reads, and closes its sending half."""
    line = _upgraded(server)
    line.sendall(_frame(b'{"action":"subscribe","type":"trade","symbol":"*"}'))
    line.shutdown(socket.SHUT_WR)
    time.sleep(0.3)
    line.close()


def _not_masked(server: Web) -> None:
    """Clients must mask: this one is closed."""
    line = _upgraded(server)
    line.sendall(b"\x81\x02hi")
    line.settimeout(5)
    with contextlib.suppress(OSError):
        while line.recv(4096):
            pass
    line.close()


def _upgraded(server: Web) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", server.port), 5)
    line.sendall(
        b"GET /ws/crypto HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    assert line.recv(12) == b"HTTP/1.1 101"
    return line


def _frame(text: bytes) -> bytes:
    mask = b"\x01\x02\x03\x04"
    return bytes([0x81, 0x80 | len(text)]) + mask + bytes(one ^ mask[n % 4] for n, one in enumerate(text))
