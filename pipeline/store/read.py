"""Every read query, to rows (rows.py).

Paging is by key (`after`), never by offset: a page costs the same wherever it lies, and rows that arrive meanwhile move nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, TypeVar

from sqlalchemy import Engine, text

from pipeline.store import candle_text
from pipeline.store.cold import Cold, Wanted, direct
from pipeline.store.columns import CANDLE_COLUMNS, TRADE_COLUMNS
from pipeline.store.currencies import Currency
from pipeline.store.engine import dsn, engine
from pipeline.store.paging import within
from pipeline.store.rows import CandleRow, GapRow, IndicatorRow, QualityRow, SpanRow, TradeRow
from pipeline.timeframes import TIMEFRAMES


class TradeKey(NamedTuple):
    """Where a page of trades ended. Ids of one instant sort as numbers do: by length, then by digits."""

    event_ts: datetime
    trade_id: str


class _Bounds(NamedTuple):
    """start ≤ time ≤ end, and the key past `after`. A key is the time, or begins with it."""

    ascending: bool
    start: datetime | None
    end: datetime | None
    after: Any

    def holds(self, key: Any) -> bool:
        moment = key[0] if isinstance(key, tuple) else key
        if (self.start is not None and moment < self.start) or (self.end is not None and moment > self.end):
            return False
        return self.after is None or bool(key > self.after if self.ascending else key < self.after)

    def range(self, after: datetime | None) -> tuple[datetime | None, datetime | None]:
        """The first and the last time that can be meant; `after` is the time of the key."""
        if after is None:
            return self.start, self.end
        if self.ascending:
            return after if self.start is None else max(after, self.start), self.end
        return self.start, after if self.end is None else min(after, self.end)


def _candle_key(row: CandleRow) -> Any:
    return row.window_start


def _trade_key(row: TradeRow) -> Any:
    return row.event_ts, len(row.trade_id), row.trade_id


#: Where the cells of a row of the cold tier (pipeline.store.columns) belong.
_CANDLE_PLACES: Final = [list(CANDLE_COLUMNS).index(name) for name in CandleRow.__struct_fields__]
_TRADE_PLACES: Final = [list(TRADE_COLUMNS).index(name) for name in TradeRow.__struct_fields__]

T = TypeVar("T")

_TRADE: Final = ", ".join(TradeRow.__struct_fields__)
_INDICATOR: Final = ", ".join(IndicatorRow.__struct_fields__)

_QUALITY: Final = ", ".join(QualityRow.__struct_fields__).replace(
    "trades_missing", "greatest(trades_expected - trades_stored, 0) AS trades_missing"
)
_GAP: Final = ", ".join(GapRow.__struct_fields__)

# The index of the primary key is walked from pair to pair: a plain DISTINCT would read every candle of the table.
_SYMBOLS: Final = """
WITH RECURSIVE pair AS (
    (SELECT exchange, symbol FROM candles ORDER BY exchange, symbol LIMIT 1)
  UNION ALL
    SELECT next.exchange, next.symbol FROM pair, LATERAL (
        SELECT exchange, symbol FROM candles WHERE (exchange, symbol) > (pair.exchange, pair.symbol)
        ORDER BY exchange, symbol LIMIT 1) AS next
)
SELECT DISTINCT symbol FROM pair WHERE EXISTS (
    SELECT FROM candles AS c
    WHERE c.exchange = pair.exchange AND c.symbol = pair.symbol AND c.timeframe = :timeframe AND c.window_end > :since)
