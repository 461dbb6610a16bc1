"""What a trade costs the alerts worker: with a thousand levels on its symbol, beside reading its message."""

import random
import time
from collections.abc import Callable, Iterator
from decimal import Decimal

from pipeline.alerting.market import Market, Saved
from pipeline.alerting.rules import Rule
from pipeline.model import Trade
from pipeline.wire import read_trades, trade_record
from tests.bench.figure import Figure

TRADES, BATCH, RULES, ROUNDS = 100_000, 5_000, 1_000, 5
START, PRICE = 1_723_161_600_000, 60_000


def measure() -> Iterator[Figure]:
    chance = random.Random(1)
    cents, trades = PRICE * 100, []
    for n in range(TRADES):
        cents += chance.randint(-30, 30)
        trades.append(Trade("BINANCE", "BTC/USDT", START + n * 5, Decimal(cents).scaleb(-2), Decimal(1), "buy", str(n)))
    values = [trade_record(trade).value for trade in trades]
    reading = _us(lambda begin: read_trades(values[begin : begin + BATCH]))
    far = [_price(_level(chance, 0.01, 0.5)) for _ in range(RULES)]
    near = [_price(_level(chance, 0, 0.02)) for _ in range(RULES)]
    changes = [_change(chance.choice(["5m", "1h", "24h"])) for _ in range(100)]
    for what, rules in {
        "no rule": [], "1000 levels, none reached": far, "1000 levels within 2 %": near, "100 changes": changes,
    }.items():  # fmt: skip
        yield Figure(f"alerts, CPU of a trade: {what}", _fed(rules, trades), "us", "reading its message", reading)


def _level(chance: random.Random, least: float, most: float) -> Decimal:
    return Decimal(PRICE * (1 + chance.choice((-1, 1)) * chance.uniform(least, most))).quantize(Decimal("0.01"))


def _price(level: Decimal) -> Rule:
    return Rule(id=0, revision=1, user_id=None, symbol="BTC/USDT", kind="price", direction="cross", value=level)


def _change(span: str) -> Rule:
    return Rule(
        id=0, revision=1, user_id=None, symbol="BTC/USDT", kind="change", direction="cross", value=Decimal(5), span=span
    )


def _fed(rules: list[Rule], trades: list[Trade]) -> float:
    markets = []

    def feed(begin: int) -> None:
        if begin == 0:
            markets.append(Market(Saved("BINANCE", "BTC/USDT")))
            markets[-1].know(rules, lambda span: [])
        markets[-1].take(trades[begin : begin + BATCH])

    return _us(feed)


def _us(work: Callable[[int], object]) -> float:
    """Of CPU a trade, the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        begin = time.process_time()
        for first in range(0, TRADES, BATCH):
            work(first)
        best = min(best, time.process_time() - begin)
    return best / TRADES * 1e6
