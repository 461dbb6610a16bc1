"""An order book kept from a snapshot and changes, by Binance's documented procedure. Pure.

Changes are numbered. Those that come before the snapshot are held; of these the snapshot has some already; the first that it does
not have must follow it without a hole, and each after that its predecessor. Where one does not, or where the book is crossed, it is
dropped, and a new snapshot is needed.
Source: Binance, "How to manage a local order book correctly", spot and USD-M futures.
"""

from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from typing import Final, NamedTuple

from pipeline.exchanges.levels import Level, Levels

#: Changes held while a snapshot is on its way: a minute of a stream at 100 ms. Past it the oldest go, and the snapshot must be newer.
HELD: Final = 600


class Change(NamedTuple):
    """A `depthUpdate`: update ids `first` (U) to `last` (u). `before` (pu) is the id that the one before ended with; futures have it."""

    first: int
    last: int
    before: int | None
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class OrderBook:
    """Of one symbol. Without a snapshot it has no levels."""

    def __init__(self) -> None:
        self.bids = Levels(descending=True)
        self.asks = Levels(descending=False)
        #: Times that it was dropped and had to begin again.
        self.resyncs = 0
        self._last: int | None = None  # the newest update id in it
        self._fresh = False  # nothing was applied to the snapshot yet
        self._held: deque[Change] = deque(maxlen=HELD)

    @property
    def synced(self) -> bool:
        """Whether it shows the market as of the newest change."""
        return self._last is not None

    def snapshot(self, last: int, bids: Iterable[Level], asks: Iterable[Level]) -> bool:
        """Begin with the exchange's whole book; False if it is older than what is held, and another is needed."""
        if self._held and last + 1 < self._held[0].first:
            return False
        self.bids, self.asks = Levels(True, bids), Levels(False, asks)
        self._last, self._fresh = last, True
        held, self._held = self._held, deque(maxlen=HELD)
        for change in held:
            self.update(change)
        return self.synced

    def update(self, change: Change) -> bool:
        """Take one change in; whether the book is in sync after it. False means that a snapshot is needed."""
        if self._last is None:
            self._held.append(change)
            return False
        if self._stale(change):
            return True
        if not self._follows(change):
            self._drop(change)
            return False
        for side, levels in ((self.bids, change.bids), (self.asks, change.asks)):
            for price, amount in levels:
                side.put(price, amount)
        self._last, self._fresh = change.last, False
        if self.crossed:
            self._drop(None)
            return False
        return True

    @property
    def crossed(self) -> bool:
        """Whether somebody bids what somebody asks, or more: no book of a market is."""
        bid, ask = self.bids.best, self.asks.best
        return bid is not None and ask is not None and bid >= ask

    def _stale(self, change: Change) -> bool:
        assert self._last is not None
        # A futures snapshot is joined by the change that holds its own id.
        return change.last < self._last if change.before is not None and self._fresh else change.last <= self._last

    def _follows(self, change: Change) -> bool:
        assert self._last is not None
        if change.before is None:
            return change.first <= self._last + 1
        return change.before == self._last or (self._fresh and change.first <= self._last)

    def _drop(self, change: Change | None) -> None:
        self.bids, self.asks = Levels(True), Levels(False)
        self._last = None
        self.resyncs += 1
        if change is not None:
            self._held.append(change)


def levels(rows: Iterable[Iterable[str]]) -> tuple[Level, ...]:
    """`[["price", "amount"], …]` as the exchange spells them."""
    return tuple((Decimal(price), Decimal(amount)) for price, amount in rows)
