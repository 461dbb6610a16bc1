"""The source seam: what the poll loop may count on, whatever kind of source is behind it."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from pipeline.errors import CryptoVizError


class SourceUnavailable(CryptoVizError):
    """Nothing could be fetched this time; the text says why. `retry_after` (seconds) is the server's own wish, if it has one,
    `status` what HTTP said, if it got that far."""

    def __init__(self, message: str, retry_after: float = 0.0, status: int = 0) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.status = status


class Item(msgspec.Struct, frozen=True):
    """One article as its source tells it: texts plain, `url` canonical, `published` Unix ms or None when it does not say."""

    url: str
    title: str
    content: str = ""
    published: int | None = None


class Source(Protocol):
    """One address that is polled. `fetch` runs on a thread of its own, never twice at once.

    `fetch` returns what is there now, repeats included (the caller knows what it has seen), [] when nothing changed since the
    last call. It raises SourceUnavailable for everything that can go wrong outside, ends within about 30 s, and looks at
    `stopping` when it waits. Texts go through `pipeline.news.text.plain`, links through `pipeline.news.urls.canonical`.
    """

    #: What the fetching is about, in the logs: the feed's address, never with a key in it.
    address: str

    def fetch(self, stopping: Callable[[], bool]) -> list[Item]: ...

    def close(self) -> None: ...
