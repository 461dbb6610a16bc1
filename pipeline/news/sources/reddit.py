"""Reddit's API, as an application without a user (OAuth client credentials): https://github.com/reddit-archive/reddit/wiki/OAuth2"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from pipeline.news.fetch import Fetcher
from pipeline.news.sources.base import Item, SourceUnavailable
from pipeline.news.sources.options import needed
from pipeline.news.text import plain
from pipeline.news.urls import canonical

_TOKENS: Final = "https://www.reddit.com/api/v1/access_token"
_SITE: Final = "https://www.reddit.com"
#: Seconds before its end that a token is renewed.
_EARLY: Final = 60.0


class Reddit:
    """A listing, such as https://oauth.reddit.com/r/CryptoCurrency/new

    Options `client_id`, `client_secret`; `tokens` for another server of tokens.
    """

    def __init__(self, address: str, options: Mapping[str, str]) -> None:
        self.address = address
        self._user = needed("reddit", options, "client_id"), needed("reddit", options, "client_secret")
        self._tokens = options.get("tokens", _TOKENS)
        self._fetcher = Fetcher()
        self._token, self._until = "", 0.0

    def fetch(self, stopping: Callable[[], bool]) -> list[Item]:
        if time.monotonic() >= self._until:
            self._renew(stopping)
        try:
            answer = self._fetcher.get(
                self.address, stopping, {"Authorization": f"Bearer {self._token}"}, params={"limit": "100", "raw_json": "1"}
            )  # fmt: skip
        except SourceUnavailable as error:
            if error.status == 401:
                self._until = 0.0  # revoked: the next poll asks for a new one
            raise
        if answer is None:
            return []
        try:
            posts = [child["data"] for child in answer.json()["data"]["children"] if child["kind"] == "t3"]
            found = [_item(post) for post in posts if not post.get("stickied")]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise SourceUnavailable(f"not a listing: {error!r}") from error
        return [item for item in found if item is not None]

    def close(self) -> None:
        self._fetcher.close()

    def _renew(self, stopping: Callable[[], bool]) -> None:
        answer = self._fetcher.post(self._tokens, stopping, {"grant_type": "client_credentials"}, self._user)
        try:
            found = answer.json()
            self._token, lasts = str(found["access_token"]), float(found["expires_in"])
        except (ValueError, TypeError, KeyError) as error:
            raise SourceUnavailable("the server of tokens gave none: are client_id and client_secret right?") from error
        self._until = time.monotonic() + max(0.0, lasts - _EARLY)


def _item(post: Mapping[str, Any]) -> Item | None:
    """The talk is the article: what it links to has a source of its own."""
    url, title = canonical(_SITE + post["permalink"]), plain(post["title"], 300)
    return (
        Item(url, title, plain(post.get("selftext") or ""), int(post["created_utc"] * 1000)) if url and title else None
    )
