"""One row a symbol of what markets are looked at by: for pages of many symbols, which must not ask for each."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
from sqlalchemy import Engine, text


class MarketRow(msgspec.Struct):
    """The 24 hours that end with the newest stored minute. None where nothing is known.

    `volume` in the quote currency; `closes` of the hours, oldest first; `rsi` and `mean` (of 20 closes) of the last closed hour;
    `mood` of the news of a day, −1…1.
    """

    symbol: str
    last: Decimal
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    volume: Decimal | None
    closes: list[Decimal] | None
    rsi: float | None
    mean: float | None
    mood: float | None


# A walk of an index per figure. The price of a day ago is the finest that is stored: after a first start minutes do not reach back a day.
_OF_SERIES: Final = "exchange = :exchange AND symbol = asked.symbol"
_OPENED: Final = ", ".join(
    f"(SELECT open FROM candles WHERE {_OF_SERIES} AND timeframe = '{timeframe}' AND window_start >= newest.since "  # noqa: S608
    f"AND window_start <= newest.since + interval '{wait}' ORDER BY window_start LIMIT 1)"
    for timeframe, wait in (("1m", "1 minute"), ("5m", "5 minutes"), ("15m", "15 minutes"), ("1h", "1 day"))
)
_RSI, _MEAN = (
    f"(SELECT value FROM indicators WHERE {_OF_SERIES} AND timeframe = '1h' AND indicator_type = '{type_}' "  # noqa: S608
    "ORDER BY time DESC LIMIT 1)"
    for type_ in ("rsi", "sma")
)
_SQL: Final = f"""
SELECT asked.symbol, newest.close, coalesce({_OPENED}), day.high, day.low, day.volume, day.closes,
       {_RSI}, {_MEAN},
       (SELECT CASE WHEN articles > 0 THEN value END FROM sentiment
        WHERE coin = lower(split_part(asked.symbol, '/', 1)) AND timeframe = '1d' ORDER BY time DESC LIMIT 1)
FROM unnest(CAST(:symbols AS text[])) WITH ORDINALITY AS asked (symbol, place)
CROSS JOIN LATERAL (
    SELECT close, window_end - interval '1 day' AS since FROM candles
    WHERE {_OF_SERIES} AND timeframe = '1m' ORDER BY window_start DESC LIMIT 1) AS newest
CROSS JOIN LATERAL (
    SELECT max(high) AS high, min(low) AS low, sum(volume * close) AS volume, array_agg(close ORDER BY window_start) AS closes
    FROM candles WHERE {_OF_SERIES} AND timeframe = '1h' AND window_start >= newest.since) AS day
ORDER BY asked.place
"""  # noqa: S608


class Overview:
    """Raises sqlalchemy.exc.SQLAlchemyError when the database is away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, exchange: str, symbols: Sequence[str]) -> list[MarketRow]:
        """In their order; a symbol without a candle is left out."""
        values: dict[str, Any] = {"exchange": exchange, "symbols": list(symbols)}
        with self._engine.connect() as connection:
            return [MarketRow(*row) for row in connection.execute(text(_SQL), values)]
