"""nginx with the configuration of production in front of a real web server: TLS, users, WebSocket, what stays inside."""

import json
import os
import shutil
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from pipeline.live import LivePublisher, channel
from pipeline.live_messages import trade_data
from pipeline.store.write import Store
from tests.dashboard.conftest import candle, live, store, trade
from tests.dashboard.test_socket import Web, server
from tests.stack import eventually, free_port
from tests.tools import REPOSITORY, need

__all__ = ["live", "server", "store"]  # fixtures


class Front:
    def __init__(self, port: int, password: str, certificate: Path) -> None:
        self.url = f"https://localhost:{port}"
        self.socket = f"wss://localhost:{port}/ws/crypto"
        self.user = ("trader", password)
        self.trust = ssl.create_default_context(cafile=str(certificate))
        self.head = {"Authorization": "Basic " + b64encode(f"trader:{password}".encode()).decode()}

    def get(self, path: str, user: tuple[str, str] | None = None) -> httpx.Response:
        return httpx.get(self.url + path, auth=user, verify=self.trust, timeout=10)


@pytest.fixture
def front(server: Web, tmp_path: Path) -> Iterator[Front]:
    nginx = need("nginx", "nginx-light")
    shutil.copy(REPOSITORY / "deploy" / "secrets.sh", tmp_path)
    made = subprocess.run(["sh", "secrets.sh"], cwd=tmp_path, capture_output=True, text=True, check=True)
    password = made.stderr.partition("with the password ")[2].split()[0]
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
    front = Front(port, password, secrets / "tls_certificate")

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


def test_users_only(front: Front, store: Store) -> None:
    store.write([], [candle(0)])
    path = "/api/v1/crypto/data?symbol=BTC/USDT&interval=1m"
    assert front.get(path).status_code == 401
    assert front.get(path, ("trader", "guess")).status_code == 401
    answer = front.get(path, front.user)
    assert (answer.status_code, len(answer.json()["data"])) == (200, 1)
    assert "max-age" in answer.headers["Strict-Transport-Security"]
    assert answer.headers["Content-Security-Policy"]
    assert front.get("/", front.user).status_code == 200
    assert front.get("/metrics", front.user).status_code == 404
    asset = "/assets/chart.js"
    assert front.get(asset, front.user).text == front.get(asset, front.user).text


def test_the_socket_through_tls(front: Front, live: LivePublisher) -> None:
    with pytest.raises(InvalidStatus), connect(front.socket, ssl=front.trust):
        pass
    with connect(front.socket, ssl=front.trust, additional_headers=front.head) as socket:
        socket.send(json.dumps({"action": "subscribe", "type": "trade", "symbol": "BTC/USDT"}))
        assert json.loads(socket.recv(5))["type"] == "subscribed"
        live.publish({channel("trade", "BTC/USDT"): [trade_data(trade(1))]})
        assert json.loads(socket.recv(5))["data"]["trade_id"] == "1"


def test_an_export_streams_through(front: Front, store: Store) -> None:
    store.write([], [candle(n) for n in range(500)])
    answer = front.get("/api/v1/export/candles?symbol=BTC/USDT", front.user)
    assert len(answer.text.splitlines()) == 501
