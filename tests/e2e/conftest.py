"""One running stack and one browser for all of these. Package scope: the browser's event loop must not outlive them."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from tests.browser import DESKTOP, PHONE, Terminal, chromium
from tests.feed import Feed
from tests.stack import Up, eventually

#: More than the page asks for at once, so that there are older candles to pan to.
SEEDED = 1500


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
    # The other one never answers, and its address cannot be broken into lines.
    silent = f'[[source]]\nname = "Silent Herald"\nkind = "rss"\nurls = ["http://127.0.0.1:1/{"long" * 40}.xml"]\n'
    news.write_text(feed.config("Local Wire") + silent)
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
