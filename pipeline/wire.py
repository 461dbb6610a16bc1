"""model ⇄ the JSON of CONTRACT §1. Prices and amounts travel as JSON numbers with every digit the exchange sent.

Trades are encoded by format string and decoded straight into their struct: 1.0 and 1.1 us each, against 2.5 us through a
generic encoder and a second object, on the hottest path there is. All text that is interpolated is checked where it came in:
symbols by `parse_symbol`, labels and trade ids by the patterns below.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from pipeline.bus.base import Message, Record
from pipeline.bus.topics import BARS, INDICATORS, NEWS, TICKER, TRADES
from pipeline.errors import BadMessage
from pipeline.model import FIGURES, Article, Candle, Indicator, Ticker, Trade
from pipeline.symbols import parse_symbol, plain
from pipeline.timeframes import TIMEFRAMES

_LABEL = re.compile(r"^[A-Z0-9_.\-]{1,32}$")
_TRADE_ID = re.compile(r"^[A-Za-z0-9_.:\-]{1,64}$")
#: No exchange prints more digits; a hostile 1E+999999 would fill memory when written out.
_MAX_EXPONENT = 40
#: The year 10000: no datetime spells it, so a message from there would be a stone in every reader's way.
_FUTURE = 253_402_300_800_000
# Decimals, for comparing a Decimal with a float costs 1 us.
_ZERO, _HUGE = Decimal(0), Decimal(10**18)

_trade_decoder = msgspec.json.Decoder(Trade)
_decode_trade, _decode_trades = _trade_decoder.decode, _trade_decoder.decode_lines
_decode_bar = msgspec.json.Decoder(Candle).decode
_decode_ticker = msgspec.json.Decoder(Ticker).decode
_decode_indicator = msgspec.json.Decoder(Indicator).decode
_decode_article = msgspec.json.Decoder(Article).decode
#: Longer ones are no address of an article, and more than an index of PostgreSQL takes.
_LONGEST_URL = 2000
_COIN = re.compile(r"^[a-z0-9]{1,20}$")
_encode = msgspec.json.Encoder().encode
_symbols: dict[str, str] = {}
_labels: set[str] = set()
_heads: dict[tuple[str, str, str], tuple[bytes, dict[str, str], str]] = {}


def number(value: Decimal) -> str:
    """A Decimal as a JSON number, digit for digit, never in exponent form (old clients parse by hand)."""
    text = str(value)
    return format(value, "f") if "E" in text else text


def _raw(value: Decimal) -> msgspec.Raw:
    return msgspec.Raw(number(value).encode())


def _symbol(text: str) -> str:
    known = _symbols.get(text)
    if known is None:
        parsed = parse_symbol(text)
        if parsed is None:
            raise BadMessage(f"symbol: {text!r} is not BASE/QUOTE")
        known = _symbols[text] = parsed
    return known


def _label(text: str) -> None:
    if text not in _labels:
        if not _LABEL.match(text):
            raise BadMessage(f"exchange: {text!r} is not a label like BINANCE")
        _labels.add(text)


def _time(ts: int) -> None:
    if not 0 <= ts < _FUTURE:
        raise BadMessage(f"time: {ts} is not Unix milliseconds")


def _figures(**figures: Decimal | None) -> None:
    for name, value in figures.items():
        if value is not None and (not value.is_finite() or abs(value.adjusted()) > _MAX_EXPONENT):
            raise BadMessage(f"{name}: {value} is not a number that a market has")


def trade_record(trade: Trade, source: str = "collector-ws") -> Record:
    """The Kafka record of a trade."""
    known = _heads.get((trade.exchange, trade.symbol, source))
    if known is None:
        name = plain(trade.symbol)
        headers = {"source": source, "type": "trade", "exchange": trade.exchange, "symbol": name, "schema": "trade_v1"}
        start = f'{{"type":"trade","exchange":"{trade.exchange}","symbol":"{trade.symbol}","event_ts":'
        known = _heads[trade.exchange, trade.symbol, source] = (f"{trade.exchange}|{name}".encode(), headers, start)
    key, headers, start = known
    rare = f',"count":{trade.count}' if trade.count != 1 else ""
    if trade.repaired:
        rare += ',"repaired":true'
    value = (
        f'{start}{trade.ts},"price":{number(trade.price)},"amount":{number(trade.amount)},'
        f'"side":"{trade.side}","trade_id":"{trade.trade_id}"{rare}}}'
    )
    return Record(key, value.encode(), headers)


def read_trade(value: bytes) -> Trade:
    """Raises BadMessage naming the field."""
    try:
        t = _decode_trade(value)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        t = _with_numeric_id(value, error)
    symbol = _symbol(t.symbol)
    if symbol != t.symbol:
        t = msgspec.structs.replace(t, symbol=symbol)
    _label(t.exchange)
    _time(t.ts)
    if not t.trade_id.isalnum() and not _TRADE_ID.match(t.trade_id):
        raise BadMessage(f"trade_id: {t.trade_id!r} is not an id")
    # Two comparisons are all that a normal trade pays; infinities and absurd exponents fall outside.
    try:
        sane = _ZERO < t.price < _HUGE and _ZERO <= t.amount < _HUGE
    except InvalidOperation:  # NaN
        sane = False
    if not sane:
        _figures(price=t.price, amount=t.amount)
        raise BadMessage(f"price, amount: {t.price}, {t.amount} are not a positive price and an amount")
    return t


def read_trades(values: Sequence[bytes]) -> list[Trade | None]:
    """`read_trade` of many at once, at half the cost; None for those that it would refuse."""
    text = b"\n".join(values)
    trades: list[Trade] = []
    # A line break within a message is legal JSON, and would shift the ones after it.
    if text.count(b"\n") == len(values) - 1:
        with suppress(msgspec.MsgspecError, UnicodeDecodeError):
            trades = _decode_trades(text)
    if len(trades) != len(values):
        return [_trade_or_none(value) for value in values]
    symbols, labels = _symbols, _labels
    return [
        t
        if symbols.get(t.symbol) == t.symbol
        and t.exchange in labels
        and 0 <= t.ts < _FUTURE
        and t.trade_id.isalnum()
        and _ZERO < t.price < _HUGE
        and _ZERO <= t.amount < _HUGE
        else _trade_or_none(value)
        for t, value in zip(trades, values, strict=True)
    ]


def _trade_or_none(value: bytes) -> Trade | None:
    try:
        return read_trade(value)
    except BadMessage:
        return None


def _with_numeric_id(value: bytes, error: Exception) -> Trade:
    """Older collectors sent the id as a number: read again with quotes round it."""
    try:
        fields = msgspec.json.decode(value, type=dict[str, msgspec.Raw])
        fields["trade_id"] = msgspec.Raw(b'"%d"' % msgspec.json.decode(fields["trade_id"], type=int))
        return _decode_trade(_encode(fields))
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError):
        raise BadMessage(f"not a trade: {error}") from error


def bar_record(c: Candle) -> Record:
    """The Kafka record of a candle."""
    name = plain(c.symbol)
    body: dict[str, Any] = {
        "type": "bar",
        "exchange": c.exchange,
        "symbol": c.symbol,
        "timeframe": c.timeframe,
        "window_start": c.window_start,
        "window_end": c.window_end,
        "open": _raw(c.open),
        "high": _raw(c.high),
        "low": _raw(c.low),
        "close": _raw(c.close),
        "volume": _raw(c.volume),
        "trade_count": c.trade_count,
        "closed": c.closed,
        "first_trade_ts": c.first_trade_ts,
        "last_trade_ts": c.last_trade_ts,
        "duration_ms": duration_ms(c),
        "complete": c.complete,
        "source": c.source,
    }
    headers = {
        "source": "collector-historical" if c.source == "historical" else "collector-ws",
        "type": "bar",
        "exchange": c.exchange,
        "symbol": name,
        "timeframe": c.timeframe,
        "closed": "true" if c.closed else "false",
        "schema": "bar_v2",
    }
    return Record(f"{c.exchange}|{name}|{c.timeframe}|{c.window_start}".encode(), _encode(body), headers)


def duration_ms(c: Candle) -> int | None:
    """From the first to the last trade; None when the exchange did not say."""
    return None if c.first_trade_ts is None or c.last_trade_ts is None else c.last_trade_ts - c.first_trade_ts


def read_bar(value: bytes) -> Candle:
    """Raises BadMessage naming the field."""
    try:
        c = _decode_bar(value)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadMessage(f"not a bar: {error}") from error
    check_bar(c)
    symbol = _symbol(c.symbol)
    return c if symbol == c.symbol else msgspec.structs.replace(c, symbol=symbol)


def check_bar(c: Candle) -> None:
    """Raises BadMessage for what no reader would take."""
    _label(c.exchange)
    length = TIMEFRAMES.get(c.timeframe)
    if length is None:
        raise BadMessage(f"timeframe: {c.timeframe!r} is none of {' '.join(TIMEFRAMES)}")
    _time(c.window_start)
    if c.window_start % length or c.window_end != c.window_start + length:
        raise BadMessage(f"window_start, window_end: {c.window_start}-{c.window_end} is not a window of {c.timeframe}")
    _figures(open=c.open, high=c.high, low=c.low, close=c.close, volume=c.volume)
    if not c.low <= min(c.open, c.close) <= max(c.open, c.close) <= c.high or c.volume < 0:
        raise BadMessage(
            "open, high, low, close, volume: high and low do not enclose open and close, or volume is negative"
        )


def ticker_record(t: Ticker, source: str = "collector-ws") -> Record:
    """The Kafka record of a ticker."""
    name = plain(t.symbol)
    figures = (
        ("bid", t.bid),
        ("ask", t.ask),
        ("last", t.last),
        ("baseVolume", t.base_volume),
        ("quoteVolume", t.quote_volume),
    )
    body: dict[str, Any] = {"type": "ticker", "exchange": t.exchange, "symbol": t.symbol, "event_ts": t.ts}
    body |= {key: None if value is None else _raw(value) for key, value in figures}
    if t.last_trade_id is not None:
        body["last_trade_id"] = t.last_trade_id
    headers = {"source": source, "type": "ticker", "exchange": t.exchange, "symbol": name, "schema": "ticker_v1"}
    return Record(f"{t.exchange}|{name}".encode(), _encode(body), headers)


def read_ticker(value: bytes) -> Ticker:
    """Raises BadMessage naming the field."""
    try:
        t = _decode_ticker(value)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadMessage(f"not a ticker: {error}") from error
    _label(t.exchange)
    _time(t.ts)
    _figures(bid=t.bid, ask=t.ask, last=t.last, baseVolume=t.base_volume, quoteVolume=t.quote_volume)
    symbol = _symbol(t.symbol)
    return t if symbol == t.symbol else msgspec.structs.replace(t, symbol=symbol)


def indicator_record(i: Indicator) -> Record:
    """The Kafka record of an indicator's bar. Only figures that are set travel."""
    name = plain(i.symbol)
    headers = {
        "source": "indicators",
        "type": "indicator",
        "exchange": i.exchange,
        "symbol": name,
        "timeframe": i.timeframe,
        "schema": "indicator_v1",
    }
    body = msgspec.structs.asdict(i)
    sent = {"type": "indicator"} | {key: value for key, value in body.items() if value is not None}
    return Record(f"{i.exchange}|{name}|{i.timeframe}|{i.time}".encode(), _encode(sent), headers)