ORDER BY symbol
"""


def open_reader(database_url: str, cold_url: str = "", aside: Callable[[Callable[[], Any]], Any] = direct) -> "Reader":
    """Over the database, and over the cold tier if there is one. `aside` as in Cold."""
    pool = engine(database_url)
    return Reader(pool, Cold(cold_url, pool, aside) if cold_url else None)


class Reader:
    """Candles and trades are those of the database and of the cold tier, if there is one, as if they lay together.

    Raises sqlalchemy.exc.SQLAlchemyError when the database is away, ColdUnavailable when the object store is.
    """

    def __init__(self, engine: Engine, cold: Cold | None = None) -> None:
        self._engine = engine
        self._cold = cold

    def alive(self) -> None:
        """Raises unless the database answers and has our tables."""
        self._rows("SELECT FROM candles LIMIT 1", {})

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def raw(self) -> Iterator[Any]:
        """psycopg2's connection, in one snapshot and without a time limit, for exports."""
        connection: Any = self._engine.raw_connection()
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SET LOCAL statement_timeout = 0")
            yield connection
        finally:
            connection.rollback()
            connection.close()

    @property
    def dsn(self) -> str:
        """For connections of one's own."""
        return dsn(self._engine.url.render_as_string(hide_password=False))

    def has_cold(self, dataset: str, exchange: str, symbol: str) -> bool:
        """Whether some of a symbol's rows lie in the cold tier."""
        return self._cold is not None and self._cold.has(dataset, exchange, symbol)

    def candles(
        self,
        exchange: str,
        symbol: str,
        timeframe: str,
        *,
        limit: int,
        ascending: bool,
        start: datetime | None = None,
        end: datetime | None = None,
        after: datetime | None = None,
    ) -> list[CandleRow]:
        """Up to `limit` candles with start ≤ window_start ≤ end, in order, those past `after` only."""
        where = ["exchange = :exchange", "symbol = :symbol", "timeframe = :timeframe"]
        values: dict[str, Any] = {
            "exchange": exchange, "symbol": symbol, "timeframe": timeframe, "limit": limit, "start": start, "end": end, "after": after,
        }  # fmt: skip
        where += within("window_start", ascending, start, end, after)
        order = "ASC" if ascending else "DESC"
        sql = f"SELECT {candle_text.LINE} FROM candles WHERE {' AND '.join(where)} ORDER BY window_start {order} LIMIT :limit"  # noqa: S608
        lines = (line for (line,) in self._rows(sql, values))
        rows = [CandleRow(*cells) for cells in candle_text.cells(exchange, symbol, timeframe, lines)]
        bounds = _Bounds(ascending, start, end, after)
        wanted = Wanted("candles", exchange, symbol, timeframe, limit, ascending, *bounds.range(after))
        return self._joined(
            rows, wanted, _candle_key, lambda cells: CandleRow(*[cells[n] for n in _CANDLE_PLACES]), bounds
        )

    def trades(
        self,
        exchange: str,
        symbol: str,
        *,
        limit: int,
        ascending: bool,
        start: datetime | None = None,
        end: datetime | None = None,
        after: TradeKey | None = None,
    ) -> list[TradeRow]:
        """Up to `limit` trades with start ≤ event_ts ≤ end, in order, those past `after` only."""
        where = ["exchange = :exchange", "symbol = :symbol"]
        values: dict[str, Any] = {"exchange": exchange, "symbol": symbol, "limit": limit, "start": start, "end": end}
        where += within("event_ts", ascending, start, end)
        if after is not None:
            # The first condition follows from the second, and is the one that the index understands.
            sign = ">" if ascending else "<"
            where.append(f"event_ts {sign}= :after_ts")
            where.append(f"(event_ts, length(trade_id), trade_id) {sign} (:after_ts, length(:after_id), :after_id)")
            values |= {"after_ts": after.event_ts, "after_id": after.trade_id}
        order = "ASC" if ascending else "DESC"
        sql = (
            f"SELECT {_TRADE} FROM trades WHERE {' AND '.join(where)} "  # noqa: S608
            f"ORDER BY event_ts {order}, length(trade_id) {order}, trade_id {order} LIMIT :limit"
        )
        rows = [TradeRow(*row) for row in self._rows(sql, values)]
        key = None if after is None else (after.event_ts, len(after.trade_id), after.trade_id)
        bounds = _Bounds(ascending, start, end, key)
        wanted = Wanted("trades", exchange, symbol, "", limit, ascending, *bounds.range(after and after.event_ts))
        return self._joined(
            rows, wanted, _trade_key, lambda cells: TradeRow(*[cells[n] for n in _TRADE_PLACES]), bounds
        )

    def _joined(
        self,
        rows: list[T],
        wanted: Wanted,
        key: Callable[[T], Any],
        make: Callable[[tuple[Any, ...]], T],
        bounds: "_Bounds",
    ) -> list[T]:
        """`rows` of the database with those of the cold tier among them. Read in this order: what moves meanwhile is seen twice, never
        missed; and a row of the database is the newer one.
        """
        if self._cold is None:
            return rows
        if len(rows) == wanted.limit:
            # Nothing beyond the last one matters.
            last = key(rows[-1])
            moment = last[0] if isinstance(last, tuple) else last
            wanted = wanted._replace(last=moment) if wanted.ascending else wanted._replace(first=moment)
        older = self._cold.page(wanted, lambda cells: key(make(cells)), bounds.holds)
        if not older:
            return rows
        found = {key(row): row for row in (*map(make, older), *rows)}
        return [found[one] for one in sorted(found, reverse=not wanted.ascending)[: wanted.limit]]

    def indicators(
        self,
        exchange: str,
        symbol: str,
        timeframe: str,
        type_: str,
        *,
        limit: int,
        ascending: bool,
        start: datetime | None = None,
        end: datetime | None = None,
        after: datetime | None = None,
    ) -> list[IndicatorRow]:
        """Up to `limit` bars of one indicator with start ≤ time ≤ end, in order, those past `after` only."""
        where = ["exchange = :exchange", "symbol = :symbol", "timeframe = :timeframe", "indicator_type = :type"]
        values: dict[str, Any] = {
            "exchange": exchange, "symbol": symbol, "timeframe": timeframe, "type": type_, "limit": limit, "start": start,
            "end": end, "after": after,
        }  # fmt: skip
        where += within("time", ascending, start, end, after)
        order = "ASC" if ascending else "DESC"
        sql = f"SELECT {_INDICATOR} FROM indicators WHERE {' AND '.join(where)} ORDER BY time {order} LIMIT :limit"  # noqa: S608
        return [IndicatorRow(*row) for row in self._rows(sql, values)]

    def newest_indicators(self, exchange: str, symbol: str, timeframe: str, types: Sequence[str]) -> list[IndicatorRow]:
        """The newest bar of each of `types` that has one, in their order."""
        # One short walk of the index per type: DISTINCT ON would read the whole series.
        sql = (
            f"SELECT newest.* FROM unnest(CAST(:types AS text[])) WITH ORDINALITY AS asked (type, place), LATERAL ("  # noqa: S608
            f"SELECT {_INDICATOR} FROM indicators WHERE exchange = :exchange AND symbol = :symbol AND timeframe = :timeframe "
            "AND indicator_type = asked.type ORDER BY time DESC LIMIT 1) AS newest ORDER BY asked.place"
        )
        values = {"exchange": exchange, "symbol": symbol, "timeframe": timeframe, "types": list(types)}
        return [IndicatorRow(*row) for row in self._rows(sql, values)]

    def quality(
        self,
        exchange: str,
        symbol: str | None,
        *,
        limit: int,
        ascending: bool,
        start: datetime | None = None,
        end: datetime | None = None,
        after: tuple[datetime, str] | None = None,
    ) -> list[QualityRow]:
        """Up to `limit` hours with start ≤ hour ≤ end, in order of hour and symbol, those past `after` only; of all symbols if None."""
        sign = ">" if ascending else "<"
        where = ["exchange = :exchange", *within("hour", ascending, start, end)]
        if symbol is not None:
            where.append("symbol = :symbol")
        if after is not None:
            where.append(f"(hour, symbol) {sign} (:after_hour, :after_symbol)")
        order = "ASC" if ascending else "DESC"
        sql = (
            f"SELECT {_QUALITY} FROM quality WHERE {' AND '.join(where)} "  # noqa: S608
            f"ORDER BY hour {order}, symbol {order} LIMIT :limit"
        )
        values = {"exchange": exchange, "symbol": symbol, "start": start, "end": end, "limit": limit}
        values |= {"after_hour": after[0], "after_symbol": after[1]} if after is not None else {}
        return [QualityRow(*row) for row in self._rows(sql, values)]

    def gaps(self, exchange: str, symbol: str, *, limit: int) -> list[GapRow]:
        """The newest gaps of a symbol, newest first."""
        sql = (
            f"SELECT {_GAP} FROM gaps WHERE exchange = :exchange AND symbol = :symbol "  # noqa: S608
            "ORDER BY first_id DESC LIMIT :limit"
        )
        return [GapRow(*row) for row in self._rows(sql, {"exchange": exchange, "symbol": symbol, "limit": limit})]

    def currencies(self) -> list[Currency]:
        """By code."""
        return [Currency(*row) for row in self._rows("SELECT code, name, kind FROM currencies ORDER BY code", {})]

    def symbols(self, since: datetime) -> list[str]:
        """Symbols with a 1m candle that ended after `since`."""
        return [row[0] for row in self._rows(_SYMBOLS, {"timeframe": "1m", "since": since})]

    def reaching(self, exchange: str, symbol: str, timeframe: str, since: datetime) -> str:
        """The finest timeframe from `timeframe` up whose candles reach back to `since`, else `timeframe` itself.

        At a first start the exchange hands over 500 candles of each timeframe: of 1m ones that is a third of a day.
        """
        names = list(TIMEFRAMES)
        # Not beyond an hour: a day cut to whole coarser windows is no day.
        names = [name for name in names[names.index(timeframe) :] if TIMEFRAMES[name] <= TIMEFRAMES["1h"]]
        oldest = dict(
            self._rows(
                "SELECT t, (SELECT min(window_start) FROM candles "
                "WHERE exchange = :exchange AND symbol = :symbol AND timeframe = t AND closed) "
                "FROM unnest(CAST(:names AS text[])) AS t",
                {"exchange": exchange, "symbol": symbol, "names": names},
            )
        )
        for name, length in TIMEFRAMES.items():
            first = oldest.get(name)
            if first is not None and first <= since + timedelta(milliseconds=length):
                return name
        return timeframe

    def span(self, exchange: str, symbol: str, timeframe: str, since: datetime, before: datetime) -> SpanRow:
        """What the candles with since ≤ window_start < before amount to."""
        rows = self._rows(
            "SELECT (array_agg(open ORDER BY window_start))[1], max(high), min(low), sum(volume) FROM candles "
            "WHERE exchange = :exchange AND symbol = :symbol AND timeframe = :timeframe "
            "AND window_start >= :since AND window_start < :before",
            {"exchange": exchange, "symbol": symbol, "timeframe": timeframe, "since": since, "before": before},
        )
        return SpanRow(*rows[0])

    def _rows(self, sql: str, values: dict[str, Any]) -> list[Any]:
        with self._engine.connect() as connection:
            return list(connection.execute(text(sql), values).all())
