"""The way in: COPY, and an upsert where rows may be there already. Batches are atomic, and writing one twice changes nothing.

Trades are almost always new, so they are first copied straight into their table; only when the unique index objects, the
batch goes through a temporary table and an upsert. ON CONFLICT looks every row up before it inserts it, which is half of the
cost. Measured on 2 busy cores, rows/s: upsert 82 k, straight COPY 149 k, straight COPY without any index 293 k.
"""

import json
from collections.abc import Sequence
from io import StringIO

import psycopg2
from psycopg2.errors import UniqueViolation
from psycopg2.extensions import connection as Connection

from pipeline.metrics import Timer
from pipeline.model import FIGURES, Article, Candle, Indicator, Trade
from pipeline.store.engine import dsn
from pipeline.store.state import load_state, save_state
from pipeline.trade_messages import spelled
from pipeline.wire import number

# ON COMMIT DELETE ROWS: the tables are made once a connection and are empty at the start of every batch.
_TEMP = """
CREATE TEMP TABLE IF NOT EXISTS incoming_trades (
    event_ts timestamptz, exchange text, symbol text, trade_id text, price numeric, amount numeric, side text, source text
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS incoming_candles (
    exchange text, symbol text, timeframe text, window_start bigint, window_end bigint,
    open numeric, high numeric, low numeric, close numeric, volume numeric, trade_count bigint,
    closed boolean, complete boolean, first_trade_ts bigint, last_trade_ts bigint, source text
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS incoming_indicators (
    time bigint, exchange text, symbol text, timeframe text, indicator_type text, value float8, value_signal float8,
    value_histogram float8, upper_band float8, middle_band float8, lower_band float8, support_level float8,
    resistance_level float8, support_strength float8, resistance_strength float8
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS incoming_news (
    time bigint, source text, url text, title text, content text, sentiment_score float8, symbols jsonb
) ON COMMIT DELETE ROWS
"""

TRADE_COLUMNS = "event_ts, exchange, symbol, trade_id, price, amount, side"
COPY_TRADES = f"COPY trades ({TRADE_COLUMNS}) FROM STDIN"
UPSERT_TRADES = """
INSERT INTO trades (event_ts, exchange, symbol, trade_id, price, amount, side, source)
SELECT event_ts, exchange, symbol, trade_id, price, amount, side, source
FROM incoming_trades
ON CONFLICT DO NOTHING
"""

# Which candle of a window stays: the exchange's closed one, then our own whole one, then our own partial one, then an open one.
# Among equals the one that counts at least as many trades, so a late trade corrects and an old message never does harm.
_RANK = "(CASE WHEN NOT {0}.closed THEN 0 WHEN {0}.source = 'historical' THEN 3 WHEN {0}.complete THEN 2 ELSE 1 END)"

UPSERT_CANDLES = f"""
INSERT INTO candles AS old (window_start, window_end, exchange, symbol, timeframe, open, high, low, close, volume, trade_count,
                            closed, complete, first_trade_ts, last_trade_ts, duration_ms, source)
SELECT timestamptz 'epoch' + window_start * interval '1 millisecond', timestamptz 'epoch' + window_end * interval '1 millisecond',
       exchange, symbol, timeframe, open, high, low, close, volume, trade_count, closed, complete,
       timestamptz 'epoch' + first_trade_ts * interval '1 millisecond', timestamptz 'epoch' + last_trade_ts * interval '1 millisecond',
       last_trade_ts - first_trade_ts, source
FROM incoming_candles
ON CONFLICT (exchange, symbol, timeframe, window_start) DO UPDATE SET
    window_end = excluded.window_end, open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
    volume = excluded.volume, trade_count = excluded.trade_count, closed = excluded.closed, complete = excluded.complete,
    first_trade_ts = excluded.first_trade_ts, last_trade_ts = excluded.last_trade_ts, duration_ms = excluded.duration_ms,
    source = excluded.source
WHERE {_RANK.format("excluded")} > {_RANK.format("old")}
   OR ({_RANK.format("excluded")} = {_RANK.format("old")} AND excluded.trade_count >= old.trade_count)
"""  # noqa: S608 - no outside text in it

_FIGURES = ", ".join(FIGURES)
# A bar computed again, after its candle was mended, replaces what was there.
UPSERT_INDICATORS = f"""
INSERT INTO indicators (time, exchange, symbol, timeframe, indicator_type, {_FIGURES})
SELECT timestamptz 'epoch' + time * interval '1 millisecond', exchange, symbol, timeframe, indicator_type, {_FIGURES}
FROM incoming_indicators
ON CONFLICT (exchange, symbol, timeframe, indicator_type, time) DO UPDATE SET
    ({_FIGURES}) = ROW ({", ".join(f"excluded.{name}" for name in FIGURES)})
"""  # noqa: S608 - no outside text in it

# An edited article replaces itself, save its time: it was news when it first appeared.
UPSERT_NEWS = """
INSERT INTO news (time, source, url, title, content, sentiment_score, symbols)
SELECT timestamptz 'epoch' + time * interval '1 millisecond', source, url, title, content, sentiment_score, symbols
FROM incoming_news
ON CONFLICT (url) DO UPDATE SET
    source = excluded.source, title = excluded.title, content = excluded.content, sentiment_score = excluded.sentiment_score,
    symbols = excluded.symbols
"""


