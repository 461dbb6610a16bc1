"""The trades of one symbol against the alerts on its price.

Nearly every trade touches nothing: the nearest levels below and above the last price are known, and a price between them needs two
comparisons, however many rules there are (docs/decisions.md).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from pipeline.alerting.moves import Bucket, Range
from pipeline.alerting.rules import Rule, crossed
from pipeline.model import Trade

_NEVER: Final = 2**62
_LOWEST, _HIGHEST = Decimal(-1), Decimal("Infinity")
_HUNDREDTH: Final = Decimal("0.01")
_SHOWN: Final = Decimal("0.0001")


class Saved(msgspec.Struct, frozen=True):
    """What a market remembers: the last trade, the ranges that changes are measured by, and of each alert on a change (id → revision,
    whether it was met)."""

    exchange: str
    symbol: str
    ts: int = 0
    trade_id: str = ""
    price: Decimal | None = None
    ranges: dict[str, list[Bucket]] = {}
    met: dict[int, tuple[int, bool]] = {}


class Hit(NamedTuple):
    """A rule that a trade met, and the value that did it: the price, or the change in per cent."""

    rule: Rule
    trade: Trade
    value: Decimal


class Market:
    """Trades come in the order of the exchange; one that is not newer than the last (time, then id) is passed over."""

    def __init__(self, saved: Saved) -> None:
        self.exchange, self.symbol = saved.exchange, saved.symbol
        self._ts, self._id, self._price = saved.ts, saved.trade_id, saved.price
        self._ranges = {span: Range(span, buckets) for span, buckets in saved.ranges.items()}
        self._met = dict(saved.met)
        self._levels: list[Decimal] = []
        self._crossings: dict[Decimal, list[Rule]] = {}
        self._changes: list[Rule] = []
        # Between the two, and before `_until`, a price changes nothing. Empty until a price was looked at.
        self._low, self._high, self._until = _HIGHEST, _LOWEST, 0
        # Between these, while the ranges stay as they are, no alert on a change is met or left.
        self._least, self._most = _HIGHEST, _LOWEST

    def save(self) -> Saved:
        ranges = {span: list(one.buckets) for span, one in self._ranges.items()}
        return Saved(self.exchange, self.symbol, self._ts, self._id, self._price, ranges, dict(self._met))

    def know(self, rules: Iterable[Rule], past: Callable[[str], list[Bucket]]) -> None:
        """The rules that hold from the next trade on. `past(span)` gives what was before a span was first asked for."""
        self._crossings, self._changes = {}, []
        for rule in rules:
            if rule.kind == "price":
                self._crossings.setdefault(rule.value, []).append(rule)
            else:
                self._changes.append(rule)
        self._levels = sorted(self._crossings)
        spans = {rule.span for rule in self._changes if rule.span is not None}
        # What a span does not know yet is fetched; a range that nobody asks for is not kept up, and so forgotten.
        self._ranges = {span: self._ranges.get(span) or Range(span, past(span)) for span in spans}
        self._met = {rule.id: self._met[rule.id] for rule in self._changes if rule.id in self._met}
        self._low, self._high = self._least, self._most = _HIGHEST, _LOWEST

    def take(self, trades: Sequence[Trade]) -> list[Hit]:
        hits: list[Hit] = []
        last, quiet = self._ts, None
        for trade in trades:
            ts, price = trade.ts, trade.price
            if ts <= last and not self._newer(trade, quiet):
                continue
            last = ts
            if self._low < price < self._high and ts < self._until:
                quiet = trade
                continue
            if quiet is not None:
                # The price before this one.
                self._price = quiet.price
            hits += self._move(trade)
            self._ts, self._id, self._price = ts, trade.trade_id, price
            quiet = None
        if quiet is not None:
            self._ts, self._id, self._price = quiet.ts, quiet.trade_id, quiet.price
        return hits

    def _newer(self, trade: Trade, last: Trade | None) -> bool:
        ts, known = (self._ts, self._id) if last is None else (last.ts, last.trade_id)
        # Ids count up where they are numbers; a longer one is later.
        return (trade.ts, len(trade.trade_id), trade.trade_id) > (ts, len(known), known)

    def _move(self, trade: Trade) -> Iterator[Hit]:
        before, price = self._price, trade.price
        if before is not None:
            for level in self._between(before, price):
                for rule in self._crossings[level]:
                    if crossed(rule.direction, before, price, level):
                        yield Hit(rule, trade, price)
        stirred = [one.take(trade.ts, price) for one in self._ranges.values()]
        if any(stirred) or not self._least < price < self._most:
            for rule in self._changes:
                if (change := self._changed(rule, price)) is not None:
                    yield Hit(rule, trade, change)
            self._least, self._most = self._next_changes(price)
        self._look_round(price)

    def _between(self, before: Decimal, price: Decimal) -> list[Decimal]:
        if before < price:
            return self._levels[bisect_right(self._levels, before) : bisect_right(self._levels, price)]
        return self._levels[bisect_left(self._levels, price) : bisect_left(self._levels, before)]

    def _changed(self, rule: Rule, price: Decimal) -> Decimal | None:
        """The change in per cent when the rule is met and was not before. One that is met when it is made waits until it is not."""
        one = self._ranges[rule.span or ""]
        rise, fall = _thresholds(rule, one)
        met = (rise is not None and price >= rise) or (fall is not None and price <= fall)
        revision, before = self._met.get(rule.id, (0, False))
        self._met[rule.id] = (rule.revision, met)
        if not met or before or revision != rule.revision:
            return None
        base = one.low if rise is not None and price >= rise else one.high
        return ((price / base - 1) * 100).quantize(_SHOWN)

    def _look_round(self, price: Decimal) -> None:
        """How far the price may go until something can happen."""
        # A level that the price is at bounds it: who leaves it upwards may cross it downwards next.
        place = bisect_right(self._levels, price)
        low = max(self._least, self._levels[place - 1] if place else _LOWEST)
        high = min(self._most, self._levels[place] if place < len(self._levels) else _HIGHEST)
        until = _NEVER
        for one in self._ranges.values():
            # Beyond its newest bucket's own range a price makes the bucket wider.
            _, least, most = one.bucket
            low, high, until = max(low, least), min(high, most), min(until, one.until)
        self._low, self._high, self._until = low, high, until

    def _next_changes(self, price: Decimal) -> tuple[Decimal, Decimal]:
        """The nearest prices at which an alert on a change is met or left, as the ranges are now."""
        low, high = _LOWEST, _HIGHEST
        for rule in self._changes:
            for threshold in _thresholds(rule, self._ranges[rule.span or ""]):
                if threshold is not None:
                    low, high = (max(low, threshold), high) if threshold <= price else (low, min(high, threshold))
        return low, high


def _thresholds(rule: Rule, one: Range) -> tuple[Decimal | None, Decimal | None]:
    """The prices from which on a rise, and a fall, is as large as the rule says."""
    rise = one.low * (100 + rule.value) * _HUNDREDTH if rule.direction != "below" else None
    fall = one.high * (100 - rule.value) * _HUNDREDTH if rule.direction != "above" else None
    return rise, fall
