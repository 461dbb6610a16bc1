"""News at a steady pace, from a feed on this machine.

Headlines are those of the recordings beside the checkout where there are some, then made-up ones.
"""

import csv
import gzip
import itertools
import random
from collections.abc import Iterator
from threading import Event, Thread
from typing import Final, NamedTuple

from pipeline.news.seen import near_equal, words
from pipeline.news.urls import canonical
from tests.feed import Feed
from tests.tools import REPOSITORY

RECORDED: Final = REPOSITORY.parent / "shared" / "data" / "news_sentiment" / "cryptonews_plus.csv.gz"
#: Articles a second.
RATE: Final = 0.5
#: Articles in its list: a minute of them, so that a poll may come late.
_LISTED: Final = 30


class Entry(NamedTuple):
    title: str
    content: str
    url: str


def entries(seed: int) -> Iterator[Entry]:
    """No two that the news worker would take for the same article."""
    known: dict[int, list[tuple[str, ...]]] = {}
    urls: set[str] = set()
    for entry in itertools.chain(_recorded(), _made(seed)):
        title, url = words(entry.title), canonical(entry.url, "")
        alike = known.setdefault(len(title), [])
        if (
            url is None
            or "&" in url
            or url in urls
            or any(near_equal(title, other) for other in alike)
            or title in alike
        ):
            continue
        alike.append(title)
        urls.add(url)
        yield entry._replace(url=url)


def _recorded() -> Iterator[Entry]:
    if RECORDED.exists():
        with gzip.open(RECORDED, "rt", encoding="utf-8") as rows:
            for row in csv.DictReader(rows):
                if row["title"] and row["url"]:
                    yield Entry(row["title"], row["text"], row["url"])


def _made(seed: int) -> Iterator[Entry]:
    draw = random.Random(f"headlines {seed}")
    coins, verbs = (
        ("Bitcoin", "Ethereum", "Solana", "Dogecoin"),
        ("rallies to", "slides below", "holds near", "reclaims"),
    )
    reasons = (
        "as traders return",
        "after a hack of an exchange",
        "ahead of the vote",
        "as fear spreads through markets",
    )
    for n in itertools.count():
        title = f"{draw.choice(coins)} {draw.choice(verbs)} ${draw.randrange(1000, 99999)} {draw.choice(reasons)}"
        yield Entry(title, f"{title}, says report {n}.", f"https://news.example/{seed}/{n}")


class Replay(Thread):
    """Adds them to `feed` until it is stopped; `urls` are those that were added."""

    def __init__(self, feed: Feed, seed: int) -> None:
        super().__init__(name="replay", daemon=True)
        self._feed = feed
        self._entries = entries(seed)
        self._over = Event()
        self.urls: set[str] = set()

    def run(self) -> None:
        while not self._over.wait(1 / RATE):
            entry = next(self._entries)
            self._feed.add(entry.title, entry.url, entry.content)
            del self._feed.items[_LISTED:]
            self.urls.add(entry.url)

    def stop(self) -> None:
        """What is listed stays listed."""
        self._over.set()
        self.join()
