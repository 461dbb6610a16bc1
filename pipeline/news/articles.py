"""Item → Article: its time within reason, its coins, its score."""

from typing import Final

from pipeline.model import Article
from pipeline.news.coins import Coins
from pipeline.news.sentiment import Analyzer
from pipeline.news.sources.base import Item

#: The first Bitcoin block, Unix ms: no article about coins is older, whatever its feed's clock said.
_GENESIS: Final = 1_231_006_505_000
#: Characters of the teaser in which coins are looked for: whole articles name many in passing, their beginnings what they are about.
_TEASER: Final = 600


class Maker:
    def __init__(self, coins: Coins, analyzer: Analyzer) -> None:
        self._coins = coins
        self._analyzer = analyzer

    def article(self, item: Item, source: str, now: int) -> Article:
        """`now` is when it was first seen (Unix ms); no article is from later, nor from before there were coins."""
        published = item.published if item.published is not None and item.published >= _GENESIS else now
        return Article(
            time=min(published, now),
            source=source,
            url=item.url,
            title=item.title,
            content=item.content,
            sentiment_score=self._analyzer.score(item.title),
            symbols=self._coins.named(item.title, item.content[:_TEASER]),
        )