class Store:
    """One writing connection. Raises psycopg2 errors; a batch that raised left nothing behind and may be written again."""

    def __init__(self, database_url: str) -> None:
        self._dsn = dsn(database_url)
        self._connection: Connection | None = None

    def write(
        self,
        trades: Sequence[Trade],
        candles: Sequence[Candle],
        indicators: Sequence[Indicator] = (),
        articles: Sequence[Article] = (),
        lines: Sequence[str] = (),
    ) -> None:
        """Store all of it in one transaction; durable when this returns. `lines` are more live trades, as `trade_messages.rows` spells
        them."""
        # Repaired ones are few, and often there already.
        repaired = "".join(f"{_trade_line(trade)[:-1]}\trepair\n" for trade in trades if trade.repaired)
        live = [*lines, *(_trade_line(trade) for trade in trades if not trade.repaired)]
        rest = [
            ("incoming_candles", UPSERT_CANDLES, "".join(map(_candle_line, best(candles)))),
            ("incoming_indicators", UPSERT_INDICATORS, "".join(map(_indicator_line, _newest(indicators)))),
            ("incoming_news", UPSERT_NEWS, "".join(map(_article_line, {a.url: a for a in articles}.values()))),
        ]
        try:
            self._write([(COPY_TRADES, "".join(live))], [("incoming_trades", UPSERT_TRADES, repaired), *rest])
        except UniqueViolation:
            # With the table's default spelt out.
            marked = repaired + "".join(f"{line[:-1]}\tlive\n" for line in live)
            self._write([], [("incoming_trades", UPSERT_TRADES, marked), *rest])

    def _write(self, straight: Sequence[tuple[str, str]], upserts: Sequence[tuple[str, str, str]]) -> None:
        connection = self._connect()
        with Timer("write"), connection, connection.cursor() as cursor:
            for copy, lines in straight:
                if lines:
                    cursor.copy_expert(copy, StringIO(lines))
            for table, upsert, lines in upserts:
                if lines:
                    cursor.copy_expert(f"COPY {table} FROM STDIN", StringIO(lines))
                    cursor.execute(upsert)

    def save_state(self, worker: str, partition: int, before: str | None, position: str, state: bytes) -> bool:
        """Replace the state saved at position `before` (None: there was none). False when someone else saved meanwhile."""
        connection = self._connect()
        with connection, connection.cursor() as cursor:
            return save_state(cursor, worker, partition, before, position, state)

    def load_state(self, worker: str, partition: int) -> tuple[str, bytes] | None:
        connection = self._connect()
        with connection, connection.cursor() as cursor:
            return load_state(cursor, worker, partition)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> Connection:
        if self._connection is None or self._connection.closed:
            connection = psycopg2.connect(self._dsn, connect_timeout=5, options="-c timezone=UTC")
            with connection, connection.cursor() as cursor:
                cursor.execute(_TEMP)
            self._connection = connection
        return self._connection


def best(candles: Sequence[Candle]) -> list[Candle]:
    """One candle per key, the one that the upsert would keep: a single statement may not touch a row twice."""
    kept: dict[tuple[str, str, str, int], Candle] = {}
    for candle in candles:
        key = (candle.exchange, candle.symbol, candle.timeframe, candle.window_start)
        other = kept.get(key)
        if other is None or (rank(candle), candle.trade_count) >= (rank(other), other.trade_count):
            kept[key] = candle
    return list(kept.values())


def rank(c: Candle) -> int:
    """How good a candle is, as `_RANK` in SQL: open, partial, whole, the exchange's own."""
    if not c.closed:
        return 0
    return 3 if c.source == "historical" else 2 if c.complete else 1


def _trade_line(t: Trade) -> str:
    second, ms = divmod(t.ts, 1000)
    return f"{spelled(second)}.{ms:03d}+00\t{t.exchange}\t{t.symbol}\t{t.trade_id}\t{number(t.price)}\t{number(t.amount)}\t{t.side}\n"


def _candle_line(c: Candle) -> str:
    first = r"\N" if c.first_trade_ts is None else c.first_trade_ts
    last = r"\N" if c.last_trade_ts is None else c.last_trade_ts
    return (
        f"{c.exchange}\t{c.symbol}\t{c.timeframe}\t{c.window_start}\t{c.window_end}\t{number(c.open)}\t{number(c.high)}\t{number(c.low)}\t"
        f"{number(c.close)}\t{number(c.volume)}\t{c.trade_count}\t{c.closed}\t{c.complete}\t{first}\t{last}\t{c.source}\n"
    )


def _newest(indicators: Sequence[Indicator]) -> list[Indicator]:
    """The last one per key."""
    return list({(i.exchange, i.symbol, i.timeframe, i.indicator_type, i.time): i for i in indicators}.values())


def _indicator_line(i: Indicator) -> str:
    figures = "\t".join(r"\N" if (figure := getattr(i, name)) is None else repr(figure) for name in FIGURES)
    return f"{i.time}\t{i.exchange}\t{i.symbol}\t{i.timeframe}\t{i.indicator_type}\t{figures}\n"


# What COPY's text format gives a meaning.
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def _article_line(a: Article) -> str:
    texts = "\t".join(text.translate(_ESCAPES) for text in (a.source, a.url, a.title, a.content))
    score = r"\N" if a.sentiment_score is None else repr(a.sentiment_score)
    return f"{a.time}\t{texts}\t{score}\t{json.dumps(a.symbols)}\n"
