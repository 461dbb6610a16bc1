"""A candle series as it is now: what is stored, and the forming candle that is not stored yet."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from dashboard.hot import HotCandles
from pipeline.live import LiveReader, channel
from pipeline.live_messages import CandleMessage
from pipeline.store.read import Reader
from pipeline.store.rows import CandleRow

_decode = msgspec.json.Decoder(CandleMessage).decode
_read = msgspec.json.Decoder(CandleRow).decode


class Series:
    def __init__(self, reader: Reader, live: LiveReader, hot: HotCandles) -> None:
        self._reader = reader
        self._live = live
        self._hot = hot

    def forming(self, exchange: str, symbol: str, timeframe: str) -> CandleRow | None:
        """The candle that trades are moving now. Raises redis.RedisError."""
        return self._row(exchange, self._live.forming(channel("candle", symbol, timeframe)))

    @staticmethod
    def _row(exchange: str, data: bytes | None) -> CandleRow | None:
        if data is None:
            return None
        c = _decode(data)
        if c.exchange != exchange:
            return None
        first, last = c.first_trade_ts, c.last_trade_ts
        return CandleRow(
            window_start=_time(c.window_start),
            window_end=_time(c.window_end),
            exchange=c.exchange,
            symbol=c.symbol,
            timeframe=c.timeframe,
            open=c.open,
            high=c.high,
            low=c.low,
            close=c.close,
            volume=c.volume,
            trade_count=c.trade_count,
            closed=c.closed,
            first_trade_ts=None if first is None else _time(first),
            last_trade_ts=None if last is None else _time(last),
            duration_ms=None if first is None or last is None else last - first,
            source=c.source,
            created_at=_time(last if last is not None else c.window_start),
            complete=c.complete,
        )

    def newest(self, exchange: str, symbol: str, timeframe: str, limit: int) -> Sequence[CandleRow | msgspec.Raw]:
        """The newest candles, newest first, the forming one among them. Those that are JSON already stay JSON."""
        size = self._hot.size(limit)
        if size is None:
            return self.candles(exchange, symbol, timeframe, limit=limit, ascending=False)
        look = self._hot.look(exchange, symbol, timeframe, size)
        forming, rows = self._row(exchange, look.forming), look.rows
        if rows is None:
            read = self._reader.candles(exchange, symbol, timeframe, limit=size, ascending=False)
            rows = self._hot.keep(read, look.generation, exchange, symbol, timeframe, size)
        if forming is None:
            return rows[:limit]
        last = row(rows[0]) if rows else None
        if last is None or last.window_start < forming.window_start:
            return [forming, *rows[: limit - 1]]
        if last.window_start == forming.window_start and not last.closed:
            return [forming, *rows[1:limit]]
        return rows[:limit]

    def latest(self, exchange: str, symbol: str, timeframe: str) -> CandleRow | None:
        """The newest candle, forming or closed."""
        return next(map(row, self.newest(exchange, symbol, timeframe, 1)), None)

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
        """As Reader.candles, with the forming candle in its place. A window that is stored closed is no longer forming."""
        # Before the database: a candle that closes between the two reads is then seen twice, never missed.
        forming = self.forming(exchange, symbol, timeframe)
        rows = self._reader.candles(
            exchange, symbol, timeframe, limit=limit, ascending=ascending, start=start, end=end, after=after
        )
        if forming is None:
            return rows
        at = forming.window_start
        if (start and at < start) or (end and at > end) or (after and (at <= after if ascending else at >= after)):
            return rows
        for i, row in enumerate(rows):
            if row.window_start == at:
                if not row.closed:
                    rows[i] = forming
                return rows
        newest = rows[-1 if ascending else 0] if rows else None
        if newest is not None and newest.window_start > at:
            return rows  # left over from a market that went on without us
        if ascending:
            return rows if len(rows) == limit else [*rows, forming]
        return [forming, *rows][:limit]


def row(given: CandleRow | msgspec.Raw) -> CandleRow:
    return given if isinstance(given, CandleRow) else _read(given)


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
