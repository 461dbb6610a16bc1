"""Reddit, X and pages, against local servers that speak as they do."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.errors import SetupError
from pipeline.news import config, sandbox
from pipeline.news.config import KINDS, SourceConfig
from pipeline.news.feeds import Feed
from pipeline.news.page import items
from pipeline.news.sources.base import Item, SourceUnavailable
from pipeline.news.sources.page import Page
from pipeline.news.sources.reddit import Reddit
from pipeline.news.sources.x import X
from tests.news.conftest import Web, reply


def never() -> bool:
    return False


def answer(handler: Any, status: int, body: Any, **headers: str) -> None:
    reply(handler, json.dumps(body).encode(), status, {"Content_Type": "application/json"} | headers)


class FakeReddit:
    """Tokens for one application, and a listing for whoever has one."""

    def __init__(self, web: Web) -> None:
        self.web = web
        self.given = 0
        self.valid = ""
        self.lasts = 3600
        self.posts: list[dict[str, Any]] = []
        web.answers["/api/v1/access_token"] = self.token
        web.answers["/r/CryptoCurrency/new"] = self.listing

    def source(self, **options: str) -> Reddit:
        return Reddit(
            self.web.url + "/r/CryptoCurrency/new",
            {"client_id": "me", "client_secret": "s3cret", "tokens": self.web.url + "/api/v1/access_token"} | options,
        )

    def token(self, handler: Any) -> None:
        form = handler.rfile.read(int(handler.headers["Content-Length"])).decode()
        right = "Basic " + base64.b64encode(b"me:s3cret").decode()
        if handler.headers["Authorization"] != right or form != "grant_type=client_credentials":
            answer(handler, 401, {"message": "Unauthorized", "error": 401})
            return
        self.given += 1
        self.valid = f"token-{self.given}"
        answer(
            handler, 200, {"access_token": self.valid, "token_type": "bearer", "expires_in": self.lasts, "scope": "*"}
        )

    def listing(self, handler: Any) -> None:
        if handler.headers["Authorization"] != f"Bearer {self.valid}":
            answer(handler, 401, {"message": "Unauthorized", "error": 401})
        else:
            children = [{"kind": "t3", "data": post} for post in self.posts]
            answer(handler, 200, {"kind": "Listing", "data": {"after": None, "children": children}})


def post(name: str, title: str, **more: Any) -> dict[str, Any]:
    return {
        "permalink": f"/r/CryptoCurrency/comments/{name}/",
        "title": title,
        "selftext": "",
        "created_utc": 1714560000.0,
    } | more


def test_reddit(web: Web) -> None:
    reddit = FakeReddit(web)
    reddit.posts = [
        post("rules", "Read the rules first", stickied=True),
        post("1", "Bitcoin &amp; friends <b>soar</b>", selftext="so it *is*<script>alert(1)</script>"),
    ]
    source = reddit.source()
    assert source.fetch(never) == [
        Item(
            "https://www.reddit.com/r/CryptoCurrency/comments/1", "Bitcoin & friends soar", "so it *is*", 1714560000000
        )
    ]
    source.fetch(never)
    assert reddit.given == 1, "a token is used for as long as it lasts"
    reddit.valid = "another"
    with pytest.raises(SourceUnavailable, match="401"):
        source.fetch(never)
    assert len(source.fetch(never)) == 1, "one that was revoked is renewed"
    assert reddit.given == 2
    source.close()


def test_reddit_with_a_token_that_ends_soon(web: Web) -> None:
    reddit = FakeReddit(web)
    reddit.lasts = 30
    source = reddit.source()
    source.fetch(never)
    source.fetch(never)
    assert reddit.given == 2
    source.close()


@pytest.mark.parametrize(
    ("options", "says"), [({"client_secret": "wrong"}, "HTTP 401"), ({"tokens": "http://127.0.0.1:1/"}, "refused")]
)
def test_reddit_without_a_token(web: Web, options: dict[str, str], says: str) -> None:
    source = FakeReddit(web).source(**options)
    with pytest.raises(SourceUnavailable, match=says):
        source.fetch(never)
    source.close()


@pytest.mark.parametrize(
    "body", [b"[]", b"{", b'{"data": {"children": [{"kind": "t3", "data": {}}]}}', b'{"data": null}']
)
def test_reddit_says_something_else(web: Web, body: bytes) -> None:
    source = FakeReddit(web).source()
    web.answers["/r/CryptoCurrency/new"] = lambda handler: reply(handler, body)
    with pytest.raises(SourceUnavailable, match="not a listing"):
        source.fetch(never)
    source.close()


class FakeX:
    """Recent search over `posts`, oldest first, for one bearer."""

    def __init__(self, web: Web) -> None:
        self.posts: list[tuple[int, str]] = []
        self.asked: list[dict[str, str]] = []
        self.reset = 0.0
        web.answers["/2/tweets/search/recent"] = self.search
        self.source = X(web.url + "/2/tweets/search/recent", {"token": "bearer", "query": "bitcoin"})

    def search(self, handler: Any) -> None:
        from urllib.parse import parse_qsl, urlsplit

        params = dict(parse_qsl(urlsplit(handler.path).query))
        self.asked.append(params)
        if handler.headers["Authorization"] != "Bearer bearer":
            answer(handler, 401, {"title": "Unauthorized", "status": 401})
        elif self.reset:
            answer(handler, 429, {"title": "Too Many Requests"}, x_rate_limit_reset=str(int(self.reset)))
        else:
            found = [one for one in self.posts if one[0] > int(params.get("since_id", 0))][::-1]
            data = [{"id": str(n), "text": text, "created_at": "2026-05-01T10:40:00.000Z"} for n, text in found]
            meta = {"result_count": len(data)} | ({"newest_id": data[0]["id"]} if data else {})
            answer(handler, 200, ({"data": data} if data else {}) | {"meta": meta})


def test_x(web: Web) -> None:
    x = FakeX(web)
    x.posts = [(7, "$BTC breaks &gt; 70k <b>now</b> https://t.co/abc")]
    (item,) = x.source.fetch(never)
    assert item == Item(
        "https://x.com/i/status/7",
        "$BTC breaks > 70k now https://t.co/abc",
        "$BTC breaks > 70k now https://t.co/abc",
        1777632000000,
    )
    assert x.source.fetch(never) == []
    x.posts.append((9, "ETH follows"))
    assert [item.title for item in x.source.fetch(never)] == ["ETH follows"]
    assert [params.get("since_id") for params in x.asked] == [None, "7", "7"]
    assert x.asked[0]["query"] == "bitcoin"
    x.source.close()


def test_x_says_when_to_come_again(web: Web) -> None:
    x = FakeX(web)
    x.reset = time.time() + 600
    with pytest.raises(SourceUnavailable, match="429") as raised:
        x.source.fetch(never)
    assert 590 < raised.value.retry_after <= 600
    x.source.close()


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        ("reddit", {"client_id": "a"}, "needs the option client_secret"),
        ("x", {"query": "bitcoin"}, "needs the option token"),
        ("x", {"query": "bitcoin", "token": "env:NOT_SET_ANYWHERE"}, "env:NOT_SET_ANYWHERE is empty"),
        ("x", {"query": "bitcoin", "token": "file:/nowhere/at/all"}, "option token"),
        ("page", {}, "needs options"),
        ("page", {"links": "("}, "no regular expression"),
    ],
)
def test_without_its_keys_a_source_says_which(kind: str, options: dict[str, str], says: str) -> None:
    with pytest.raises(SetupError, match=says):
        Feed(SourceConfig("S", kind, ("http://127.0.0.1:1/",), options=options), "http://127.0.0.1:1/")


def test_secrets_come_from_the_environment_or_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Any, web: Web) -> None:
    (tmp_path / "id").write_text("me\n")
    monkeypatch.setenv("A_SECRET", "s3cret")
    source = FakeReddit(web).source(client_id=f"file:{tmp_path / 'id'}", client_secret="env:A_SECRET")
    assert source.fetch(never) == []
    source.close()


def test_what_needs_keys_is_off_by_default() -> None:
    built_in = config.load("")
    assert {one.name for one in built_in.source if one.enabled} == {"CoinDesk", "CoinTelegraph"}
    assert {one.kind for one in built_in.source} == set(KINDS)


PAGE = """<!doctype html><html><head><title>News</title>
<script>var a = '<a href="/news/2026/evil">one two three four</a>'</script></head><body>
<nav><a href="/about">About all of us here</a></nav>
<div><a href="/news/2026/btc-soars?utm_source=home"><img src=x alt="Bitcoin"></a>
<h3><a href="/news/2026/btc-soars">Bitcoin soars past <b>every</b> record</a></h3><time datetime="2026-05-01T10:40:00Z">1 May</time></div>
<div><a href="/news/2026/eth-dips">Ether dips after the fork</a> <time datetime="2026-05-02">2 May</time></div>
<a href="/news/2026/eth-dips">Read more</a>
<a href="javascript:alert(1)//news/2026/x">one two three four</a>
<a href="/news/2026/unclosed">Unclosed tags &lt;b&gt; are no <em>problem
</body>"""


@pytest.fixture(autouse=True)
def no_parser_left() -> Iterator[None]:
    yield
    sandbox.shared.close()


def test_a_page(web: Web) -> None:
    source = Page(web.gives("/", PAGE.encode(), Content_Type="text/html"), {"links": r"^news/\d{4}/"})
    found = source.fetch(never)
    assert [(item.url.removeprefix(web.url), item.title, item.published) for item in found] == [
        ("/news/2026/btc-soars", "Bitcoin soars past every record", 1777632000000),
        ("/news/2026/eth-dips", "Ether dips after the fork", 1777680000000),
        ("/news/2026/unclosed", "Unclosed tags are no problem", None),
    ]
    source.close()


def test_a_page_without_articles_says_so(web: Web) -> None:
    source = Page(web.gives("/", PAGE.encode()), {"links": "^articles/"})
    with pytest.raises(SourceUnavailable, match="none of its links"):
        source.fetch(never)
    source.close()


def test_a_page_in_another_encoding() -> None:
    body = '<meta charset="windows-1252"><a href="/a/1">Größe zählt für Bitcoin</a>'.encode("cp1252")
    assert items(body, "https://a.example/", "", "^a/")[0].title == "Größe zählt für Bitcoin"
    body = '<a href="/a/1">Größe zählt für Bitcoin</a>'.encode("latin-1")
    assert items(body, "https://a.example/", "text/html; charset=latin-1", "^a/")[0].title == "Größe zählt für Bitcoin"
    assert items(b"<a href=/a/1>one two three four</a>", "https://a.example/", "charset=klingon", "^a/")


def test_a_page_made_to_hurt(web: Web) -> None:
    source = Page(web.gives("/", b"<a href=/a/1>" * 200_000), {"links": "^a/"})
    begin = time.monotonic()
    with pytest.raises(SourceUnavailable):
        source.fetch(never)
    assert time.monotonic() - begin < 15
    source.close()
