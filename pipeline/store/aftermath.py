"""What prices and volumes did around articles, from the stored candles."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Engine, text

from pipeline.news.study import HORIZONS, Event
from pipeline.store.session import ms

#: Article and coin pairs looked at: some thousand index look-ups, a quarter of a second.
MOST: Final = 1000
#: A coin that was not traded for so long has no price.
_STALE: Final = timedelta(minutes=15)

_EVENTS: Final = """
SELECT n.time, n.sentiment_score, c.symbol FROM news n
JOIN unnest(CAST(:coins AS text[]), CAST(:symbols AS text[])) AS c (coin, symbol) ON n.symbols @> to_jsonb(c.coin)
WHERE n.sentiment_score IS NOT NULL AND n.time >= :start AND n.time <= :end ORDER BY n.time DESC, n.url LIMIT :most
"""
# The newest minute that was over by then. A day's volume is summed by the hour.
_PRICES: Final = """
SELECT e.n, o.ms, p.close FROM unnest(CAST(:times AS timestamptz[]), CAST(:symbols AS text[])) WITH ORDINALITY AS e (time, symbol, n),
unnest(CAST(:offsets AS bigint[])) AS o (ms),
LATERAL (SELECT e.time + o.ms * interval '1 millisecond' AS time) AS t,
LATERAL (SELECT close FROM candles WHERE exchange = :exchange AND symbol = e.symbol AND timeframe = '1m'
         AND window_start <= t.time - interval '1 minute' AND window_start > t.time - :stale
         ORDER BY window_start DESC LIMIT 1) AS p
WHERE t.time <= :now
"""
_VOLUMES: Final = """
SELECT e.n, o.ms, v.volume FROM unnest(CAST(:times AS timestamptz[]), CAST(:symbols AS text[])) WITH ORDINALITY AS e (time, symbol, n),
unnest(CAST(:offsets AS bigint[])) AS o (ms),
LATERAL (SELECT least(e.time, e.time + o.ms * interval '1 millisecond') AS first,
                greatest(e.time, e.time + o.ms * interval '1 millisecond') AS last,
                CASE WHEN abs(o.ms) > 3600000 THEN '1h' ELSE '1m' END AS timeframe) AS t,
LATERAL (SELECT sum(volume) AS volume FROM candles WHERE exchange = :exchange AND symbol = e.symbol AND timeframe = t.timeframe
         AND window_start >= t.first AND window_start < t.last) AS v
WHERE t.last <= :now AND v.volume IS NOT NULL
"""


class Aftermath:
    """Raises sqlalchemy.exc.SQLAlchemyError when the database is away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def events(
        self, exchange: str, symbols: Mapping[str, str], start: datetime, end: datetime, now: datetime
    ) -> list[Event]:
        """Of scored articles of start ≤ time ≤ end that name one of the coins in `symbols` (token → symbol): the newest `MOST` pairs."""
        offsets = [sign * span for span in HORIZONS.values() for sign in (-1, 1)]
        with self._engine.connect() as connection:
            found = connection.execute(
                text(_EVENTS),
                {"coins": list(symbols), "symbols": list(symbols.values()), "start": start, "end": end, "most": MOST},
            ).all()
            values: dict[str, Any] = {
                "times": [time for time, _, _ in found], "symbols": [symbol for _, _, symbol in found], "exchange": exchange,
                "stale": _STALE, "now": now,
            }  # fmt: skip
            prices = connection.execute(text(_PRICES), {**values, "offsets": [0, *offsets]}).all()
            volumes = connection.execute(text(_VOLUMES), {**values, "offsets": offsets}).all()
        events = [Event(ms(time), score, symbol, {}, {}) for time, score, symbol in found]
        out: list[tuple[dict[int, float], dict[int, float]]] = [({}, {}) for _ in events]
        for number, offset, close in prices:
            out[number - 1][0][offset] = float(close)
        for number, offset, volume in volumes:
            out[number - 1][1][offset] = float(volume)
        return [
            event._replace(prices=price, volumes=volume) for event, (price, volume) in zip(events, out, strict=True)
        ]
