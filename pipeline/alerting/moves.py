"""The lowest and the highest price of the last while, by buckets; exact to one bucket."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from pipeline.alerting.rules import SPANS
from pipeline.timeframes import TIMEFRAMES

#: Span → (its length, the length of its buckets), ms.
LENGTHS: Final = {
    span: (TIMEFRAMES["1d" if span == "24h" else span], TIMEFRAMES[timeframe]) for span, timeframe in SPANS.items()
}

#: Start (ms), low, high.
Bucket = tuple[int, Decimal, Decimal]


class Range:
    """`low` and `high` of the span that ends with the newest price; the newest bucket's own are `bucket`."""

    def __init__(self, span: str, buckets: Iterable[Bucket] = ()) -> None:
        self._span, self._length = LENGTHS[span]
        self.buckets: list[Bucket] = list(buckets)
        self.low = self.high = Decimal(0)

    @property
    def bucket(self) -> Bucket:
        return self.buckets[-1]

    @property
    def until(self) -> int:
        """When the newest bucket ends."""
        return self.buckets[-1][0] + self._length

    def take(self, ts: int, price: Decimal) -> bool:
        """Whether low or high are others now. Never older than the newest bucket."""
        before = self.low, self.high
        start = ts - ts % self._length
        if not self.buckets or self.buckets[-1][0] < start:
            self.buckets = [one for one in self.buckets if one[0] > start - self._span]
            self.buckets.append((start, price, price))
        else:
            start, low, high = self.buckets[-1]
            self.buckets[-1] = (start, min(low, price), max(high, price))
        self.low = min(low for _, low, _ in self.buckets)
        self.high = max(high for _, _, high in self.buckets)
        return (self.low, self.high) != before
