"""nginx with the configuration of production in front of a real web server: TLS, users, WebSocket, what stays inside."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from pipeline.live import LivePublisher, channel
from pipeline.live_messages import trade_data
from pipeline.settings import Settings
from pipeline.store.write import Store
from tests.dashboard.conftest import candle, live, people, store, trade
from tests.dashboard.people import PASSWORD, People, Server
from tests.deploy.front import Front, nginx, secrets

__all__ = ["live", "people", "store"]  # fixtures


@pytest.fixture
def server(settings: Callable[..., Settings], people: People, tmp_path: Path) -> Iterator[Server]:
    """As compose.yaml has it: logging in, and one proxy in front."""
    server = Server(settings(), tmp_path, "web", CRYPTOVIZ_PROXIES="1")
    yield server
    server.stop()


@pytest.fixture
def front(server: Server, tmp_path: Path) -> Iterator[Front]:
    with nginx(tmp_path, secrets(tmp_path), [server.port]) as front:
        yield front


def test_users_only(front: Front, people: People, store: Store, tmp_path: Path) -> None:
    store.write([], [candle(0)])
    path = "/api/v1/crypto/data?symbol=BTC/USDT&interval=1m"
    assert front.get(path).status_code == 401
    assert front.get(path, "cvk_guess").status_code == 401
    key = people.key("read", "admin")
    answer = front.get(path, key)
    assert (answer.status_code, len(answer.json()["data"])) == (200, 1)
    assert "max-age" in answer.headers["Strict-Transport-Security"]
    assert answer.headers["Content-Security-Policy"]
    assert front.get("/metrics", key).status_code == 404, "also for admins: Prometheus asks behind nginx"
    # A failed call is found in both logs by the number in its answer.
    assert answer.headers["X-Request-ID"] in (tmp_path / "access.log").read_text()
    ours = httpx.get(f"{front.url}/health", headers={"X-Request-ID": "ours-12345"}, verify=front.trust)
    assert ours.headers["X-Request-ID"] == "ours-12345"
    asset = "/assets/chart.js"
    assert front.get(asset).text == front.get(asset).text


def test_logging_in_through_tls(front: Front, people: People) -> None:
    with httpx.Client(base_url=front.url, verify=front.trust, timeout=10) as browser:
        page = browser.get("/")
        assert (page.status_code, page.headers["Location"]) == (302, "/login?next=/")
        assert browser.get(page.headers["Location"]).status_code == 200
        answer = browser.post("/api/v1/auth/login", json={"name": "ann", "password": PASSWORD})
        assert answer.status_code == 200
        assert all("; Secure" in cookie for cookie in answer.headers.get_list("Set-Cookie"))
        assert browser.get("/").status_code == 200
        assert browser.post("/api/v1/auth/refresh").status_code == 200


def test_the_socket_through_tls(front: Front, people: People, live: LivePublisher) -> None:
    with connect(front.socket, ssl=front.trust) as socket:
        socket.send(json.dumps({"action": "authenticate", "token": people.key("read")}))
        assert json.loads(socket.recv(5))["type"] == "authenticated"
        socket.send(json.dumps({"action": "subscribe", "type": "trade", "symbol": "BTC/USDT"}))
        assert json.loads(socket.recv(5))["type"] == "subscribed"
        live.publish({channel("trade", "BTC/USDT"): [trade_data(trade(1))]})
        assert json.loads(socket.recv(5))["data"]["trade_id"] == "1"


def test_an_export_streams_through(front: Front, people: People, store: Store) -> None:
    store.write([], [candle(n) for n in range(500)])
    answer = front.get("/api/v1/export/candles?symbol=BTC/USDT", people.key("export"))
    assert len(answer.text.splitlines()) == 501
