"""The exchange seam: what the collector may count on, whichever exchange is underneath.

Contract (a new member is a copy of `_template.py` that keeps it):
- Everything is async and runs on one event loop; nothing may block it for more than a few milliseconds. Heavy or blocking
  work goes to a thread inside the member.
- `stream` is called first, and then iterated for as long as the worker lives, or until other symbols are wanted: then it is called
  again with those, and the earlier one is cancelled once the new one flows. It connects, reconnects with jittered and
  capped back-off, and hands a connection over before it ends; the caller sees only events. It raises nothing but
  `SetupError` (a mistake that waiting cannot mend), and ends only when there will never be more (a replay).
  Around a reconnect it may repeat, omit or reorder trades: the collector mends that by trade id (`pipeline.continuity`).
  While the caller does not take the next list, the member stops reading its socket: back-pressure is TCP's.
- `markets`, `listings`, `klines` and `trades_from` are single questions. Each raises `ExchangeUnavailable` (with `retry_after` when the
  exchange asked for a pause) and leaves trying again to the caller; while such a pause lasts they raise at once.
- A frame that cannot be read, or is not known, is counted in `health().ignored` and never raised.
- Values are exact: prices and amounts are the exchange's own digits as `Decimal`, times its own clock in Unix ms.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from decimal import Decimal

import msgspec

from pipeline.model import Book, Candle, Market, Ticker, Trade

Event = Trade | Ticker | Book


class Listing(msgspec.Struct, frozen=True):
    """A symbol that an exchange lists. `volume`: of the last 24 h, in the quote; `last`: its price, None without any."""

    symbol: str
    base: str
    quote: str
    trading: bool
    volume: Decimal
    last: Decimal | None = None


class Health(msgspec.Struct, frozen=True):
    """What a member says of itself, at any moment."""

    #: Frames are arriving (or could: a quiet market is connected).
    connected: bool
    #: Connections that ended without being handed over.
    reconnects: int = 0
    #: Frames read since the start.
    frames: int = 0
    #: Kind of frame → how many were passed over.
    ignored: Mapping[str, int] = {}
    #: Streams from which nothing came for suspiciously long.
    silent: Sequence[str] = ()
    #: The newest trouble, "" when there was none.
    last_error: str = ""


class Exchange(ABC):
    """One exchange. `label` is its name on the wire (`BINANCE`)."""

    label: str
    #: Where the data really comes from, for the page's banner: "binance", "simulator", "replay".
    source: str
    #: Whether trade ids count up by one per symbol and `trades_from` can fetch what is missing.
    repairs: bool = True
    #: Whether `klines` and `markets` have anything to say: a recording's do not.
    history: bool = True

    @abstractmethod
    def stream(self, symbols: Sequence[str]) -> AsyncGenerator[list[Event], None]:
        """Live events of `symbols`, in lists as they arrive: whatever is there, never waiting for more."""

    @abstractmethod
    async def markets(self, symbols: Sequence[str]) -> dict[str, Market]:
        """Steps of each of `symbols`; one the exchange does not trade is absent. Called at start."""

    async def listings(self) -> list[Listing]:
        """All that it lists. [] where it cannot say: then exactly the configured symbols are followed."""
        return []

    @abstractmethod
    async def klines(self, symbol: str, timeframe: str, limit: int, end: int | None = None) -> list[Candle]:
        """The newest `limit` candles (those that start before `end` ms, when given), oldest first, source "historical".

        A window that the exchange may still be changing has `closed=False`. Windows without trades are as the exchange
        gives them. Called at start for every timeframe, and later to mend a window that was not seen whole.
        """

    @abstractmethod
    async def trades_from(self, symbol: str, from_id: int, limit: int) -> list[Trade]:
        """Up to `limit` (at most 1000) trades with id ≥ `from_id`, ascending. [] when there are none yet."""

    @abstractmethod
    def health(self) -> Health: ...

    @abstractmethod
    async def close(self) -> None:
        """Let go of every connection. Idempotent; `stream` ends soon after."""
