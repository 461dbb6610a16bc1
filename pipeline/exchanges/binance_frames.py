"""Binance's WebSocket frames → our model. Pure: bytes in, a struct out.

Spot and futures, combined envelopes (`{"stream":…,"data":…}`) and bare frames, times in ms or µs. A combined frame is
dispatched by the name of its stream, so that each kind has its own typed decoder: 1.6 µs a trade, Decimals included,
against 4 µs when the kind must be looked for inside.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final, Generic, TypeVar

import msgspec

from pipeline.errors import BadFrame
from pipeline.exchanges.book import Change
from pipeline.model import Book, Ticker, Trade
from pipeline.symbols import parse_symbol

#: From here on a time must be microseconds: as milliseconds it would lie beyond the year 5138.
_MICROSECONDS: Final = 100_000_000_000_000
_ENVELOPE: Final = b'{"stream":"'


class Goodbye(msgspec.Struct, frozen=True):
    """`serverShutdown`: the server will close this connection soon; open another now."""


class Depth(msgspec.Struct, frozen=True):
    """A change of a symbol's order book, at `ts` (ms)."""

    symbol: str
    ts: int
    change: Change


Frame = Trade | Ticker | Book | Depth | Goodbye


class _Trade(msgspec.Struct, gc=False):
    t: int
    p: Decimal
    q: Decimal
    T: int
    m: bool
    X: str = ""
    s: str = ""


class _Aggregate(msgspec.Struct, gc=False):
    a: int
    p: Decimal
    q: Decimal
    f: int
    l: int  # noqa: E741 - Binance's name
    T: int
    m: bool
    s: str = ""


class _Ticker(msgspec.Struct, gc=False):
    E: int
    s: str
    c: Decimal
    v: Decimal
    q: Decimal
    b: Decimal | None = None
    a: Decimal | None = None
    L: int | None = None


class _BookTicker(msgspec.Struct, gc=False):
    s: str
    b: Decimal
    a: Decimal
    E: int = 0


class _Update(msgspec.Struct, gc=False):
    E: int
    U: int
    u: int
    b: tuple[tuple[Decimal, Decimal], ...]
    a: tuple[tuple[Decimal, Decimal], ...]
    s: str = ""
    pu: int | None = None


class _Depth(msgspec.Struct, gc=False):
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]


class _Head(msgspec.Struct, gc=False):
    """What tells the kind of a frame that no envelope names."""

    stream: str = ""
    data: msgspec.Raw = msgspec.Raw()
    e: str = ""
    lastUpdateId: int = 0
    u: int = 0
    B: str | float = ""
    id: int | str | None = None
    error: dict[str, object] | None = None

    def kind(self) -> str:
        if self.e:
            return self.e
        if self.lastUpdateId:
            return "depth"
        if self.u and self.B:
            return "bookTicker"
        # Answers to what we sent.
        return "error" if self.error else "reply" if self.id is not None else "unknown"


_D = TypeVar("_D")


class _Envelope(msgspec.Struct, Generic[_D], gc=False):
    data: _D


_trade_env = msgspec.json.Decoder(_Envelope[_Trade]).decode
_trade = msgspec.json.Decoder(_Trade).decode
_aggregate = msgspec.json.Decoder(_Aggregate).decode
_ticker = msgspec.json.Decoder(_Ticker).decode
_book_ticker_env = msgspec.json.Decoder(_Envelope[_BookTicker]).decode
_book_ticker = msgspec.json.Decoder(_BookTicker).decode
_depth = msgspec.json.Decoder(_Depth).decode
_update_env = msgspec.json.Decoder(_Envelope[_Update]).decode
_update = msgspec.json.Decoder(_Update).decode
_head = msgspec.json.Decoder(_Head).decode


