"""The body of a feed → items. `python -m pipeline.news.parse` does it for `sandbox.py`, in a process that may die of it."""

import calendar
import io
import resource
import signal
import sys
from typing import Any, BinaryIO, Final

import feedparser
import msgspec

from pipeline.news import page
from pipeline.news.sources.base import Item
from pipeline.news.text import plain
from pipeline.news.urls import canonical

#: Items of one body that are looked at, from the top. Real feeds have at most some 150.
MOST_ITEMS: Final = 500
_LONGEST_TITLE: Final = 300
#: What one body may cost before the process is ended: seconds of time, bytes of memory. A normal one takes 0.1 s and 60 MB.
PATIENCE: Final = 10.0
_MEMORY: Final = 1 << 30


class Job(msgspec.Struct, array_like=True):
    """`links`: for a web page, what the path of an article's address looks like (pipeline.news.page); empty for a feed."""

    body: bytes
    url: str
    content_type: str
    links: str = ""


class Parsed(msgspec.Struct, array_like=True):
    """`error` says why there can be no items; then `items` is empty."""

    items: list[Item]
    error: str = ""


def parse(job: Job) -> Parsed:
    headers = {"content-location": job.url}
    if job.content_type:
        headers["content-type"] = job.content_type
    # A stream, for a text might be taken for a file's name or an address. Its own cleaning is off: ours comes after.
    feed = feedparser.parse(
        io.BytesIO(job.body), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
    )
    if not feed.entries and not feed.get("version"):
        reason = " ".join(str(feed.get("bozo_exception", "")).split())[:200]
        return Parsed([], "not a feed" + (f": {reason}" if reason else ""))
    items = [item for entry in feed.entries[:MOST_ITEMS] if (item := _item(entry, job.url)) is not None]
    return Parsed(items)


def _item(entry: Any, base: str) -> Item | None:
    """None without a link, or without a word."""
    url = _link(entry, base)
    if url is None:
        return None
    contents = [part.get("value") for part in dict.get(entry, "content") or ()]
    texts = [dict.get(entry, "summary"), *contents]
    content = next((text for raw in texts if isinstance(raw, str) and (text := plain(raw))), "")
    raw_title = dict.get(entry, "title")
    title = plain(raw_title, _LONGEST_TITLE) if isinstance(raw_title, str) else ""
    title = title or plain(content, 120)
    return Item(url, title, content, _time(entry)) if title else None


def _link(entry: Any, base: str) -> str | None:
    for link in (dict.get(entry, "link"), dict.get(entry, "id")):
        if isinstance(link, str) and link.strip() and (url := canonical(link, base)) is not None:
            return url
        base = ""  # an id is an address whole or not at all
    return None


def _time(entry: Any) -> int | None:
    for name in ("published_parsed", "updated_parsed", "created_parsed"):
        # dict.get: feedparser's own falls back from one to another, with a warning.
        parsed = dict.get(entry, name)
        if parsed is not None:
            try:
                return calendar.timegm(parsed) * 1000
            except (ValueError, OverflowError, TypeError):
                continue
    return None


def serve(read: BinaryIO, write: BinaryIO) -> None:
    """Jobs in, answers out, each after its length, until there are no more."""
    decode, encode = msgspec.msgpack.Decoder(Job).decode, msgspec.msgpack.Encoder().encode
    while head := read.read(4):
        job = decode(read.read(int.from_bytes(head)))
        # Nothing handles SIGALRM: it ends us in the midst of whatever it is.
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)
        try:
            answer = Parsed(page.items(job.body, job.url, job.content_type, job.links)) if job.links else parse(job)
        except Exception as error:  # feedparser has more ways to fail than it names
            answer = Parsed([], f"cannot be read: {error!r}"[:200])
        signal.setitimer(signal.ITIMER_REAL, 0)
        body = encode(answer)
        write.write(len(body).to_bytes(4) + body)
        write.flush()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    serve(sys.stdin.buffer, sys.stdout.buffer)