def read_indicator(value: bytes) -> Indicator:
    """Raises BadMessage naming the field."""
    try:
        i = _decode_indicator(value)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadMessage(f"not an indicator: {error}") from error
    _label(i.exchange)
    length = TIMEFRAMES.get(i.timeframe)
    if length is None:
        raise BadMessage(f"timeframe: {i.timeframe!r} is none of {' '.join(TIMEFRAMES)}")
    _time(i.time)
    if i.time % length:
        raise BadMessage(f"time: {i.time} is not the start of a window of {i.timeframe}")
    if not any(getattr(i, name) is not None for name in FIGURES):
        raise BadMessage("value: none of the figures is set")
    symbol = _symbol(i.symbol)
    return i if symbol == i.symbol else msgspec.structs.replace(i, symbol=symbol)


def article_record(a: Article) -> Record:
    """The Kafka record of an article; its key is its URL."""
    headers = {"source": a.source, "type": "news", "schema": "news_v1"}
    return Record(a.url.encode(), _encode(a), headers)


def read_article(value: bytes) -> Article:
    """Raises BadMessage naming the field."""
    try:
        a = _decode_article(value)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadMessage(f"not an article: {error}") from error
    _time(a.time)
    if not a.url.startswith(("https://", "http://")) or len(a.url) > _LONGEST_URL:
        raise BadMessage(f"url: {a.url[:80]!r} is not an http address of at most {_LONGEST_URL} characters")
    if any("\0" in text for text in (a.url, a.title, a.content, a.source)):
        raise BadMessage("title, content: a text holds a NUL")
    if a.sentiment_score is not None and not -1 <= a.sentiment_score <= 1:
        raise BadMessage(f"sentiment_score: {a.sentiment_score} is not between -1 and 1")
    coins = tuple(dict.fromkeys(coin.lower() for coin in a.symbols))
    if not all(map(_COIN.match, coins)):
        raise BadMessage(f"symbols: {list(a.symbols)} are not coin tokens like btc")
    return a if coins == a.symbols else msgspec.structs.replace(a, symbols=coins)


Model = Trade | Candle | Ticker | Indicator | Article

_READERS: dict[str, Callable[[bytes], Model]] = {
    TRADES: read_trade,
    TICKER: read_ticker,
    NEWS: read_article,
    **dict.fromkeys(BARS, read_bar),
    **dict.fromkeys(INDICATORS, read_indicator),
}


def read(message: Message) -> Model:
    """The model of any message, by its topic. Raises BadMessage."""
    reader = _READERS.get(message.topic)
    if reader is None:
        raise BadMessage(f"topic: nothing is read from {message.topic!r}")
    model = reader(message.value)
    if isinstance(model, Candle) and message.topic != f"crypto.aggregated.{model.timeframe}":
        raise BadMessage(f"timeframe: a {model.timeframe} bar on {message.topic}")
    if isinstance(model, Indicator) and message.topic != f"crypto.indicators.{model.indicator_type}":
        raise BadMessage(f"indicator_type: {model.indicator_type!r} on {message.topic}")
    return model
