"""One GET: only what changed, never too much, never too long; and what happens when it fails."""

import gzip
import time
import zlib
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.news.config import SourceConfig
from pipeline.news.feeds import TRIPS_AFTER, Breaker, Feed, Poll
from pipeline.news.fetch import Fetcher
from pipeline.news.sources.base import SourceUnavailable
from tests.news.conftest import Web, reply


def never() -> bool:
    return False


FEED = b'<rss version="2.0"><channel><title>t</title><item><title>A</title><link>https://a.example/1</link></item></channel></rss>'


def test_only_what_changed(web: Web) -> None:
    fetcher = Fetcher()
    when = "Fri, 01 Mar 2024 00:00:00 GMT"

    def answer(handler: Any) -> None:
        if handler.headers.get("If-None-Match") == '"1"' and handler.headers.get("If-Modified-Since") == when:
            reply(handler, b"", 304)
        else:
            reply(handler, FEED, 200, {"ETag": '"1"', "Last-Modified": when})

    web.answers["/feed"] = answer
    first = fetcher.get(web.url + "/feed", never)
    assert first is not None
    assert first.body == FEED
    assert fetcher.get(web.url + "/feed", never) is None
    assert fetcher.get(web.url + "/feed", never) is None, "a 304 keeps the validators"
    fetcher.forget()
    assert fetcher.get(web.url + "/feed", never) is not None
    fetcher.close()


@pytest.mark.parametrize(("name", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_packed(web: Web, name: str, pack: Callable[[bytes], bytes]) -> None:
    answer = Fetcher().get(web.gives("/x", pack(FEED), Content_Encoding=name), never)
    assert answer is not None
    assert answer.body == FEED


@pytest.mark.parametrize(
    ("body", "headers", "says"),
    [
        (b"x" * 2000, {}, "more than"),
        (gzip.compress(b"\0" * 50_000_000), {"Content_Encoding": "gzip"}, "more than"),
        (gzip.compress(FEED)[:-9], {"Content_Encoding": "gzip"}, "too early"),
        (b"not gzip", {"Content_Encoding": "gzip"}, "does not unpack"),
        (b"x", {"Content_Encoding": "br"}, "not asked for"),
    ],
    ids=["large", "large unpacked", "cut", "not packed", "otherwise packed"],
)
def test_bodies_that_are_refused(web: Web, body: bytes, headers: dict[str, str], says: str) -> None:
    with pytest.raises(SourceUnavailable, match=says):
        Fetcher(largest=1000).get(web.gives("/x", body, **headers), never)


def test_slower_than_its_deadline(web: Web) -> None:
    def drip(handler: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(200):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)

    web.answers["/x"] = drip
    with pytest.raises(SourceUnavailable, match="not done after"):
        Fetcher(deadline=0.3).get(web.url + "/x", never)
    with pytest.raises(SourceUnavailable, match="stopping"):
        Fetcher().get(web.url + "/x", lambda: True)


def test_redirects_have_an_end_and_stay_on_the_web(web: Web) -> None:
    web.answers["/loop"] = lambda handler: reply(handler, b"", 302, {"Location": "/loop"})
    web.answers["/file"] = lambda handler: reply(handler, b"", 302, {"Location": "file:///etc/passwd"})
    web.answers["/there"] = lambda handler: reply(handler, b"", 301, {"Location": "/feed"})
    found = Fetcher().get(web.gives("/feed", FEED).replace("/feed", "/there"), never)
    assert found is not None
    assert found.url == web.url + "/feed"
    for path in ("/loop", "/file"):
        with pytest.raises(SourceUnavailable):
            Fetcher().get(web.url + path, never)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://", "nonsense", "http://[::1", "file:///etc/passwd"])
def test_what_cannot_be_fetched_says_so(url: str) -> None:
    with pytest.raises(SourceUnavailable):
        Fetcher().get(url, never)


def test_retry_after_is_heard(web: Web) -> None:
    with pytest.raises(SourceUnavailable, match="HTTP 429") as caught:
        Fetcher().get(web.gives("/x", b"", 429, Retry_After="120"), never)
    assert caught.value.retry_after == 120
    with pytest.raises(SourceUnavailable) as caught:
        Fetcher().get(web.gives("/x", b"", 503, Retry_After="99999999"), never)
    assert caught.value.retry_after == 3600, "a feed, not a contract"


@given(interval=st.floats(0.1, 86_400), failures=st.integers(0, 10_000), wish=st.floats(0, 3600))
def test_the_breaker_backs_off_within_bounds(interval: float, failures: int, wish: float) -> None:
    breaker = Breaker(interval)
    breaker.failures, breaker._wish = failures, wish
    assert breaker.open == (failures >= TRIPS_AFTER)
    delay = breaker.delay()
    assert max(interval, wish) <= delay <= 1.1 * max(interval, wish, 1800)
    if not breaker.open:
        assert delay <= 1.1 * max(interval, wish)


def test_a_feed_breaks_and_mends(web: Web) -> None:
    feed = Feed(SourceConfig("Wire", "rss", (web.url + "/x",), interval=10), web.url + "/x")
    found: SimpleQueue[Poll] = SimpleQueue()
    delays = []
    for _ in range(TRIPS_AFTER + 3):
        feed.poll(found, never)
        delays.append(feed.breaker.delay())
    assert feed.breaker.open
    assert "404" in feed.error
    assert delays[0] < 12
    assert [round(delay / 10) > 1 for delay in delays[TRIPS_AFTER - 1 :]] == [True] * 4
    assert delays[-1] > 3 * delays[TRIPS_AFTER - 1], "twice as long each time"
    web.gives("/x", FEED)
    feed.poll(found, never)
    assert (feed.error, feed.breaker.open, feed.breaker.delay() < 12) == ("", False, True)
    assert [item.title for item in found.get_nowait().items] == ["A"]
    feed.source.close()
