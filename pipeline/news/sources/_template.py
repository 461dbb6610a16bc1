"""Copy this to `<kind>.py` to add a kind of source, and name the class in `pipeline/news/config.py` KINDS.

Then three lines of sources.toml run it:

    [[source]]
    name = "My source"
    kind = "<kind>"
    urls = ["https://example.org/api"]

`options = { token = "…" }` in its section arrives as `options`. Without a key that it needs, raise SetupError in `__init__`.
"""

from collections.abc import Callable, Mapping

from pipeline.news.fetch import Fetcher
from pipeline.news.sources.base import Item, SourceUnavailable
from pipeline.news.text import plain
from pipeline.news.urls import canonical


class Template:
    """One JSON list of {"link", "headline"} at an address."""

    def __init__(self, address: str, options: Mapping[str, str]) -> None:
        self.address = address
        self._fetcher = Fetcher()

    def fetch(self, stopping: Callable[[], bool]) -> list[Item]:
        answer = self._fetcher.get(self.address, stopping)
        if answer is None:
            return []
        try:
            found = [(canonical(one["link"]), plain(one["headline"])) for one in answer.json()]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise SourceUnavailable(f"not the JSON it should be: {error!r}") from error
        return [Item(url, title) for url, title in found if url and title]

    def close(self) -> None:
        self._fetcher.close()
