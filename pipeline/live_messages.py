"""model → the `data` of WebSocket messages (CONTRACT §3), as JSON bytes without line breaks."""

from decimal import Decimal
from typing import Any

import msgspec

from pipeline.model import Article, Candle, Indicator, Ticker, Trade
from pipeline.wire import indicator_record, number

_encode = msgspec.json.Encoder().encode


class CandleMessage(msgspec.Struct):
    """What `candle_data` wrote, read again. Times in ms; what CONTRACT §3 does not demand may be missing."""

    exchange: str
    symbol: str
    timeframe: str
    window_start: int
    window_end: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    closed: bool
    trade_count: int = 0
    first_trade_ts: int | None = None
    last_trade_ts: int | None = None
    complete: bool = True
    source: str = ""


def trade_data(t: Trade) -> bytes:
    return (
        f'{{"type":"trade","exchange":"{t.exchange}","symbol":"{t.symbol}","trade_id":"{t.trade_id}",'
        f'"price":{number(t.price)},"amount":{number(t.amount)},"side":"{t.side}","timestamp":{t.ts}}}'
    ).encode()


def candle_data(c: Candle) -> bytes:
    closed = "true" if c.closed else "false"
    complete = "true" if c.complete else "false"
    first = "null" if c.first_trade_ts is None else c.first_trade_ts
    last = "null" if c.last_trade_ts is None else c.last_trade_ts
    return (
        f'{{"type":"candle","exchange":"{c.exchange}","symbol":"{c.symbol}","timeframe":"{c.timeframe}",'
        f'"window_start":{c.window_start},"window_end":{c.window_end},"open":{number(c.open)},"high":{number(c.high)},'
        f'"low":{number(c.low)},"close":{number(c.close)},"volume":{number(c.volume)},"closed":{closed},'
        f'"trade_count":{c.trade_count},"first_trade_ts":{first},"last_trade_ts":{last},"complete":{complete},"source":"{c.source}"}}'
    ).encode()


def ticker_data(t: Ticker) -> bytes:
    figures = {"bid": t.bid, "ask": t.ask, "last": t.last, "baseVolume": t.base_volume, "quoteVolume": t.quote_volume}
    body: dict[str, Any] = {"type": "ticker", "exchange": t.exchange, "symbol": t.symbol, "timestamp": t.ts}
    body |= {name: None if value is None else msgspec.Raw(number(value).encode()) for name, value in figures.items()}
    return _encode(body)


def indicator_data(i: Indicator) -> bytes:
    """As on Kafka (CONTRACT §3)."""
    return indicator_record(i).value


def news_data(a: Article) -> bytes:
    return _encode(a)
