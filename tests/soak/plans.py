"""What the clients of a soak are there for."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

#: Kinds of clients, in per cent; the rest watches candles that are forming.
SHARES: Final = {
    "all trades": 1,
    "all trades, batched": 1,
    "slow": 2,
    "closed candles and tickers of all": 3,
    "news": 5,
    "comes back": 5,
    "trades": 25,
    "trades, batched": 13,
}
FORMING: Final = "forming candles"
#: Clients of the kind `trades` that look at times.
TIMED: Final = 5


class Plan(NamedTuple):
    kind: str
    asks: tuple[dict[str, Any], ...]
    batched: bool = False
    timed: bool = False

    @property
    def raw(self) -> bool:
        """Whether its messages need not be parsed."""
        return "trades" in self.kind and not self.timed


def plans(count: int, symbols: Sequence[str]) -> list[Plan]:
    """What each of `count` clients does: at least one of every kind. `symbols`: the busiest first."""
    made: list[Plan] = []
    for kind, share in SHARES.items():
        for n in range(max(1, round(count * share / 100))):
            made.append(_plan(kind, n, symbols))
    rest = [Plan(FORMING, (_ask("candle", symbols[n % len(symbols)], forming=True),)) for n in range(count - len(made))]
    return made + rest


def _plan(kind: str, n: int, symbols: Sequence[str]) -> Plan:
    batched = kind.endswith("batched")
    if kind == "news":
        return Plan(kind, (_ask("news", "*"),))
    if kind.startswith("closed"):
        return Plan(kind, (_ask("candle", "*"), _ask("ticker", "*")))
    if kind in ("slow", "all trades", "all trades, batched"):
        return Plan(kind, (_ask("trade", "*"),), batched)
    if kind == "comes back":
        # Of the quieter ones: what they miss must not be more than the history holds.
        return Plan(kind, (_ask("trade", symbols[-1 - n % len(symbols)]),))
    return Plan(kind, (_ask("trade", symbols[n % len(symbols)]),), batched, kind == "trades" and n < TIMED)


def _ask(type_: str, symbol: str, **more: Any) -> dict[str, Any]:
    return {"action": "subscribe", "type": type_, "symbol": symbol} | more
