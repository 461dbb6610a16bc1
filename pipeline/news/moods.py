"""The moods of every coin, kept up to date as articles come and time goes: which buckets to compute, and where they go."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from pipeline.live import channel
from pipeline.model import Article
from pipeline.news.mood import HALF_LIVES, MARKET, REACH, Mood, Scored, mood, scored
from pipeline.timeframes import TIMEFRAMES, window_start

#: Buckets back that a late article, or a first start, still changes: the week of hours that the News page shows. Older ones stay.
BACK: Final = 168
#: Articles in memory: ten days of a hundred sources. The oldest go first.
_MOST: Final = 20_000
_LONGEST: Final = REACH * max(HALF_LIVES.values()) + BACK * TIMEFRAMES["1d"]
_encode = msgspec.json.Encoder().encode


class Moods:
    """Belongs to one thread. `take` what came, then `due` says what changed."""

    def __init__(self, priorities: Mapping[str, int], known: Iterable[Scored] = ()) -> None:
        self._priorities = priorities
        self._articles: dict[str, list[Scored]] = {MARKET: []}
        self._dirty: dict[str, int] = {}  # coin → its buckets from this time on (ms) are to be computed
        self._shown: dict[tuple[str, str], Mood] = {}
        self.know(known)

    def know(self, stored: Iterable[Scored]) -> None:
        """Before anything is asked of it: what is stored from earlier. What came meanwhile may be among it."""
        taken = Counter(self._articles[MARKET])
        self._articles = {MARKET: []}
        for one in sorted((Counter(stored) | taken).elements()):
            self._add(one)

    def take(self, articles: Iterable[Article]) -> None:
        for article in articles:
            one = scored(article)
            if one is not None:
                self._add(one)

    def _add(self, one: Scored) -> None:
        for coin in (MARKET, *one.coins):
            mine = self._articles.setdefault(coin, [])
            mine.append(one)
            del mine[:-_MOST]
            self._dirty[coin] = min(one.time, self._dirty.get(coin, one.time))

    def due(self, now: int) -> list[Mood]:
        """Those that changed: all that new articles touch, and of every coin the bucket that lasts and the one that just ended."""
        out = []
        for coin, articles in list(self._articles.items()):
            kept = [one for one in articles if one.time > now - _LONGEST]
            if not kept and coin != MARKET:
                del self._articles[coin]
                continue
            self._articles[coin] = kept
            since = self._dirty.get(coin, now)
            for timeframe in HALF_LIVES:
                length = TIMEFRAMES[timeframe]
                newest = window_start(now, length)
                first = max(min(window_start(since, length), newest - length), newest - BACK * length)
                for start in range(first, newest + 1, length):
                    out.append(mood(kept, self._priorities, coin, timeframe, start, now))
        return out

    def settled(self) -> None:
        """What was due is stored."""
        self._dirty.clear()

    def news(self, moods: Iterable[Mood]) -> dict[str, list[bytes]]:
        """Channel → WebSocket data of the newest bucket of each series, where it says something new."""
        newest: dict[tuple[str, str], Mood] = {}
        for one in moods:
            newest[one.coin, one.timeframe] = one
        out = {}
        for key, one in newest.items():
            if key not in self._shown or _rounded(self._shown[key]) != _rounded(one):
                self._shown[key] = one
                out[channel("sentiment", *key)] = [mood_data(one)]
        return out


def _rounded(one: Mood) -> tuple[int, float, float, int]:
    """A thousandth is nothing that anybody sees; fading alone must not make a message a minute."""
    return one.time, round(one.value, 2), round(one.high - one.low, 2), one.articles


def mood_data(one: Mood) -> bytes:
    return _encode({"type": "sentiment"} | msgspec.structs.asdict(one))


def keep(
    moods: Moods, write: Callable[[list[Mood]], None], publish: Callable[[dict[str, list[bytes]]], None], now: int
) -> int:
    """Compute what is due, store it, then show it; how many there were."""
    due = moods.due(now)
    write(due)
    moods.settled()
    shown = moods.news(due)
    if shown:
        publish(shown)
    return len(due)
