"""A web page that lists articles → items: its links whose path looks like an article's. Runs where `parse.py` does."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Final

import nh3

from pipeline.news.sources.base import Item
from pipeline.news.text import plain
from pipeline.news.urls import canonical

#: Shorter texts are "Read more", a tag or an author; headlines have more words.
_FEWEST_WORDS: Final = 4
_MOST_ITEMS: Final = 200
_CHARSET: Final = re.compile(rb"charset=[\"']?([\w.:-]+)", re.I)


def items(body: bytes, url: str, content_type: str, links: str) -> list[Item]:
    """Each article once, under the longest text that links to it, with the time of the `<time>` that follows the link."""
    # What leaves nh3 is well-formed, whatever the page was: a plain tokenizer can read it.
    text = nh3.clean(
        _decoded(body, content_type),
        tags={"a", "time", "h1", "h2", "h3", "h4", "p", "img"},
        attributes={"a": {"href"}, "time": {"datetime"}, "img": {"alt"}},
        clean_content_tags={"script", "style", "noscript", "template", "svg"},
        link_rel=None,
        url_schemes={"http", "https"},
    )
    reader = _Links(url, re.compile(links))
    reader.feed(text)
    reader.close()
    return [Item(link, title, "", published) for link, (title, published) in reader.found.items() if title][
        :_MOST_ITEMS
    ]


def _decoded(body: bytes, content_type: str) -> str:
    named = _CHARSET.search(content_type.encode()) or _CHARSET.search(body[:4096])
    try:
        return body.decode(named.group(1).decode() if named else "utf-8", errors="replace")
    except LookupError:
        return body.decode("utf-8", errors="replace")


class _Links(HTMLParser):
    def __init__(self, url: str, path: re.Pattern[str]) -> None:
        super().__init__()
        self.found: dict[str, tuple[str, int | None]] = {}
        self._url = url
        self._path = path
        self._link: str | None = None
        self._last: str | None = None
        self._words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "a":
            self._ends()
            link = canonical(values.get("href", ""), self._url)
            self._link = link if link and self._path.search(link.partition("://")[2].partition("/")[2]) else None
        elif tag == "time":
            article = self._link or self._last
            if article in self.found and self.found[article][1] is None:
                self.found[article] = (self.found[article][0], _time(values.get("datetime", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._ends()

    def handle_data(self, data: str) -> None:
        if self._link:
            self._words.append(data)

    def _ends(self) -> None:
        link, self._link = self._link, None
        title = plain(" ".join(self._words), 300)
        self._words = []
        if not link:
            return
        known, published = self.found.get(link, ("", None))
        if len(title.split()) < _FEWEST_WORDS:
            title = ""
        self.found[link] = (max(known, title, key=len), published)
        self._last = link


def _time(spelled: str) -> int | None:
    """An ISO date or time; without a zone it is UTC's."""
    try:
        moment = datetime.fromisoformat(spelled.strip())
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
