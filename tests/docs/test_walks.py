"""The walks of docs/ that add something: followed to the letter in a copy of the tree, where it then works."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.server import ServerConnection, serve

from pipeline import bus as buses
from pipeline.bus.topics import NEWS, TRADES
from pipeline.live import LivePublisher, channel
from pipeline.live_messages import ticker_data
from pipeline.model import Ticker
from pipeline.settings import Settings
from pipeline.status import connect
from pipeline.store.migrate import migrate
from pipeline.store.write import Store
from pipeline.wire import read_article, read_trade
from tests.browser import DESKTOP, Terminal, chromium
from tests.dashboard.conftest import NOON, candle
from tests.docs import walk
from tests.news.conftest import Web, web
from tests.stack import Program, eventually, free_port

__all__ = ["web"]  # a fixture


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All four walks, one after the other, as a project that grows."""
    folder = tmp_path_factory.mktemp("tree")
    walk.copy(folder)
    for page in walk.PAGES:
        steps = list(walk.steps(page))
        assert len(steps) > 2
        for step in steps:
            walk.take(folder, step)
    for module in ("docs.reference", "pipeline.indicators.catalogue"):  # make reference
        subprocess.run([sys.executable, "-m", module], cwd=folder, env=environment(folder), check=True, timeout=120)
    return folder


def environment(folder: Path) -> dict[str, str]:
    """In which the copy is imported, not the checkout."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("CRYPTOVIZ_")}
    return clean | {"PYTHONPATH": str(folder)}


@contextmanager
def running(tree: Path, settings: Settings, *command: str, **more: str) -> Iterator[Program]:
    """A command of the copy, on the test's servers."""
    program = Program(
        *command,
        log=tree / f"{command[0]}.log",
        PYTHONPATH=str(tree),
        PYTHONSAFEPATH="1",
        CRYPTOVIZ_REDIS_URL=settings.redis_url,
        CRYPTOVIZ_DATABASE_URL=settings.database_url,
        **more,
    )
    try:
        yield program
    finally:
        assert program.stop() == 0, program.log.read_text()[-3000:]


