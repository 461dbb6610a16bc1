"""Fear and greed of a coin or of the market, from what is stored. Kept for a minute: the market's takes a read for each of its coins."""

import time
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from pipeline.news import gauge
from pipeline.news.mood import MARKET
from pipeline.store.moods import Moods
from pipeline.store.read import Reader

#: Daily candles looked at: those that are ranked, and those that the oldest of these needs.
_DAYS: Final = gauge.DAYS + gauge.MONTH + 2
#: Coins that stand for the market.
_COINS: Final = 20
#: Seconds.
_KEPT: Final = 60.0


class Gauges:
    """Raises sqlalchemy.exc.SQLAlchemyError when the database is away."""

    def __init__(self, reader: Reader, moods: Moods) -> None:
        self._reader = reader
        self._moods = moods
        #: Of the coins that are followed, and the market: never many.
        self._kept: dict[tuple[str, str], tuple[float, dict[str, Any]]] = {}

    def of(self, exchange: str, name: str, followed: Mapping[str, str]) -> dict[str, Any]:
        """`name`: a coin, or MARKET. `followed`: coin → symbol, the most traded first."""
        until, known = self._kept.get((exchange, name), (0.0, {}))
        if time.monotonic() < until:
            return known
        symbols = [symbol for base, symbol in followed.items() if name in (MARKET, base)][:_COINS]
        parts = [gauge.market(self._days(exchange, symbol)) for symbol in symbols]
        found = gauge.together(parts) if name == MARKET else [part for of_coin in parts for part in of_coin]
        mood = self._moods.page(name, "1d", limit=1, ascending=False)
        if mood and (of_news := gauge.sentiment(mood[0].value, mood[0].articles)) is not None:
            found.insert(0, of_news)
        made = {
            "coin": name,
            **(msgspec.to_builtins(gauge.gauge(found)) or {"value": None, "label": None, "parts": []}),
        }
        # What is not there yet may come any second, and a coin that nobody follows costs no reads.
        if made["parts"] and symbols:
            self._kept[exchange, name] = time.monotonic() + _KEPT, made
        return made

    def _days(self, exchange: str, symbol: str) -> list[tuple[float, float]]:
        rows = self._reader.candles(exchange, symbol, "1d", limit=_DAYS, ascending=False)
        return [(float(row.close), float(row.volume)) for row in reversed(rows)]
