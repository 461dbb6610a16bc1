"""What was published already: by address for two weeks, by title for three days. In Redis, so that a restart repeats nothing."""

import re
import unicodedata
from collections import deque
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from hashlib import blake2b
from typing import Any, Final

import msgspec

from pipeline.news.sources.base import Item

#: Longer than any feed keeps an article in its list. Seconds.
_URL_KEPT: Final = 14 * 86_400
#: The same words again after this are another article ("The week in crypto"). Milliseconds.
_TITLE_KEPT: Final = 3 * 86_400_000
#: Titles compared with; three days of the default feeds are about 300.
_TITLES: Final = 1000
_TITLES_KEY: Final = "news:titles"
#: A title of fewer content words says too little to go by ("Market wrap").
_FEWEST_WORDS: Final = 4
#: Likeness of two spellings of one word: "liquidation" and "liquidations" have 0.96, "rises" and "raises" 0.91, "gains" and "falls" 0.4.
_SAME_WORD: Final = 0.8
_SHORTEST_TYPO: Final = 5
_WORD: Final = re.compile(r"[\w$%.,/-]*\w[\w%]*")
_PREFIX: Final = re.compile(r"^(?:updated?|breaking|just in|correction)\b[:\s]*", re.IGNORECASE)
_SMALL: Final = frozenset("a an the to of in on for and as at is are was by with its it s".split())  # noqa: SIM905 - a list of twenty quoted words is harder to read


def words(title: str) -> tuple[str, ...]:
    """The words of a title that make it what it is, in one spelling."""
    text = unicodedata.normalize("NFKC", title).casefold().replace("’", "'").replace("'s ", " ")
    return tuple(word for word in _WORD.findall(_PREFIX.sub("", text)) if word not in _SMALL)


def near_equal(one: Sequence[str], other: Sequence[str]) -> bool:
    """The same words in the same order, but for the spelling of one. Figures count to the digit: they are often all the news."""
    if len(one) != len(other) or len(one) < _FEWEST_WORDS:
        return False
    different = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
    return len(different) <= 1 and all(_spelled_alike(a, b) for a, b in different)


def _spelled_alike(a: str, b: str) -> bool:
    if min(len(a), len(b)) < _SHORTEST_TYPO or any(map(str.isdigit, a + b)):
        return False
    return SequenceMatcher(None, a, b, autojunk=False).ratio() >= _SAME_WORD


class Seen:
    """Raises redis.RedisError when Redis is away."""

    def __init__(self, client: Any) -> None:
        self._redis = client
        self._titles: deque[tuple[int, tuple[str, ...]]] = deque(maxlen=_TITLES)
        for stored in reversed(client.lrange(_TITLES_KEY, 0, -1)):
            at, title = msgspec.json.decode(stored, type=tuple[int, str])
            self._titles.append((at, words(title)))

    def unseen(self, items: Iterable[Item], now: int) -> list[Item]:
        """Those never published, each once. One with a known title under another address is noted as known."""
        by_url = {item.url: item for item in items}
        if not by_url:
            return []
        stored = self._redis.mget([_key(url) for url in by_url])
        fresh: list[Item] = []
        taken: list[tuple[str, ...]] = []
        repeated: list[Item] = []
        for item, known in zip(by_url.values(), stored, strict=True):
            if known is not None:
                continue
            title = words(item.title)
            if self._known_title(title, now) or any(near_equal(title, other) for other in taken):
                repeated.append(item)
            else:
                fresh.append(item)
                taken.append(title)
        self._note(repeated)
        return fresh

    def published(self, items: Sequence[Item], now: int) -> None:
        """Never again these."""
        self._note(items)
        if items:
            self._titles.extend((now, words(item.title)) for item in items)
            pipeline = self._redis.pipeline()
            pipeline.lpush(_TITLES_KEY, *(msgspec.json.encode((now, item.title)) for item in items))
            pipeline.ltrim(_TITLES_KEY, 0, _TITLES - 1)
            pipeline.execute()

    def _note(self, items: Sequence[Item]) -> None:
        pipeline = self._redis.pipeline()
        for item in items:
            pipeline.set(_key(item.url), b"1", ex=_URL_KEPT)
        if items:
            pipeline.execute()

    def _known_title(self, title: tuple[str, ...], now: int) -> bool:
        return any(now - at <= _TITLE_KEPT and near_equal(title, other) for at, other in self._titles)


def _key(url: str) -> str:
    return "news:seen:" + blake2b(url.encode(), digest_size=12).hexdigest()
