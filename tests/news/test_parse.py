"""Feeds of every kind and every brokenness → clean items, in bounded time."""

import re
import tarfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.news import parse as parsing
from pipeline.news.parse import Job, parse
from pipeline.news.sandbox import Parser
from pipeline.news.sources.base import Item, SourceUnavailable
from pipeline.news.text import plain
from pipeline.news.urls import canonical

MARKUP = re.compile(r"<[a-zA-Z/!?]")
HIDDEN = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ufeff]")


def check(item: Item, where: str) -> None:
    assert item.title, where
    for text in (item.title, item.content):
        assert not MARKUP.search(text), f"{where}: {text[:200]!r}"
        assert not HIDDEN.search(text), f"{where}: {text[:200]!r}"
    assert item.url.startswith(("http://", "https://")), where
    assert canonical(item.url) == item.url, where
    assert len(item.title) <= 300, where
    assert len(item.content) <= 5000, where


def test_feedparsers_whole_corpus(feeds_dir: Path) -> None:
    """1054 files: ill-formed, every encoding, every entity, script in every attribute, dates of every calendar."""
    parser = Parser()
    items = refused = 0
    try:
        with tarfile.open(feeds_dir / "feedparser_corpus.tar.gz") as archive:
            files = [(m.name, archive.extractfile(m)) for m in archive.getmembers() if m.isfile()]
            assert len(files) > 1000
            for name, file in files:
                assert file is not None
                body = file.read()
                kind = "application/json" if name.endswith(".json") else "application/xml"
                # Most of it tests one element and has no link, so nothing would come of it: once as it is, once with a link.
                for text in {body, linked(body)}:
                    began = time.monotonic()
                    try:
                        found = parser.parse(text, "https://feeds.example/x.xml", kind)
                    except SourceUnavailable as error:
                        reason = str(error)
                        found = []
                        refused += 1
                    else:
                        reason = ""
                    assert "too long" not in reason, f"{name} killed its process"
                    assert time.monotonic() - began < parsing.PATIENCE
                    items += len(found)
                    for item in found:
                        check(item, name)
    finally:
        parser.close()
    # Most of the corpus is about one element, and many of its files are no feed at all.
    assert items > 200
    assert refused < 200


def linked(body: bytes) -> bytes:
    body = re.sub(rb"<item(?=[ >])([^>]*)>", rb"<item\1><link>https://a.example/1</link>", body)
    return re.sub(rb"<entry(?=[ >])([^>]*)>", rb'<entry\1><link href="https://a.example/1"/>', body)


@pytest.mark.parametrize(("pattern", "most"), [("general*/*", 200), ("crypto*/*", 200)], ids=["general", "crypto"])
def test_captured_feeds(pattern: str, most: int, feeds_dir: Path) -> None:
    for file in sorted(feeds_dir.glob(pattern)):
        found = parse(Job(file.read_bytes(), "https://feeds.example/", ""))
        assert 0 < len(found.items) <= most or file.stem in ("unrecognized", "incomplete-fields"), file.name
        for item in found.items:
            check(item, file.name)
        if file.stem == "uolNoticias":
            # Declared UTF-8, written in windows-1252.
            assert not any("\ufffd" in item.title for item in found.items)


FEED = b'<rss version="2.0"><channel><title>t</title>%b</channel></rss>'


def feed(*items: str) -> bytes:
    return FEED % "".join(f"<item>{item}</item>" for item in items).encode()


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "ftp://a.example/",
        "//", "http://", "http://user:secret@a.example/", "http://[::1", "https://a.example:99999/", "http://exa mple.com:x/", "",
        "java\nscript:alert(1)", " \x01javascript:alert(1)", "blob:https://a.example/1", "mailto:a@b.example", "feed:https://a.example",
    ],
)  # fmt: skip
def test_hostile_links_lead_nowhere(link: str) -> None:
    from xml.sax.saxutils import escape

    body = feed(f"<title>Bitcoin falls</title><link>{escape(link)}</link>")
    found = parse(Job(body, "https://feeds.example/", "application/rss+xml"))
    assert [item.url for item in found.items if not item.url.startswith("https://feeds.example/")] == []
    assert not any("script" in item.url for item in found.items)
    if link.lower().strip().startswith(("javascript", "data", "vbscript", "file", "ftp", "blob", "mailto", "feed")):
        assert canonical(link) is None


