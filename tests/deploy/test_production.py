"""The topology of compose.yaml as processes: its commands on a real Kafka, two web servers behind nginx with TLS, Prometheus."""

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.browser import DESKTOP, Terminal, chromium
from tests.deploy.front import Front, nginx, secrets
from tests.kafka.broker import Broker
from tests.stack import Market, Program, eventually, free_port
from tests.tools import REPOSITORY, need

SYMBOLS = "BTC/USDT,ETH/USDT,SOL/USDT,DOGE/USDT"
PASSWORD = "correct horse battery"
COMPOSE = yaml.safe_load((REPOSITORY / "compose.yaml").read_text())
#: As compose.yaml scales them; candles as its first lines tell how.
WORKERS = {"candles": 3} | dict.fromkeys(("collector", "indicators", "writer", "bridge", "alerts", "keeper", "news"), 1)


class Site:
    """All of it, running."""

    def __init__(self, folder: Path, broker: Broker, market: Market, redis_url: str, database_url: str) -> None:
        self.folder, self.made = folder, secrets(folder)
        self.market = market
        env = {
            name: str(value) for name, value in COMPOSE["x-app"]["environment"].items() if "${" not in str(value)
        } | {
            "CRYPTOVIZ_KAFKA_BROKERS": broker.address, "CRYPTOVIZ_REDIS_URL": redis_url, "CRYPTOVIZ_SYMBOLS": SYMBOLS,
            "CRYPTOVIZ_DATABASE_URL": database_url, "CRYPTOVIZ_BACKFILL_DAYS": "0", "CRYPTOVIZ_PARTITIONS": "6",
            "CRYPTOVIZ_METRICS_HOST": "127.0.0.1", "CRYPTOVIZ_METRICS_TOKEN": (self.made / "metrics_token").read_text(),
        } | market.env  # fmt: skip
        self._env = env
        self.programs: dict[str, Program] = {}
        self.once("migrate")
        self.once("user", "add", "ann", "--admin", said=PASSWORD)
        #: Worker → ports of its metrics.
        self.metrics: dict[str, list[int]] = {}
        for name, count in WORKERS.items():
            self.metrics[name] = [free_port() for _ in range(count)]
            for n, port in enumerate(self.metrics[name]):
                self.start(f"{name}-{n}", *COMPOSE["services"][name]["command"], CRYPTOVIZ_METRICS_PORT=str(port))
        self.ports = [free_port(), free_port()]
        for n, port in enumerate(self.ports):
            command = [str(port) if word == "8050" else word for word in COMPOSE["services"]["web"]["command"]]
            self.start(
                f"web-{n}", *("127.0.0.1" if word == "0.0.0.0" else word for word in command),
                CRYPTOVIZ_ACCESS="on", CRYPTOVIZ_PROXIES="1", CRYPTOVIZ_EXPORTS=str(folder / "exports"),
                CRYPTOVIZ_SECRET_KEY=(self.made / "secret_key").read_text(),
            )  # fmt: skip

    def once(self, *command: str, said: str = "") -> None:
        program = [sys.executable, "-m", "pipeline.cli", *command]
        done = subprocess.run(
            program, env=os.environ | self._env, input=said + "\n", capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self, name: str, *command: str, **env: str) -> None:
        self.programs[name] = Program(*command, log=self.folder / f"{name}.log", **(self._env | env))

    def said(self) -> str:
        return "\n".join(f"--- {path.name}\n{path.read_text()[-1500:]}" for path in sorted(self.folder.glob("*.log")))

    def close(self) -> None:
        for program in self.programs.values():
            program.kill()


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ready", timeout=3).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def site(make_broker: Callable[[], Broker], redis_url: str, database_url: str, tmp_path: Path) -> Iterator[Site]:
    broker = make_broker()
    broker.start()
    market = Market(tmp_path, 60, SYMBOLS)
    site = Site(tmp_path, broker, market, redis_url, database_url)
    try:
        yield site
    finally:
        site.close()
        market.close()
        broker.stop()


