"""X's API v2, recent search with an application's bearer token: https://docs.x.com/x-api/posts/search-recent-posts"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from pipeline.news.fetch import Fetcher
from pipeline.news.sources.base import Item, SourceUnavailable
from pipeline.news.sources.options import needed
from pipeline.news.text import plain
from pipeline.news.urls import canonical

_SITE: Final = "https://x.com/i/status/"


class X:
    """https://api.x.com/2/tweets/search/recent. Options `token`, and `query` in X's own language: `from:CoinDesk -is:retweet`."""

    def __init__(self, address: str, options: Mapping[str, str]) -> None:
        self.address = address
        self._token = needed("x", options, "token")
        self._query = needed("x", options, "query")
        self._fetcher = Fetcher()
        self._newest = ""

    def fetch(self, stopping: Callable[[], bool]) -> list[Item]:
        params = {"query": self._query, "max_results": "100", "tweet.fields": "created_at"}
        if self._newest:
            # Reads are counted and paid for: only what is new.
            params["since_id"] = self._newest
        try:
            answer = self._fetcher.get(
                self.address, stopping, {"Authorization": f"Bearer {self._token}"}, conditional=False, params=params
            )
        except SourceUnavailable as error:
            if error.status == 400:
                self._newest = ""  # older than the week that can be searched
            raise
        if answer is None:
            return []
        try:
            given = answer.json()
            found = [_item(post) for post in given.get("data") or ()]
            self._newest = str((given.get("meta") or {}).get("newest_id") or self._newest)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise SourceUnavailable(f"not the answer of a search: {error!r}") from error
        return [item for item in found if item is not None]

    def close(self) -> None:
        self._fetcher.close()


def _item(post: Mapping[str, Any]) -> Item | None:
    url, text = canonical(_SITE + str(post["id"])), plain(post["text"])
    published = int(datetime.fromisoformat(post["created_at"]).timestamp() * 1000) if post.get("created_at") else None
    return Item(url, plain(text, 300), text, published) if url and text else None