class Topic:
    """What comes on a topic from now on."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._bus = buses.connect(settings)
        self._bus.ensure_topics([topic])
        self._subscription = self._bus.subscribe("test", [topic])
        self.values: list[bytes] = []

    def more(self) -> list[bytes]:
        self.values += [message.value for message in self._subscription.poll(0.2)]
        return self.values

    def close(self) -> None:
        self._subscription.close()
        self._bus.close()


def test_it_still_passes_lint_and_the_tests_of_what_was_added(tree: Path) -> None:
    tests = (
        "tests/indicators/test_distance.py", "tests/test_texts.py", "tests/test_docs.py",
        "tests/indicators/test_engines.py::test_every_streamed_type_is_there",
        "tests/deploy/test_files.py::test_the_example_has_every_knob_with_its_default",
    )  # fmt: skip
    for command in (
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["pytest", "-q", "-p", "no:cacheprovider", "-k", "not route", *tests],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=tree,
            env=environment(tree),
            capture_output=True,
            text=True,
            timeout=150,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-1000:]}"


def test_the_exchange_is_found_by_name_and_followed(tree: Path, settings: Callable[..., Settings]) -> None:
    asked: list[Any] = []
    trade = {
        "pair": "BTC-USDT",
        "id": 7,
        "price": "91234.50",
        "size": "0.010",
        "taker": "sell",
        "time": 1_763_640_000_123,
    }

    async def speak(socket: ServerConnection) -> None:
        asked.append(json.loads(await socket.recv()))
        await socket.send("no frame of theirs")
        for n in range(3):
            await socket.send(json.dumps(trade | {"id": 7 + n}))
        await socket.wait_closed()

    mine, port, over = settings(), free_port(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def listen() -> None:
        async with serve(speak, "127.0.0.1", port):
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(listen(),))
    thread.start()
    topic = Topic(mine, TRADES)
    try:
        with running(
            tree, mine, "collector",
            CRYPTOVIZ_EXCHANGE="acme", CRYPTOVIZ_SYMBOLS="BTC/USDT", CRYPTOVIZ_ACME_WS_URL=f"ws://127.0.0.1:{port}",
        ) as program:  # fmt: skip
            assert eventually(lambda: len(topic.more()) >= 3, 30), program.log.read_text()[-3000:]
        trades = [read_trade(value) for value in topic.values]
        assert asked[0] == {"subscribe": ["BTC-USDT"]}
        assert [one.trade_id for one in trades] == ["7", "8", "9"]
        first = trades[0]
        assert (first.exchange, first.symbol, first.price, str(first.amount), first.side) == (
            "ACME", "BTC/USDT", Decimal("91234.50"), "0.010", "sell",
        )  # fmt: skip
    finally:
        topic.close()
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()


def test_the_source_is_polled(tree: Path, settings: Callable[..., Settings], web: Web, tmp_path: Path) -> None:
    entries = [
        {"link": "https://acme.example/1?utm_source=x", "headline": "Bitcoin <b>soars</b>", "at": 1_763_640_000.5}
    ]
    url = web.gives("/bulletin.json", json.dumps(entries).encode(), Content_Type="application/json")
    config = tmp_path / "news.toml"
    config.write_text(
        f'[[source]]\nname = "Acme"\nkind = "bulletin"\nurls = ["{url}"]\ndays_back = 0\ninterval = 0.5\n'
    )
    mine = settings()
    migrate(mine.database_url)
    topic = Topic(mine, NEWS)
    try:
        with running(tree, mine, "news", CRYPTOVIZ_NEWS_CONFIG=str(config)) as program:
            assert eventually(lambda: topic.more(), 30), program.log.read_text()[-3000:]
            assert eventually(lambda: len(web.asked) > 2, 30)
        [article] = [read_article(value) for value in topic.more()]
        assert (article.source, article.url, article.title) == ("Acme", "https://acme.example/1", "Bitcoin soars")
        assert (article.time, list(article.symbols)) == (1_763_640_000_500, ["btc"])
    finally:
        topic.close()


@pytest.mark.e2e
def test_the_indicator_is_computed_and_the_page_is_shown(tree: Path, settings: Callable[..., Settings]) -> None:
    mine, port = settings(), free_port()
    migrate(mine.database_url)
    store = Store(mine.database_url)
    store.write([], [candle(n) for n in range(40)])
    store.close()
    url = f"http://127.0.0.1:{port}"
    redis = connect(mine.redis_url)
    live = LivePublisher(redis)
    ticker = Ticker("BINANCE", "BTC/USDT", NOON, bid=Decimal("99.50"), ask=Decimal("100.00"))
    with ExitStack() as stack:
        stack.callback(redis.close)
        program = stack.enter_context(
            running(tree, mine, "web", "--port", str(port), CRYPTOVIZ_SYMBOLS="BTC/USDT,ETH/USDT")
        )
        assert eventually(lambda: _answers(f"{url}/ready"), 60), program.log.read_text()[-3000:]
        listed = {entry["name"]: entry for entry in httpx.get(f"{url}/api/v1/indicators/list").json()["data"]}
        assert listed["distance"]["streamed"]
        rows = httpx.get(f"{url}/api/v1/indicators/distance?symbol=BTC/USDT&length=10&limit=5", timeout=30).json()[
            "data"
        ]
        assert len(rows) == 5 and all("value" in row for row in rows)

        browser = stack.enter_context(chromium())
        context = browser.new_context(**DESKTOP)  # type: ignore[arg-type]
        page = Terminal(context, url)
        page.page.goto(f"{url}/markets")
        page.page.click("#markets .bar >> text=Spreads")
        page.until("window.CV && CV.page && CV.page.socket.state === 'open'")
        said = page.page.locator("#spreads [data-symbol='BTC/USDT'] td")

        def shown() -> bool:
            live.publish({channel("ticker", "BTC/USDT"): [ticker_data(ticker)]})
            return said.all_inner_texts() == ["99.5", "100", "0.5000 %"]

        assert eventually(shown, 30), said.all_inner_texts()
        assert page.problems == []


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