class FrameReader:
    """Reads frames of one exchange label, and counts what it passes over in `ignored`."""

    def __init__(self, label: str = "BINANCE", skip: frozenset[str] = frozenset()) -> None:
        """`skip` names kinds of stream that the caller has no use for: counted, not decoded."""
        self._label = label
        self._skip = _PASSED | skip
        self._symbols: dict[str, str | None] = {}
        self._streams: dict[bytes, tuple[str, str]] = {}
        self.ignored: Counter[str] = Counter()
        #: Newest exchange time seen (ms), for the kinds of frame that carry none.
        self.clock = 0

    def read(self, frame: bytes) -> Frame | None:
        """The meaning of a frame; None for one that means nothing to us. Raises BadFrame."""
        try:
            if frame.startswith(_ENVELOPE):
                name = frame[11 : frame.find(b'"', 11)]
                kind, symbol = self._streams.get(name) or self._stream(name)
                if kind == "trade":
                    return self._to_trade(_trade_env(frame).data, symbol)
                if kind in self._skip:
                    self.ignored[kind] += 1
                    return None
                if kind == "bookTicker":
                    return self._to_book_ticker(_book_ticker_env(frame).data, symbol)
                if kind == "depthUpdate":
                    return self._to_change(_update_env(frame).data, symbol)
            return self._slow(frame)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise BadFrame(f"{error}: {frame[:120]!r}") from error

    def events(self, frame: bytes) -> Sequence[Trade | Ticker | Book]:
        """As `read`, for a caller to whom goodbyes and changes of books say nothing."""
        event = self.read(frame)
        return () if event is None or isinstance(event, Goodbye | Depth) else (event,)

    def _slow(self, frame: bytes) -> Frame | None:
        head = _head(frame) if frame[:1] == b"{" else _Head()
        symbol, body = "", frame
        if head.stream:
            _, symbol = self._stream(head.stream.encode())
            body = bytes(head.data)
            head = _head(body) if body[:1] == b"{" else _Head()
        kind = head.kind()
        convert = _KINDS.get(kind)
        if convert is None:
            msgspec.json.decode(body)  # an unknown frame is passed over, a broken one is bad
            self.ignored[kind] += 1
            return None
        return convert(self, body, symbol)

    def _stream(self, name: bytes) -> tuple[str, str]:
        """(kind, symbol) of a stream's name, such as `btcusdt@depth20@100ms`."""
        text = name.decode()
        head, _, kind = text.partition("@")
        # "24hrTicker" under the name its stream has would hide `ticker_1h`, whose frames are something else.
        known = self._streams[name] = (_STREAM_KINDS.get(kind, ""), self._symbol(head) or "")
        return known

    def _symbol(self, text: str) -> str | None:
        try:
            return self._symbols[text]
        except KeyError:
            symbol = self._symbols[text] = parse_symbol(text)
            return symbol

    def _time(self, value: int) -> int:
        ms = value // 1000 if value >= _MICROSECONDS else value
        if ms > self.clock:
            self.clock = ms
        return ms

    def _to_trade(self, t: _Trade, symbol: str) -> Trade | None:
        ts = t.T
        if ts >= _MICROSECONDS:
            ts //= 1000
        if ts > self.clock:
            self.clock = ts
        symbol = symbol or self._symbol(t.s) or ""
        # Futures send trades that are none (X "NA", zeros) to keep the ids running.
        if not (t.p and t.q and symbol) or t.X == "NA":
            self.ignored["trade"] += 1
            return None
        return Trade(self._label, symbol, ts, t.p, t.q, "sell" if t.m else "buy", str(t.t))

    def _read_trade(self, body: bytes, symbol: str) -> Trade | None:
        return self._to_trade(_trade(body), symbol)

    def _read_aggregate(self, body: bytes, symbol: str) -> Frame | None:
        t = _aggregate(body)
        symbol = symbol or self._symbol(t.s) or ""
        if not (t.p and t.q and symbol):
            return self._pass("aggTrade")
        return Trade(self._label, symbol, self._time(t.T), t.p, t.q, "sell" if t.m else "buy", str(t.a), t.l - t.f + 1)

    def _read_ticker(self, body: bytes, symbol: str) -> Frame | None:
        t = _ticker(body)
        symbol = symbol or self._symbol(t.s) or ""
        if not symbol:
            return self._pass("24hrTicker")
        last_id = None if t.L is None or t.L < 0 else str(t.L)  # -1: no trade in 24 h
        return Ticker(self._label, symbol, self._time(t.E), t.b or None, t.a or None, t.c or None, t.v, t.q, last_id)

    def _read_book_ticker(self, body: bytes, symbol: str) -> Frame | None:
        return self._to_book_ticker(_book_ticker(body), symbol)

    def _to_book_ticker(self, t: _BookTicker, symbol: str) -> Frame | None:
        symbol = symbol or self._symbol(t.s) or ""
        ts = self._time(t.E) if t.E else self.clock
        if not symbol or not ts:
            return self._pass("bookTicker")
        return Ticker(self._label, symbol, ts, t.b or None, t.a or None)

    def _read_depth(self, body: bytes, symbol: str) -> Frame | None:
        if not symbol or not self.clock:
            return self._pass("depth")
        d = _depth(body)
        return Book(self._label, symbol, self.clock, d.bids, d.asks)

    def _read_change(self, body: bytes, symbol: str) -> Frame | None:
        return self._to_change(_update(body), symbol)

    def _to_change(self, d: _Update, symbol: str) -> Frame | None:
        symbol = symbol or self._symbol(d.s) or ""
        if not symbol:
            return self._pass("depthUpdate")
        return Depth(symbol, self._time(d.E), Change(d.U, d.u, d.pu, d.b, d.a))

    def _read_goodbye(self, body: bytes, symbol: str) -> Goodbye:
        return Goodbye()

    def _pass(self, kind: str) -> Frame | None:
        self.ignored[kind] += 1
        return None


_KINDS: Final[dict[str, Callable[[FrameReader, bytes, str], Frame | None]]] = {
    "trade": FrameReader._read_trade,
    "aggTrade": FrameReader._read_aggregate,
    "24hrTicker": FrameReader._read_ticker,
    "bookTicker": FrameReader._read_book_ticker,
    "depth": FrameReader._read_depth,
    "depthUpdate": FrameReader._read_change,
    "serverShutdown": FrameReader._read_goodbye,
}

#: Streams whose frames are all of one kind that we can name without looking inside.
_STREAM_KINDS: Final = {
    "trade": "trade",
    "bookTicker": "bookTicker",
    **{f"depth{speed}": "depthUpdate" for speed in ("", "@100ms", "@250ms", "@500ms", "@0ms")},
    **{
        f"kline_{interval}": "kline"
        for interval in (
            "1s",
            "1m",
            "3m",
            "5m",
            "15m",
            "30m",
            "1h",
            "2h",
            "4h",
            "6h",
            "8h",
            "12h",
            "1d",
            "3d",
            "1w",
            "1M",
        )
    },
    "markPrice@1s": "markPriceUpdate",
    "markPrice": "markPriceUpdate",
}
_PASSED: Final = frozenset(_STREAM_KINDS.values()) - {"trade", "bookTicker", "depthUpdate"}
