"""A market made of arithmetic, the same every time: for tests that need thousands of trades and know every one."""

from collections.abc import Sequence
from decimal import Decimal

from pipeline.model import Trade

#: They lie in different partitions of three.
SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "BNB/USDT")
#: 2024-08-09 00:00 UTC, the start of a window of every timeframe.
START = 1_723_161_600_000


def trades(count: int, step_ms: int = 5, first: int = 0, symbols: Sequence[str] = SYMBOLS) -> list[Trade]:
    """`count` trades from the `first`-th on, one each `step_ms` of exchange time, the symbols in turn; ids count up per symbol."""
    out = []
    for n in range(first, first + count):
        at, place = divmod(n, len(symbols))
        price = Decimal(6_000_000 + (at * 7919 + place * 13) % 4001).scaleb(-2)
        amount = Decimal(1 + (at * 104_729) % 99_991).scaleb(-5)
        side = "buy" if at % 3 else "sell"
        out.append(Trade("BINANCE", symbols[place], START + n * step_ms, price, amount, side, str(1_000_001 + at)))
    return out