@contextmanager
def prometheus(site: Site) -> Iterator[str]:
    """With the configuration of compose.yaml, told where everybody is; its address."""
    program, port = need("prometheus", "prometheus"), free_port()
    config = yaml.safe_load((REPOSITORY / "deploy" / "prometheus" / "prometheus.yml").read_text())
    ours = [job for job in config["scrape_configs"] if "dns_sd_configs" in job]
    for job in ours:
        # What a name of Docker's resolves to.
        found = {"web": site.ports} if job["job_name"] == "web" else site.metrics
        job["static_configs"] = [
            {"targets": [f"127.0.0.1:{port}" for port in ports], "labels": {"__meta_dns_name": name}}
            for name, ports in found.items()
        ]
        del job["dns_sd_configs"]
        job["authorization"] = {"credentials_file": str(site.made / "metrics_token")}
    config["scrape_configs"] = ours
    config["global"]["scrape_interval"] = "1s"
    del config["alerting"]
    (site.folder / "alerts.yml").write_bytes((REPOSITORY / "deploy" / "prometheus" / "alerts.yml").read_bytes())
    (site.folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    command = [
        program, f"--config.file={site.folder}/prometheus.yml", f"--storage.tsdb.path={site.folder}/tsdb",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    with (site.folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


class Listener:
    """A program that listens over TLS, and comes back to where it was when its line breaks."""

    def __init__(self, front: Front, token: str) -> None:
        self._front, self._token = front, token
        self.got: list[int] = []
        self.breaks = 0
        self.refused: list[Any] = []
        self._going = True
        self._seen: dict[str, Any] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while self._going:
            with suppress(OSError, WebSocketException):
                self._listen()
            self.breaks += self._going
            time.sleep(0.1)

    def _listen(self) -> None:
        with connect(self._front.socket, ssl=self._front.trust, max_queue=None) as ws:
            ws.send(json.dumps({"action": "authenticate", "token": self._token}))
            ws.send(json.dumps({"action": "subscribe", "type": "trade", "symbol": "BTC/USDT"} | self._seen))
            while self._going:
                try:
                    message = json.loads(ws.recv(0.5))
                except TimeoutError:
                    continue
                if message["type"] == "subscribed":
                    assert not self._seen or message["recovered"]
                    self._seen = {"epoch": message["epoch"], "since": self._seen.get("since", message["seq"])}
                elif message["type"] == "error":
                    # What it asked for was refused for now: it comes back to ask again, as after a break.
                    self.refused.append(message["data"])
                    return
                elif message["type"] == "trade":
                    self.got.append(int(message["data"]["trade_id"]))
                    self._seen["since"] = message["seq"]

    def stop(self) -> list[int]:
        self._going = False
        self._thread.join(10)
        return self.got


@pytest.mark.timeout(300)
def test_as_in_production(site: Site) -> None:
    # nginx starts when these are healthy, as compose.yaml has it.
    assert eventually(lambda: all(map(_ready, site.ports)), 60), site.said()
    with nginx(site.folder, site.made, site.ports) as front, prometheus(site) as metrics:

        def told(query: str) -> list[dict[str, Any]]:
            with suppress(httpx.HTTPError):
                return list(httpx.get(f"{metrics}/api/v1/query", params={"query": query}).json()["data"]["result"])
            return []

        who = {"name": "ann", "password": PASSWORD}
        login = httpx.post(f"{front.url}/api/v1/auth/login", json=who, verify=front.trust)
        assert login.status_code == 200, login.text
        token = login.json()["data"]["access_token"]
        candles = "/api/v1/crypto/data?symbol=DOGE/USDT&interval=5s"
        assert eventually(lambda: front.get(candles, token).json()["data"], 60), site.said()

        listeners = [Listener(front, token) for _ in range(4)]
        with chromium() as browser:
            terminal = Terminal(browser.new_context(**DESKTOP, ignore_https_errors=True), front.url)  # type: ignore[arg-type]
            terminal.page.goto(f"{front.url}/t/ETH-USDT?tf=5s")
            terminal.page.fill("[name=name]", "ann")
            terminal.page.fill("[name=password]", PASSWORD)
            terminal.page.click("text=Log in >> nth=-1")
            terminal.ready()
            terminal.page.wait_for_selector("#terminal[data-connection=live]")
            assert eventually(lambda: all(len(one.got) > 50 for one in listeners), 30), site.said()

            # Prometheus reaches every process, hears from each worker itself, and nothing that was traded is late or missing.
            every = {f"127.0.0.1:{port}" for ports in (site.ports, *site.metrics.values()) for port in ports}
            assert eventually(lambda: {one["metric"]["instance"] for one in told("up == 1")} == every, 20)
            progress = "time() - cryptoviz_progress_timestamp_seconds < 10"
            busy = lambda: Counter(one["metric"]["worker"] for one in told(progress))  # noqa: E731
            assert eventually(lambda: WORKERS.items() <= busy().items(), 30), busy()
            value = lambda query: sum(float(one["value"][1]) for one in told(query))  # noqa: E731
            collected = 'sum(cryptoviz_messages_in_total{worker="collector", type="trade"})'
            assert eventually(lambda: value(collected) > 500, 30)
            stored = f'sum(cryptoviz_messages_out_total{{worker="writer", type="trade"}}) / {collected}'
            assert eventually(lambda: 0.9 < value(stored) < 1.1, 20)
            assert eventually(lambda: value("sum(cryptoviz_exchange_to_stored_seconds_count)") > 0)
            assert eventually(lambda: value("sum(cryptoviz_exchange_to_socket_seconds_count)") > 0)

            # Half of the clients lose their server, and nobody a trade.
            site.programs["web-0"].kill()
            before = [len(one.got) for one in listeners]
            grown = lambda: all(len(one.got) > n + 100 for one, n in zip(listeners, before, strict=True))  # noqa: E731
            assert eventually(grown, 40), ([(len(one.got), one.breaks, one.refused) for one in listeners], site.said())
            terminal.page.wait_for_selector("#terminal[data-connection=live]")
            bars = terminal.value("CV.app.series.last.t")
            terminal.until(f"CV.app.series.last.t > {bars}")
        assert sum(one.breaks for one in listeners) >= 1
        for one in listeners:
            got = one.stop()
            assert got == list(range(got[0], got[0] + len(got)))
