"""Any web page that lists articles, for sites without a feed."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from pipeline.errors import SetupError
from pipeline.news import sandbox
from pipeline.news.fetch import Fetcher
from pipeline.news.sources.base import Item, SourceUnavailable

_ACCEPT: Final = {"Accept": "text/html, application/xhtml+xml;q=0.9, */*;q=0.1"}


class Page:
    """Option `links`: a regular expression found in the path (without its first /) of an article's address, such as `^news/\\d{4}/`."""

    def __init__(self, address: str, options: Mapping[str, str]) -> None:
        self.address = address
        self._links = options.get("links", "")
        try:
            re.compile(self._links)
        except re.error as error:
            raise SetupError(f"news_config: links = {self._links!r} is no regular expression: {error}") from error
        if not self._links:
            raise SetupError(
                f'news_config: {address} needs options = {{ links = "…" }}: what articles\' paths look like'
            )
        self._fetcher = Fetcher()

    def fetch(self, stopping: Callable[[], bool]) -> list[Item]:
        answer = self._fetcher.get(self.address, stopping, _ACCEPT)
        if answer is None:
            return []
        found = sandbox.shared.parse(answer.body, answer.url, answer.content_type, self._links)
        if not found:
            # A redesign would otherwise look like a quiet day.
            self._fetcher.forget()
            raise SourceUnavailable(f"none of its links looks like an article ({self._links})")
        return found

    def close(self) -> None:
        self._fetcher.close()
        sandbox.shared.close()
