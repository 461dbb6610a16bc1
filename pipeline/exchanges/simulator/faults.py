"""Faults on request: what is done to trade frames and REST answers. Budgets count down per symbol."""

from collections import deque
from collections.abc import Iterable, Sequence
from random import Random
from typing import Final

#: Trades held for shuffling go out after so long (us) even when the count is not reached: a thin market trades rarely.
_HOLD: Final = 1_000_000
#: What a broken frame may look like: cut off, not JSON, not an object, of no known kind.
GARBAGE: Final = (
    '{"e":"trade","E":17231612553',
    "\x00\x01\x02 not json",
    '["unexpected"]',
    '{"e":"trade","E":"soon","s":7,"t":null,"p":"NaN"}',
    "{}",
)


class Faults:
    def __init__(self, seed: int) -> None:
        self._rng = Random(f"faults {seed}")
        self._budgets: dict[tuple[str, str], int] = {}
        self._held: dict[str, list[int]] = {}
        self._deadlines: dict[str, int] = {}
        self.answers: deque[tuple[int, float]] = deque()  # (HTTP status, Retry-After in seconds)

    def plan_trades(self, kind: str, symbols: Iterable[str], count: int) -> None:
        """`duplicate`, `reorder` or `gap` the next `count` trades of each symbol."""
        for symbol in symbols:
            self._budgets[kind, symbol] = count

    def apply(self, symbol: str, first: int, end: int, now: int) -> Sequence[int]:
        """The ids to send, given that the trades `first` … `end` - 1 were made. `now` in us."""
        ids: Sequence[int] = range(first, end)
        if not self._budgets and symbol not in self._held:
            return ids
        if taken := self._take("gap", symbol, len(ids)):
            ids = ids[taken:]
        if taken := self._take("duplicate", symbol, len(ids)):
            ids = [i for i in ids[:taken] for _ in range(2)] + list(ids[taken:])
        if taken := self._take("reorder", symbol, len(ids)):
            held = self._held.setdefault(symbol, [])
            self._deadlines.setdefault(symbol, now + _HOLD)
            held += ids[:taken]
            ids = ids[taken:]
        if symbol in self._held and (("reorder", symbol) not in self._budgets or now >= self._deadlines[symbol]):
            self._budgets.pop(("reorder", symbol), None)
            del self._deadlines[symbol]
            held = self._held.pop(symbol)
            self._rng.shuffle(held)
            if len(held) > 1 and held == sorted(held):
                held.reverse()
            ids = [*held, *ids]
        return ids

    def _take(self, kind: str, symbol: str, available: int) -> int:
        left = self._budgets.get((kind, symbol), 0)
        taken = min(left, available)
        if left and taken == left:
            del self._budgets[kind, symbol]
        elif taken:
            self._budgets[kind, symbol] = left - taken
        return taken
