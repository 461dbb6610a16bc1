"""The WebSocket without a transport: what to send after connecting, and what a received text means. Nothing twice, no hole unseen."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec

from pipeline.client.calls import Refused
from pipeline.client.rows import Candle, Trade
from pipeline.live_messages import CandleMessage
from pipeline.symbols import parse_symbol


class Wanted(NamedTuple):
    """A series; `forming` for candles and indicators that move."""

    type: str
    symbol: str
    timeframe: str = ""
    forming: bool = False


class Message(msgspec.Struct, frozen=True):
    """`data` is a Trade, a Candle, or what docs/websocket.md shows as a dict. `seq` is None for what was fetched over REST."""

    type: str
    data: Any
    seq: int | None
    timestamp: datetime


class Hole(NamedTuple):
    """What lies between two messages of a series can only be had over REST. `after` is the last that was handed on."""

    wanted: Wanted
    after: Message
    before: Message


class _Envelope(msgspec.Struct):
    type: str
    data: msgspec.Raw = msgspec.Raw(b"null")
    timestamp: int = 0
    seq: int | None = None
    epoch: str = ""
    recovered: bool | None = None


class _Echo(msgspec.Struct):
    type: str = ""
    symbol: str = ""
    timeframe: str = ""


class _Trade(msgspec.Struct):
    exchange: str
    symbol: str
    trade_id: str
    price: Decimal
    amount: Decimal
    side: str
    timestamp: int


class _Series:
    """Where a series stands."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.epoch = ""
        self.seq = 0
        self.last: Message | None = None
        #: The server could not go on where we were.
        self.torn = False


_envelopes: Final = msgspec.json.Decoder(_Envelope).decode
#: Whose messages of the same seq are versions of one bar.
_FORMING: Final = ("candle", "indicator")
_FILLED: Final = ("trade", "candle")


class Feed:
    """Series of one type. `names` are symbols in any spelling; of news and moods also coins."""

    def __init__(
        self, type_: str, names: Sequence[str], timeframe: str = "", forming: bool = False, key: str | None = None
    ) -> None:
        self._key = key
        type_ = type_.removesuffix("s") if type_ != "news" else type_
        self._coins = {_coin(name) for name in names}
        if type_ == "news":
            # All news share one count, so all are asked for, and those of other coins passed over here.
            found = {""}
        elif type_ == "sentiment":
            found = self._coins or {"market"}
        else:
            found = {parse_symbol(name) or name for name in names}
        self._series = {
            (type_, name, timeframe): _Series(Wanted(type_, name, timeframe, forming)) for name in sorted(found)
        }

    def hello(self) -> list[str]:
        """To be sent after each connect."""
        out = [msgspec.json.encode({"action": "authenticate", "token": self._key}).decode()] if self._key else []
        for series in self._series.values():
            ask: dict[str, Any] = {"action": "subscribe", **series.wanted._asdict()}
            if series.epoch or series.last is not None:
                ask |= {"since": series.seq, "epoch": series.epoch}
            out.append(msgspec.json.encode(ask).decode())
        return out

    def receive(self, text: str | bytes) -> list[Message | Hole]:
        """In order; a Hole comes before the message that shows it. Raises Refused when a subscription is not possible."""
        found = _envelopes(text)
        if found.type == "subscribed":
            self._begun(found)
            return []
        if found.type == "error":
            raise Refused(0, "SUBSCRIPTION", str(msgspec.json.decode(found.data).get("message")))
        if found.seq is None:
            return []
        message = Message(found.type, _data(found), found.seq, _moment(found.timestamp))
        series = self._series.get(_key(message))
        if series is None:
            return []
        forms = found.type in _FORMING and not _closed(message.data)
        if found.seq < series.seq or (found.seq == series.seq and not forms):
            return []
        out: list[Message | Hole] = []
        if series.torn and series.last is not None and not forms:
            series.torn = False
            if found.type in _FILLED:
                out.append(Hole(series.wanted, series.last, message))
        if not forms:
            series.seq, series.last = found.seq, message
        if found.type == "news" and self._coins and not self._coins & set(message.data["symbols"]):
            return []
        return [*out, message]

    def _begun(self, answer: _Envelope) -> None:
        echo = msgspec.json.decode(answer.data, type=_Echo)
        series = self._series.get((echo.type, echo.symbol, echo.timeframe))
        if series is None:
            return
        if answer.recovered is not True:
            series.seq, series.torn = answer.seq or 0, answer.recovered is False
        series.epoch = answer.epoch


def between(hole: Hole, rows: Sequence[Trade | Candle]) -> list[Message] | None:
    """Of rows from `hole.after` on, oldest first, those that fill the hole; None when they do not reach `hole.before` yet."""
    name = "trade_id" if hole.wanted.type == "trade" else "window_start"
    keys = [getattr(row, name) for row in rows]
    last, first = getattr(hole.after.data, name), getattr(hole.before.data, name)
    if first not in keys:
        return None
    start = keys.index(last) + 1 if last in keys else 0
    return [
        Message(hole.wanted.type, row, None, hole.before.timestamp)
        for row in rows[start : keys.index(first)]
        if not isinstance(row, Candle) or row.closed
    ]


def since(hole: Hole) -> datetime:
    moment: datetime = hole.after.data.event_ts if hole.wanted.type == "trade" else hole.after.data.window_start
    return moment


def _coin(name: str) -> str:
    return (parse_symbol(name) or name).partition("/")[0].lower() if "/" in name or "-" in name else name.lower()


def _key(message: Message) -> tuple[str, str, str]:
    data = message.data
    get = data.get if isinstance(data, dict) else lambda name, default="": getattr(data, name, default)
    if message.type == "news":
        return ("news", "", "")
    symbol = get("coin", "") if message.type == "sentiment" else get("symbol", "")
    return (message.type, str(symbol), str(get("timeframe", "")))


def _closed(data: Any) -> bool:
    return bool(data.get("closed", True) if isinstance(data, dict) else data.closed)


def _data(found: _Envelope) -> Any:
    if found.type == "trade":
        t = msgspec.json.decode(found.data, type=_Trade)
        return Trade(_moment(t.timestamp), t.exchange, t.symbol, t.trade_id, t.price, t.amount, t.side)
    if found.type == "candle":
        c = msgspec.json.decode(found.data, type=CandleMessage)
        first, last = c.first_trade_ts, c.last_trade_ts
        return Candle(
            _moment(c.window_start), _moment(c.window_end), c.exchange, c.symbol, c.timeframe, c.open, c.high, c.low, c.close, c.volume,
            c.trade_count, c.closed, None if first is None else _moment(first), None if last is None else _moment(last),
            None if first is None or last is None else last - first, c.source, None, c.complete,
        )  # fmt: skip
    return msgspec.json.decode(found.data)


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
