"""RSS and Atom feeds."""

from collections.abc import Callable, Mapping

from pipeline.news.fetch import Fetcher
from pipeline.news.sandbox import Parser
from pipeline.news.sources.base import Item, SourceUnavailable

_ACCEPT = {"Accept": "application/rss+xml, application/atom+xml, application/xml;q=0.9, text/xml;q=0.8, */*;q=0.1"}
#: One for all feeds: they come in turns, and an idle process is 40 MB.
_parser = Parser()


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
            return _parser.parse(answer.body, answer.url, answer.content_type)
        except SourceUnavailable:
            self._fetcher.forget()
            raise

    def close(self) -> None:
        self._fetcher.close()
        _parser.close()
