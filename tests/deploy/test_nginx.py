"""nginx with the configuration of production in front of a real web server: TLS, users, WebSocket, what stays inside."""

import json
import os
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from pipeline.live import LivePublisher, channel
from pipeline.live_messages import trade_data
from pipeline.settings import Settings
from pipeline.store.write import Store
from tests.dashboard.conftest import candle, live, store, trade
from tests.dashboard.test_access import PASSWORD, People, Server, people
from tests.stack import eventually, free_port
from tests.tools import REPOSITORY, need

__all__ = ["live", "people", "store"]  # fixtures


class Front:
    def __init__(self, port: int, certificate: Path) -> None:
        self.url = f"https://localhost:{port}"
        self.socket = f"wss://localhost:{port}/ws/crypto"
        self.trust = ssl.create_default_context(cafile=str(certificate))

    def get(self, path: str, key: str = "") -> httpx.Response:
        head = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.get(self.url + path, headers=head, verify=self.trust, timeout=10)


@pytest.fixture
def server(settings: Callable[..., Settings], people: People, tmp_path: Path) -> Iterator[Server]:
    """As compose.yaml has it: logging in, and one proxy in front."""
    server = Server(settings(), tmp_path, "web", CRYPTOVIZ_PROXIES="1")
    yield server
    server.stop()


@pytest.fixture
def front(server: Server, tmp_path: Path) -> Iterator[Front]:
    nginx = need("nginx", "nginx-light")
    shutil.copy(REPOSITORY / "deploy" / "secrets.sh", tmp_path)
    subprocess.run(["sh", "secrets.sh"], cwd=tmp_path, capture_output=True, check=True)
    secrets, port = tmp_path / "secrets", free_port()
    again = subprocess.run(["sh", "secrets.sh"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (again.stdout, again.stderr) == ("", ""), "what is there stays"
    text = (REPOSITORY / "deploy" / "nginx" / "nginx.conf").read_text()
    for ours, here in (
        ("/tmp/", f"{tmp_path}/"),
        # Debian's nginx is older than the image's: http2 is written otherwise, and names are looked up once.
        ("listen 8443 ssl;", f"listen 127.0.0.1:{port} ssl http2;"),
        ("http2 on;", ""),
        ("server web:8050 resolve;", f"server 127.0.0.1:{server.port};"),
        ("resolver 127.0.0.11 valid=5s;", ""),
        ("/run/secrets/", f"{secrets}/"),
        ("/dev/stdout", f"{tmp_path}/access.log"),
    ):
        assert ours in text
        text = text.replace(ours, here)
    (tmp_path / "nginx.conf").write_text(text)
    # Its workers must read what only we may.
    user = " user root;" if os.getuid() == 0 else ""
    command = [nginx, "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path), "-g", f"daemon off;{user}"]
    with (tmp_path / "error.log").open("w") as log:
        process = subprocess.Popen(command, stderr=log)
    front = Front(port, secrets / "tls_certificate")

    def answers() -> bool:
        try:
            return front.get("/health").status_code == 200
        except httpx.TransportError:
            return False

    try:
        assert eventually(answers, 15), (tmp_path / "error.log").read_text()
        yield front
    finally:
        process.terminate()
        process.wait(10)


def test_users_only(front: Front, people: People, store: Store) -> None:
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
