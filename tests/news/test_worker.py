"""The worker against a server that gives captured polls in turn."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from pipeline import bus as buses
from pipeline import status
from pipeline.bus.topics import NEWS
from pipeline.model import Article
from pipeline.settings import Settings
from pipeline.wire import read_article
from pipeline.workers import news
from tests.news.conftest import Web, reply
from tests.stack import eventually

#: Captures in order, new items of each since the one before (README of the recordings).
POLLS = {
    # By address. Of the 3 and 4 new guids that the README counts, 1 and 2 are revisions of articles that were there already.
    "bbc_world": ("general_polls/bbc_world_*.xml", [28, 0, 3 - 1, 4 - 2, 0]),
    "aljazeera": ("general_polls/aljazeera_*.xml", [25, 2, 1, 19, 2]),
    "coindesk_zh": ("crypto_translated_zh/coindesk_zh_*.xml", [50, 17, 8, 14, 9, 16]),
}


class Reader:
    """What is on the topic."""

    def __init__(self, settings: Settings) -> None:
        self._bus = buses.connect(settings)
        self._bus.ensure_topics([NEWS])
        self._subscription = self._bus.subscribe("test", [NEWS])
        self.articles: list[Article] = []

    def more(self) -> list[Article]:
        self.articles += [read_article(message.value) for message in self._subscription.poll(0.2)]
        return self.articles

    def close(self) -> None:
        self._subscription.close()
        self._bus.close()


@pytest.fixture
def run(
    settings: Callable[..., Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Settings]]:
    """`run(urls)`: a worker that asks them three times a second."""
    monkeypatch.setattr(news, "_AFTER_THE_OTHERS", 0.0)
    monkeypatch.setattr(news, "_REPORT", 0.1)
    running: list[tuple[threading.Thread, threading.Event]] = []

    def start(*urls: str, options: str = "days_back = 0") -> Settings:
        for thread, stop in running:
            stop.set()
            thread.join(30)
        running.clear()
        file = tmp_path / "news.toml"
        file.write_text("".join(
            f'[[source]]\nname = "Source {n}"\nkind = "rss"\nurls = ["{url}"]\ninterval = 0.3\n{options}\n'
            for n, url in enumerate(urls)
        ))  # fmt: skip
        mine = settings(news_config=str(file))
        stop = threading.Event()
        thread = threading.Thread(target=news.run, args=(mine, stop))
        thread.start()
        running.append((thread, stop))
        return mine

    yield start
    for thread, stop in running:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


def said(settings: Settings) -> status.Status | None:
    client = redis.Redis.from_url(settings.redis_url)
    try:
        return status.read_all(client).get("news")
    finally:
        client.close()


@pytest.mark.parametrize("name", POLLS)
def test_every_poll_gives_its_new_articles_and_nothing_twice(
    name: str, run: Callable[..., Settings], web: Web, feeds_dir: Path, settings: Callable[..., Settings]
) -> None:
    pattern, new = POLLS[name]
    captures = sorted(feeds_dir.glob(pattern))
    assert len(captures) == len(new)
    turn = [0]

    def answer(handler: Any) -> None:
        reply(handler, captures[turn[0]].read_bytes())

    web.answers["/feed"] = answer
    reader = Reader(settings())
    run(web.url + "/feed")
    expected = 0
    try:
        for n, count in enumerate(new):
            turn[0] = n
            expected += count
            assert eventually(lambda wanted=expected: len(reader.more()) >= wanted, 30), f"poll {n}"
            asked = len(web.asked)
            assert eventually(lambda asked=asked: len(web.asked) >= asked + 2, 30)
            assert len(reader.more()) == expected, f"poll {n}: {count} new"
        urls = [article.url for article in reader.articles]
        assert len(set(urls)) == len(urls)
        # A worker that starts anew remembers.
        run(web.url + "/feed")
        asked = len(web.asked)
        assert eventually(lambda: len(web.asked) >= asked + 2, 30)
        assert len(reader.more()) == expected
    finally:
        reader.close()


def test_without_a_network_it_waits_and_says_why(run: Callable[..., Settings], web: Web) -> None:
    dead = "http://127.0.0.1:9/feed"
    mine = run(dead, web.gives("/broken", b"<html><body>Not today</body></html>"), options="days_back = 5")
    one = eventually(lambda: (s := said(mine)) is not None and "no source answers" in s.detail and s, 30)
    assert one
    assert one.state == "waiting"
    assert "refused" in one.facts["Source 0"]
    assert "not a feed" in one.facts["Source 1"]
    # And it goes on by itself.
    web.gives("/broken", FEED)
    one = eventually(
        lambda: (s := said(mine)) is not None and s.state == "running" and s.facts["published"] == 2 and s, 30
    )
    assert one
    assert one.facts["Source 1"] == "ok"


FEED = b"""<rss version="2.0"><channel><title>t</title>
<item><title>Bitcoin (BTC) &lt;b&gt;soars&lt;/b&gt; to record high</title><link>https://a.example/1?utm_source=rss</link>
<pubDate>Fri, 01 Jan 2100 00:00:00 GMT</pubDate></item>
<item><title>Exchange hacked, $SOL and Cardano drained</title><link>https://a.example/2</link>
<description>&lt;script&gt;alert(1)&lt;/script&gt;&lt;p&gt;Funds are gone.&lt;/p&gt;</description></item>
<item><title>A long forgotten story of old times</title><link>https://a.example/old</link>
<pubDate>Fri, 01 Jan 2021 00:00:00 GMT</pubDate></item>
<item><title>Bitcoin (BTC) soars to record high!</title><link>https://a.example/again</link></item>
<item><title>No web address</title><link>javascript:alert(1)</link></item>
</channel></rss>"""


def test_articles_are_whole(run: Callable[..., Settings], web: Web, settings: Callable[..., Settings]) -> None:
    reader = Reader(settings())
    try:
        run(web.gives("/feed", FEED), options="days_back = 5")
        assert eventually(lambda: len(reader.more()) >= 2, 30)
        first, second = sorted(reader.articles, key=lambda article: article.url)
    finally:
        reader.close()
    assert (first.url, first.title, first.source) == (
        "https://a.example/1",
        "Bitcoin (BTC) soars to record high",
        "Source 0",
    )
    assert first.symbols == ("btc",)
    assert first.sentiment_score > 0.3  # type: ignore[operator]
    assert second.symbols == ("sol", "ada")
    assert second.sentiment_score < -0.3  # type: ignore[operator]
    assert second.content == "Funds are gone."
    assert abs(first.time - second.time) < 60_000, "a date in the future, or none, is when it was first seen"
    assert first.time < 4_000_000_000_000


def test_no_source_at_all(settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news, "_AFTER_THE_OTHERS", 0.0)
    mine, stop = settings(news_config="off"), threading.Event()
    thread = threading.Thread(target=news.run, args=(mine, stop))
    thread.start()
    try:
        assert eventually(lambda: (s := said(mine)) is not None and s.detail == "no source is switched on", 30)
    finally:
        stop.set()
        thread.join(30)
    last = said(mine)
    assert last is not None
    assert last.state == "stopped"
