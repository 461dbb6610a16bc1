"""One running stack and one browser for all of these. Package scope: the browser's event loop must not outlive them."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from tests.browser import DESKTOP, PHONE, Terminal, chromium
from tests.stack import Up, eventually

#: More than the page asks for at once, so that there are older candles to pan to.
SEEDED = 1500


class Feed:
    """A news source: RSS on loopback, to which a test adds."""

    def __init__(self) -> None:
        self.items: list[str] = []
        feed = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = f'<rss version="2.0"><channel><title>Feed</title>{"".join(feed.items)}</channel></rss>'.encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/rss+xml")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/feed.xml"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def add(self, title: str, link: str, teaser: str = "") -> None:
        at = format_datetime(datetime.now(UTC))
        self.items.insert(
            0,
            f"<item><title><![CDATA[{title}]]></title><link>{link}</link><pubDate>{at}</pubDate>"
            f"<description><![CDATA[{teaser}]]></description></item>",
        )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Stack:
    """`cryptoviz up` on the simulator."""

    def __init__(self, up: Up) -> None:
        self.up = up
        self.url = up.url

    def control(self, **request: Any) -> Any:
        """Ask the simulator for a trade, a pause, a fault."""
        answer = httpx.post(f"{self.up.setting('binance_rest_url')}/control", json=request, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def api(self, path: str, **query: Any) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=query, timeout=10)
        answer.raise_for_status()
        return answer.json()["data"]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="package")
def feed() -> Iterator[Feed]:
    feed = Feed()
    feed.add("Bitcoin surges to new all-time high", "https://news.example/ath")
    feed.add(
        "Ethereum exchange hacked, funds drained",
        "https://news.example/hack",
        "<img src=x onerror=alert(1)>Millions gone.",
    )
    yield feed
    feed.close()


@pytest.fixture(scope="package")
def stack(browser: Browser, feed: Feed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("e2e")
    news = folder / "news.toml"
    news.write_text(f'[[source]]\nname = "Local Wire"\nkind = "rss"\nurls = ["{feed.url}"]\ninterval = 1\n')
    up = Up(
        folder, "--exchange", "simulator", "--rate", "60", "--symbols", "BTC/USDT,ETH/USDT,DOGE/USDT",
        CRYPTOVIZ_SEED_CANDLES=str(SEEDED), CRYPTOVIZ_NEWS_CONFIG=str(news),
    )  # fmt: skip
    try:
        up.ready(90)
        stack = Stack(up)
        # 1d is the last timeframe that is seeded.
        assert eventually(
            lambda: len(stack.api("crypto/data", symbol="DOGE/USDT", interval="1d", limit=500)) == 500, 60
        ), up.said()
        yield stack
    finally:
        up.close()


@pytest.fixture(scope="package")
def desktop(browser: Browser) -> Iterator[Any]:
    """One context for all desktop pages: scripts are compiled once."""
    context = browser.new_context(**DESKTOP, color_scheme="dark")  # type: ignore[arg-type]
    yield context
    context.close()


@pytest.fixture
def terminal(stack: Stack, desktop: Any) -> Iterator[Terminal]:
    """A page of its own, not opened yet; whatever goes wrong on it fails the test."""
    terminal = Terminal(desktop, stack.url)
    yield terminal
    terminal.page.close()
    assert terminal.problems == []


@pytest.fixture
def phone(stack: Stack, browser: Browser) -> Iterator[Terminal]:
    context = browser.new_context(**PHONE, color_scheme="light")  # type: ignore[arg-type]
    terminal = Terminal(context, stack.url).open()
    yield terminal
    context.close()
    assert terminal.problems == []
