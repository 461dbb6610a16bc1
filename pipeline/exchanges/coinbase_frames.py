"""Coinbase's Advanced Trade frames → our model. Pure: bytes in, structs out.

Every frame carries the next `sequence_num` of its connection; a number that is not the next one is a frame lost, and a book that
lacks a change is wrong until its next snapshot. At a handover two connections speak at once: each counts on its own.
"""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import msgspec

from pipeline.errors import BadFrame
from pipeline.exchanges.levels import Levels
from pipeline.model import Book, Ticker, Trade
from pipeline.symbols import parse_symbol

#: Levels a side that go on to the screen.
SHOWN: Final = 20
#: Connections that may speak at once.
_CONNECTIONS: Final = 2
_PASSED: Final = frozenset({"subscriptions", "heartbeats", "candles", "status", "user"})


class _Frame(msgspec.Struct, gc=False):
    channel: str = ""
    timestamp: datetime | None = None
    sequence_num: int = -1
    events: msgspec.Raw = msgspec.Raw(b"[]")


class _Trade(msgspec.Struct, gc=False):
    product_id: str
    trade_id: str
    price: Decimal
    size: Decimal
    time: datetime
    side: str


class _Trades(msgspec.Struct, gc=False):
    trades: list[_Trade]


class _Ticker(msgspec.Struct, gc=False):
    product_id: str
    price: Decimal
    volume_24_h: Decimal
    best_bid: Decimal | None = None
    best_ask: Decimal | None = None


class _Tickers(msgspec.Struct, gc=False):
    tickers: list[_Ticker]


class _Change(msgspec.Struct, gc=False):
    side: str
    event_time: datetime
    price_level: Decimal
    new_quantity: Decimal


class _Changes(msgspec.Struct, gc=False):
    type: str
    product_id: str
    updates: list[_Change]


_frame = msgspec.json.Decoder(_Frame).decode
_trades = msgspec.json.Decoder(list[_Trades]).decode
_tickers = msgspec.json.Decoder(list[_Tickers]).decode
_changes = msgspec.json.Decoder(list[_Changes]).decode
Event = Trade | Ticker | Book


class _Connection:
    """One connection's count, and the books its snapshots began."""

    def __init__(self) -> None:
        self.next = 0
        self.books: dict[str, tuple[Levels, Levels]] = {}


class CoinbaseReader:
    """Reads the frames of one member, and counts what it passes over in `ignored`."""

    def __init__(self, label: str = "COINBASE") -> None:
        self._label = label
        self._connections: list[_Connection] = []
        self._symbols: dict[str, str] = {}
        self.ignored: Counter[str] = Counter()
        #: Frames that never came. Whoever keeps the connection opens another one then: books begin with it.
        self.lost = 0

    def events(self, frame: bytes) -> list[Event]:
        """The meaning of a frame; nothing for one that means nothing to us. Raises BadFrame."""
        try:
            head = _frame(frame)
            if not head.channel:
                self.ignored["unknown"] += 1
                return []
            connection = self._counted(head.sequence_num)
            if head.channel == "market_trades":
                return self._read_trades(bytes(head.events))
            if head.channel == "ticker":
                return self._read_tickers(bytes(head.events), head.timestamp)
            if head.channel == "l2_data":
                return self._read_changes(bytes(head.events), connection)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise BadFrame(f"{error}: {frame[:120]!r}") from error
        self.ignored[head.channel if head.channel in _PASSED else "unknown"] += 1
        return []

    def _counted(self, number: int) -> _Connection:
        """The connection that a frame of this number came by."""
        for connection in self._connections:
            if connection.next == number:
                connection.next += 1
                return connection
        if number == 0:
            # Of three the oldest is gone.
            self._connections = [*self._connections[1 - _CONNECTIONS :], _Connection()]
        elif self._connections:
            self.lost += 1
            newest = self._connections[-1]
            newest.books.clear()
            self._connections = [newest]
        else:
            self._connections = [_Connection()]  # a recording that begins in the middle
        self._connections[-1].next = number + 1
        return self._connections[-1]

    def _read_trades(self, events: bytes) -> list[Event]:
        out: list[Event] = []
        for event in _trades(events):
            # Newest first, as a page shows them.
            for t in sorted(event.trades, key=lambda one: (one.time, len(one.trade_id), one.trade_id)):
                symbol = self._symbol(t.product_id)
                if not (symbol and t.price and t.size):
                    self.ignored["trade"] += 1
                    continue
                # Theirs is the maker's side: the recorded trades at the best ask say SELL.
                side = "buy" if t.side == "SELL" else "sell"
                out.append(Trade(self._label, symbol, _ms(t.time), t.price, t.size, side, t.trade_id))  # type: ignore[arg-type]
        return out

    def _read_tickers(self, events: bytes, at: datetime | None) -> list[Event]:
        ts = _ms(at) if at is not None else 0
        return [
            Ticker(self._label, symbol, ts, t.best_bid or None, t.best_ask or None, t.price or None, t.volume_24_h)
            for event in _tickers(events)
            for t in event.tickers
            if ts and (symbol := self._symbol(t.product_id))
        ]

    def _read_changes(self, events: bytes, connection: _Connection) -> list[Event]:
        shown: dict[str, Event] = {}
        for event in _changes(events):
            symbol = self._symbol(event.product_id)
            if not symbol or not event.updates:
                continue
            if event.type == "snapshot":
                book = connection.books[symbol] = (Levels(True), Levels(False))
            else:
                known = connection.books.get(symbol)
                if known is None:
                    self.ignored["l2_data"] += 1  # of a book whose beginning we do not have
                    continue
                book = known
            bids, asks = book
            for change in event.updates:
                (bids if change.side == "bid" else asks).put(change.price_level, change.new_quantity)
            ts = _ms(max(change.event_time for change in event.updates))
            shown[symbol] = Book(self._label, symbol, ts, bids.top(SHOWN), asks.top(SHOWN))
        return list(shown.values())

    def _symbol(self, product: str) -> str:
        known = self._symbols.get(product)
        if known is None:
            known = self._symbols[product] = parse_symbol(product) or ""
        return known


def _ms(at: datetime) -> int:
    at = at.astimezone(UTC)
    return int(at.timestamp()) * 1000 + at.microsecond // 1000
