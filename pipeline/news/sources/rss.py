"""RSS and Atom feeds."""

from collections.abc import Callable, Mapping

from pipeline.news import sandbox
from pipeline.news.fetch import Fetcher
from pipeline.news.sources.base import Item, SourceUnavailable

_ACCEPT = {"Accept": "application/rss+xml, application/atom+xml, application/xml;q=0.9, text/xml;q=0.8, */*;q=0.1"}


class Rss:
    """One feed, asked for only what changed (ETag, Last-Modified)."""

    def __init__(self, address: str, options: Mapping[str, str]) -> None:
        self.address = address
        self._fetcher = Fetcher()

    def fetch(self, stopping: Callable[[], bool]) -> list[Item]:
        answer = self._fetcher.get(self.address, stopping, _ACCEPT)
        if answer is None:
            return []
        try:
            return sandbox.shared.parse(answer.body, answer.url, answer.content_type)
        except SourceUnavailable:
            self._fetcher.forget()
            raise

    def close(self) -> None:
        self._fetcher.close()
        sandbox.shared.close()
