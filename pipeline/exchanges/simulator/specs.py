"""What each simulated symbol is: price level, steps, share of the trading, and how its numbers are printed."""

from dataclasses import dataclass
from random import Random
from typing import Final

from pipeline.errors import SetupError
from pipeline.symbols import parse_symbol, plain

#: Printed numbers kept per symbol: prices and sizes repeat, and a look-up costs a sixth of formatting. Emptied when full.
_TEXTS: Final = 100_000


class Texts(dict[int, str]):
    """Steps (ticks or lots) → the decimal string that Binance prints: always 8 decimals."""

    def __init__(self, digits: int) -> None:
        super().__init__()
        self._unit = 10**digits
        self._digits = digits
        self._zeros = "0" * (8 - digits)

    def __missing__(self, steps: int) -> str:
        whole, rest = divmod(steps, self._unit)
        text = f"{whole}.{rest:0{self._digits}d}{self._zeros}" if self._digits else f"{whole}.{self._zeros}"
        if len(self) >= _TEXTS:
            self.clear()
        self[steps] = text
        return text


@dataclass(frozen=True)
class Spec:
    """`tick_digits` + `lot_digits` ≤ 8, so that price × amount prints exactly in Binance's 8 decimals."""

    base: str
    quote: str
    price: float  # about where it trades, in quote
    tick_digits: int
    lot_digits: int
    share: float  # of all trades, before normalising over the symbols that are served
    size: float  # median order, in quote
    daily_vol: float  # standard deviation of a day's log return

    @property
    def name(self) -> str:
        return self.base + self.quote


_KNOWN: Final = {
    spec.name: spec
    for spec in (
        Spec("BTC", "USDT", 67_000, 2, 5, 0.30, 220, 0.026),
        Spec("ETH", "USDT", 3_400, 2, 4, 0.24, 180, 0.033),
        Spec("SOL", "USDT", 165, 2, 3, 0.14, 120, 0.042),
        Spec("BNB", "USDT", 590, 2, 3, 0.08, 110, 0.028),
        Spec("XRP", "USDT", 2.2, 4, 1, 0.10, 90, 0.038),
        Spec("ADA", "USDT", 0.75, 4, 1, 0.04, 70, 0.041),
        Spec("DOGE", "USDT", 0.21, 5, 0, 0.07, 80, 0.045),
        Spec("LTC", "USDT", 92, 2, 3, 0.03, 75, 0.034),
        # The thin one: minutes may pass without a trade at everyday rates.
        Spec("ZEC", "BTC", 0.0061, 6, 2, 0.0015, 0.004, 0.048),
    )
}


def spec_of(symbol: str) -> Spec:
    """The spec of `BTC/USDT` or `BTCUSDT`; a symbol not in the table gets a made-up but fixed one. Raises SetupError."""
    parsed = parse_symbol(symbol)
    if parsed is None:
        raise SetupError(f"'{symbol}' is not a symbol the simulator can serve; write it like BTC/USDT")
    known = _KNOWN.get(plain(parsed))
    if known is not None:
        return known
    base, quote = parsed.split("/")
    rng = Random(f"spec {parsed}")
    magnitude = rng.randint(-1, 2)
    # Four or five significant digits, as exchanges choose their ticks.
    tick_digits = 3 - magnitude
    return Spec(base, quote, 10.0**magnitude * rng.uniform(1, 9), tick_digits, magnitude + 1, 0.02, 80, 0.04)