@pytest.mark.parametrize(
    ("title", "read"),
    [
        ("<![CDATA[<b>Bitcoin</b> up]]>", "Bitcoin up"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;Up", "Up"),
        ("&amp;lt;script&amp;gt;alert(1)&amp;lt;/script&amp;gt;Up", "Up"),
        ("&amp;amp;lt;img src=x onerror=alert(1)&amp;amp;gt;Up", "Up"),
        ("<![CDATA[<img src=x onerror=alert(1)//Up]]>", None),
        ("5 &lt; 6 &amp; 7", "5 < 6 & 7"),
        ("<![CDATA[a\u202egpj.exe]]>", "a gpj.exe"),
        ("<![CDATA[<scr<script>ipt>alert(1)</scr</script>ipt>]]>", None),
    ],
)
def test_markup_is_read_as_a_browser_would(title: str, read: str | None) -> None:
    found = parse(Job(feed(f"<title>{title}</title><link>https://a.example/1</link>"), "", "application/rss+xml"))
    for item in found.items:
        check(item, title)
    if read is not None:
        assert [item.title for item in found.items] == [read]


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="<>&;/!?- abscript\"'=lgtmp#x3C\u202e\x00", max_size=60) | st.text(max_size=60))
def test_no_text_comes_out_with_markup(text: str) -> None:
    out = plain(text)
    assert not MARKUP.search(out)
    assert not HIDDEN.search(out)


@settings(max_examples=200, deadline=None)
@given(
    st.text(alphabet="htps:/.?&=#%2Fa1 @[]\\utm_", max_size=40).map("https://a.example/".__add__) | st.text(max_size=40)
)
def test_an_address_has_one_spelling(link: str) -> None:
    once = canonical(link)
    assert once is None or (canonical(once) == once and once.startswith(("http://", "https://")))


def test_addresses_that_are_the_same() -> None:
    same = {
        canonical(link)
        for link in (
            "https://www.a.example/story?utm_source=rss&utm_medium=x",
            "HTTPS://WWW.A.example:443/story/#top",
            "https://www.a.example/story?fbclid=1",
            "https://www.a.example/st%6Fry",
        )
    }
    assert same == {"https://www.a.example/story"}
    assert canonical("https://a.example/?id=1") != canonical("https://a.example/?id=2"), "what is read is kept"


def test_one_body_that_never_ends_ends_its_process_only(monkeypatch: pytest.MonkeyPatch) -> None:
    parser = Parser()
    try:
        # A billion laughs, and tags without end: each must be over quickly one way or the other, and the next body is served.
        laughs = b'<!DOCTYPE l [<!ENTITY a "ha">' + b"".join(
            b'<!ENTITY %c "%b">' % (98 + n, (b"&%c;" % (97 + n)) * 10) for n in range(12)
        ) + b"]>" + feed("<title>&m;</title><link>https://a.example/1</link>")  # fmt: skip
        for body in (laughs, b"<rss><channel>" + b"<item>" * 100_000, b"<" * 1_000_000, b"&#" * 300_000):
            began = time.monotonic()
            try:
                for item in parser.parse(body, "https://a.example/", "text/xml"):
                    check(item, repr(body[:20]))
            except SourceUnavailable:
                pass
            assert time.monotonic() - began < parsing.PATIENCE + 10
        good = feed("<title>Still here</title><link>https://a.example/2</link>")
        assert [item.title for item in parser.parse(good, "", "")] == ["Still here"]
    finally:
        parser.close()


@pytest.mark.parametrize("date", ["Mon, 99 Foo 2024", "0", "Fri, 31 Dec 99999 00:00:00 GMT", "", "yesterday", "1e309"])
def test_a_senseless_date_is_none(date: str) -> None:
    body = feed(f"<title>T</title><link>https://a.example/1</link><pubDate>{date}</pubDate>")
    (item,) = parse(Job(body, "", "")).items
    assert item.published is None or item.published < 4_000_000_000_000
