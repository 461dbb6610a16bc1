"""Exchanges behind one seam (`base.py`). Add one: copy `_template.py`, and name it in MEMBERS (docs/add-an-exchange.md)."""

from collections.abc import Callable
from typing import Final, NamedTuple

from pipeline.exchanges.base import Exchange
from pipeline.exchanges.weights import Weights
from pipeline.settings import Settings

REPLAY = "replay:"


class Member(NamedTuple):
    """`open` imports the member's module: only the exchange that is followed costs the start."""

    title: str
    open: Callable[[Settings, Weights | None], Exchange]


def _binance(settings: Settings, weights: Weights | None) -> Exchange:
    from pipeline.exchanges.binance import Binance

    source = "simulator" if settings.exchange == "simulator" else "binance"
    return Binance(settings.binance_ws_url, settings.binance_rest_url, source, weights=weights)


def _coinbase(settings: Settings, _: Weights | None) -> Exchange:
    from pipeline.exchanges.coinbase import Coinbase

    return Coinbase(settings.coinbase_ws_url, settings.coinbase_rest_url)


#: What the setting `exchange` may be, beside `auto`, recordings and the names that ccxt knows.
MEMBERS: Final = {
    "binance": Member("Binance spot", _binance),
    "coinbase": Member("Coinbase", _coinbase),
    "simulator": Member("Simulated market", _binance),
}
#: Name → title of what `open_exchange` opens.
KNOWN: Final = {name: member.title for name, member in MEMBERS.items()} | {"replay": "Recordings"}


def label_of(exchange: str) -> str:
    """The name on the wire of what the setting `exchange` names. Raises SetupError for a recording that cannot be read."""
    if exchange.startswith(REPLAY):
        from pipeline.exchanges.replay import recorded_at

        return recorded_at(exchange.removeprefix(REPLAY).split(",")[0])
    return "BINANCE" if exchange in ("simulator", "auto") else exchange.upper()


def check(exchange: str) -> None:
    """Raises SetupError for a name that no member answers to."""
    if exchange.startswith(REPLAY) or exchange == "auto" or exchange in MEMBERS:
        return
    from pipeline.exchanges import ccxt

    ccxt.check(exchange)


def open_exchange(settings: Settings, weights: Weights | None = None) -> Exchange:
    """The exchange that `settings.exchange` names. Nothing is connected yet. Raises SetupError.

    Its REST calls are counted in `weights`, where the exchange counts them.

    `simulator` is Binance's client pointed at the simulator by the base URLs; `auto` has been decided by whoever starts the
    workers, and alone means Binance.
    """
    name = settings.exchange
    if name.startswith(REPLAY):
        from pipeline.exchanges.replay import Replay

        return Replay([path for path in name.removeprefix(REPLAY).split(",") if path], settings.replay_speed)
    if member := MEMBERS.get("binance" if name == "auto" else name):
        return member.open(settings, weights)
    from pipeline.exchanges.ccxt import Ccxt

    return Ccxt(name)
