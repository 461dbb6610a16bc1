"""The price levels of an order book: set one, read the best. A full book has tens of thousands, of which twenty are shown."""

from bisect import bisect_left, insort
from collections.abc import Iterable
from decimal import Decimal

Level = tuple[Decimal, Decimal]


class Levels:
    """One side. Prices stand in a sorted list: setting a level is a search and a shift of pointers, the best twenty are a slice."""

    def __init__(self, descending: bool, levels: Iterable[Level] = ()) -> None:
        """`descending`: the highest price is the best, as among bids."""
        self._descending = descending
        self._amounts = {price: amount for price, amount in levels if amount}
        self._prices = sorted(self._amounts)

    def __len__(self) -> int:
        return len(self._prices)

    def put(self, price: Decimal, amount: Decimal) -> None:
        """`amount` is all there is at `price` now; 0 takes the level away."""
        if amount:
            if price not in self._amounts:
                insort(self._prices, price)
            self._amounts[price] = amount
        elif self._amounts.pop(price, None) is not None:
            del self._prices[bisect_left(self._prices, price)]

    @property
    def best(self) -> Decimal | None:
        if not self._prices:
            return None
        return self._prices[-1 if self._descending else 0]

    def top(self, count: int) -> tuple[Level, ...]:
        """The best `count`, best first."""
        prices = self._prices[: -count - 1 : -1] if self._descending else self._prices[:count]
        return tuple((price, self._amounts[price]) for price in prices)
