"""Which symbols to follow, of all that an exchange lists. Pure."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from pipeline.exchanges.base import Listing

#: A symbol that is followed already counts for so much more: two that trade places each hour would drag everything about.
_STAYS: Final = Decimal("1.1")


class Wanted(NamedTuple):
    """`quotes`: what may be paid in, the first also the money of `min_volume` (24 h); none: only the pinned symbols."""

    quotes: Sequence[str]
    min_volume: Decimal
    most: int


class Universe(NamedTuple):
    """`symbols` to follow, in order; of these `halted` are listed and do not trade now. `gone`: pinned ones that are not listed."""

    symbols: tuple[str, ...]
    halted: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


def choose(
    listings: Sequence[Listing], pinned: Sequence[str], wanted: Wanted, followed: Sequence[str] = ()
) -> Universe:
    """The pinned symbols first, as they are ordered; then those of most volume. A halt takes out nothing that is `followed`: it ends."""
    by_symbol = {one.symbol: one for one in listings}
    symbols = [symbol for symbol in pinned if symbol in by_symbol]
    room = max(0, wanted.most - len(symbols))
    money = volumes(listings, wanted.quotes[0]) if wanted.quotes else {}
    candidates = []
    for one in listings:
        known = one.symbol in followed
        volume = money.get(one.symbol)
        if one.symbol in symbols or one.quote not in wanted.quotes or volume is None or not (one.trading or known):
            continue
        weight = volume * _STAYS if known else volume
        if weight >= wanted.min_volume:
            candidates.append((-weight, one.symbol))
    symbols += [symbol for _, symbol in sorted(candidates)[:room]]
    return Universe(
        tuple(symbols),
        tuple(symbol for symbol in symbols if not by_symbol[symbol].trading),
        tuple(symbol for symbol in pinned if symbol not in by_symbol),
    )


def volumes(listings: Sequence[Listing], money: str) -> Mapping[str, Decimal]:
    """Symbol → its volume of 24 h in `money`; without those whose quote has no price in it."""
    prices = {money: Decimal(1)}
    for one in listings:
        if one.last and one.quote == money:
            prices[one.base] = one.last
    for one in listings:
        if one.last and one.base == money:
            prices.setdefault(one.quote, 1 / one.last)
    return {one.symbol: one.volume * prices[one.quote] for one in listings if one.quote in prices}
