"""What changed in an order book between two looks at it."""

from typing import NamedTuple

from pipeline.exchanges.simulator.market import Market

Level = tuple[int, int]  # ticks, lots


class Change(NamedTuple):
    """Update ids `first` … `last`; 0 lots for a level that is gone."""

    first: int
    last: int
    bids: list[Level]
    asks: list[Level]


class Depth:
    """The diff-depth stream of a symbol: what changed in the book since the last look.

    REST snapshots are the book as of the last look, so that a client can always join the two by Binance's rule.
    """

    def __init__(self, market: Market) -> None:
        self._market = market
        self.watched = False  # somebody hears each look: then only the stream looks
        self.update_id = market.update_id
        self.bids = dict(market.bid_lots)
        self.asks = dict(market.ask_lots)

    def look(self) -> Change | None:
        """None if nothing changed."""
        market = self._market
        if market.update_id == self.update_id:
            return None
        first, self.update_id = self.update_id + 1, market.update_id
        bids, asks = dict(market.bid_lots), dict(market.ask_lots)
        change = Change(first, self.update_id, _changes(self.bids, bids, True), _changes(self.asks, asks, False))
        self.bids, self.asks = bids, asks
        return change


def _changes(before: dict[int, int], after: dict[int, int], falling: bool) -> list[Level]:
    changed = [(price, 0) for price in before.keys() - after.keys()]
    changed += after.items() - before.items()
    return sorted(changed, reverse=falling)
