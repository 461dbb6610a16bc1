"""The words of `/ws/crypto` (CONTRACT §3): requests in, envelopes and frames out. Knows no socket."""

import re
import struct
from typing import Any, Final, NamedTuple

import msgspec

from pipeline.symbols import parse_symbol
from pipeline.timeframes import TIMEFRAMES

#: Every type that can be subscribed to, and its aliases.
TYPES: Final = {
    **{
        name: name
        for name in ("trade", "candle", "indicator", "news", "sentiment", "ticker", "book", "alert", "status")
    },
    "trades": "trade",
    "candles": "candle",
    "indicators": "indicator",
    "tickers": "ticker",
    "books": "book",
    "alerts": "alert",
}
#: Of these only the newest counts: they are not numbered one by one, and are the first to go when a client is slow.
NEWEST_ONLY: Final = frozenset({"ticker", "book"})
#: Types whose every message is one of a forming thing: a subscription to them cannot mean anything else.
ALWAYS_FORMING: Final = frozenset({"book"})

_TRADED: Final = re.compile(rb'"timestamp":(\d{1,15})')
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class BadRequest(Exception):
    """What was wrong with a request, for the client to read."""


class Key(NamedTuple):
    """What is subscribed to; "" stands for every symbol, every timeframe."""

    type: str
    symbol: str
    timeframe: str


class Subscribe(NamedTuple):
    key: Key
    echo: dict[str, str]
    forming: bool = False
    since: int | None = None
    epoch: str = ""


class Unsubscribe(NamedTuple):
    key: Key
    echo: dict[str, str]


class Ping(NamedTuple):
    pass


class ListSubscriptions(NamedTuple):
    pass


class Authenticate(NamedTuple):
    token: str


Request = Subscribe | Unsubscribe | Ping | ListSubscriptions | Authenticate


def parse(text: str | bytes) -> Request:
    """Raises BadRequest."""
    try:
        body = _decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise BadRequest(
            'Not a JSON object. Send one like {"action":"subscribe","type":"trade","symbol":"BTC/USDT"}'
        ) from None
    action = body.get("action")
    if action == "ping":
        return Ping()
    if action == "list_subscriptions":
        return ListSubscriptions()
    if action == "authenticate":
        if not isinstance(token := body.get("token"), str) or not token:
            raise BadRequest("token: an access token or an API key, as a text")
        return Authenticate(token)
    if action == "unsubscribe":
        return Unsubscribe(*_target(body))
    if action != "subscribe":
        raise BadRequest(f"Unknown action: {_short(action)}")
    key, echo = _target(body)
    forming, since, epoch = body.get("forming", False), body.get("since"), body.get("epoch", "")
    if not isinstance(forming, bool):
        raise BadRequest("forming: true or false")
    if since is not None and (not isinstance(since, int) or isinstance(since, bool) or since < 0):
        raise BadRequest("since: the seq of the last message you have, a whole number")
    if not isinstance(epoch, str):
        raise BadRequest("epoch: the text that the reply to your first subscribe carried")
    return Subscribe(key, echo, forming or key.type in ALWAYS_FORMING, since, epoch)


def _target(body: dict[str, Any]) -> tuple[Key, dict[str, str]]:
    echo = {}
    for name in ("type", "symbol", "timeframe"):
        value = body.get(name)
        if value is not None and not isinstance(value, str):
            raise BadRequest(f"{name}: a text, not {_short(value)}")
        echo[name] = value or ""
    type_ = TYPES.get(echo["type"])
    if type_ is None:
        raise BadRequest(f"type: {_short(echo['type'])} is none of {', '.join(sorted(set(TYPES.values())))}")
    symbol = "" if echo["symbol"] in ("", "*") else _symbol(echo["symbol"], type_)
    timeframe = "" if echo["timeframe"] == "*" else echo["timeframe"]
    if timeframe and timeframe not in TIMEFRAMES:
        raise BadRequest(f"timeframe: {_short(timeframe)} is none of {', '.join(TIMEFRAMES)}")
    if type_ not in ("candle", "indicator", "sentiment"):
        timeframe = ""
    return Key(type_, symbol, timeframe), echo


def _symbol(text: str, type_: str) -> str:
    if type_ in ("news", "sentiment") and text.isalnum() and len(text) <= 20:
        return text.lower()  # a coin token
    symbol = parse_symbol(text)
    if symbol is None:
        raise BadRequest(f"symbol: {_short(text)} is not a symbol; write it like BTC/USDT, or * for all")
    # Sentiment is a coin's, whatever it is paired with.
    return symbol.partition("/")[0].lower() if type_ == "sentiment" else symbol


def _short(value: object) -> str:
    text = value if isinstance(value, str) else _encode(value).decode()
    return text if len(text) <= 60 else text[:59] + "…"


# -- out -----------------------------------------------------------------------------------------------------------------


def envelope(type_: str, data: Any, timestamp: int, **more: Any) -> bytes:
    """A reply, framed."""
    return frame(_encode({"type": type_, "data": data, "timestamp": timestamp} | more))


def message(type_: str, data: bytes, timestamp: int, seq: int) -> bytes:
    """One message of a channel, not framed yet. `data` is its JSON."""
    return b'{"type":"%b","data":%b,"timestamp":%d,"seq":%d}' % (type_.encode(), data, timestamp, seq)


def traded(trade: bytes) -> int:
    """When the trade of a message was made, Unix ms."""
    found = _TRADED.search(trade)
    return int(found[1]) if found else 0


def frame(payload: bytes) -> bytes:
    """A whole text message as one unmasked frame (RFC 6455 §5.2)."""
    size = len(payload)
    if size < 126:
        return b"\x81" + bytes((size,)) + payload
    if size < 65536:
        return b"\x81\x7e" + struct.pack("!H", size) + payload
    return b"\x81\x7f" + struct.pack("!Q", size) + payload


PING: Final = b"\x89\x00"


def close_frame(code: int, reason: str) -> bytes:
    """`reason` at most 123 bytes."""
    body = struct.pack("!H", code) + reason.encode()
    return b"\x88" + bytes((len(body),)) + body
