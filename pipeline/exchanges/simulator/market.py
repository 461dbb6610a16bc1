"""One simulated symbol: orders arrive, trade against a book, and the book's makers follow a wandering fair price.

Pure and seeded: the same seed and rate give the same trades however the time is cut into calls of `advance`.
Prices are ticks, amounts lots, times microseconds.

- Orders come in bursts (a mix of short and long waits) whose pace follows the volatility.
- Volatility is a slow random process (calm and rough spells) on top of the symbol's own level.
- Order signs are persistent, and lean towards the fair price.
- Each order takes from the best level, and from the next ones when it is large; makers move their quotes every `GRID`.
"""

from array import array
from math import ceil, exp, log, sqrt
from random import Random
from typing import Final

from pipeline.exchanges.simulator.specs import Spec

#: The makers' step (us): fine enough for a live-looking book, coarse enough to cost 1 % of a core for nine symbols.
GRID: Final = 20_000
#: Levels a side that makers keep up; a hundred serves every partial-depth stream five times over.
LEVELS: Final = 100
#: Trades kept per symbol, and how many more before the oldest are cut (cutting moves the whole array: 5 ms).
KEEP: Final = 2_000_000
_SLACK: Final = 250_000
#: Draws prepared in advance: an index costs 60 ns, a fresh log-normal 600.
_POOL: Final = 8192
#: An order takes at most so many levels; the rest of it is cancelled, as a limit order's would rest.
_SWEEP: Final = 6
#: Above this rate (trades/s over all symbols) bursts are flattened, so that "100 000 trades/s" is not 200 000 for a minute.
_STEADY: Final = 5_000.0


class Tape:
    """Every trade of a symbol, the newest `KEEP`, as columns. Position i is the trade `first_id + i`."""

    def __init__(self, first_id: int) -> None:
        self.first_id = first_id
        self.times = array("q")
        self.prices = array("q")
        self.lots = array("q")
        self.buys = array("b")
        self.orders = array("q")  # number of the aggregate (one taker order at one price)

    @property
    def end_id(self) -> int:
        """The id after the last."""
        return self.first_id + len(self.times)

    def trim(self) -> None:
        if len(self.times) > KEEP + _SLACK:
            cut = len(self.times) - KEEP
            for column in (self.times, self.prices, self.lots, self.buys, self.orders):
                del column[:cut]
            self.first_id += cut


class Market:
    """`epoch` is the exchange time (us) of the market's time 0; it grows when the market is paused."""

    def __init__(self, spec: Spec, seed: int, rate: float, total_rate: float, epoch: int, first_id: int) -> None:
        self.spec = spec
        self.name = spec.name
        self.epoch = epoch
        self.tape = Tape(first_id)
        rng = Random(f"market {seed} {spec.name}")
        self._random, self._gauss = rng.random, rng.gauss
        self._sizes = _sizes(spec, rng)
        self.mean_lots = sum(lots for lots, _ in self._sizes) / _POOL
        self._waits = _waits(rng)
        self._level_sizes = [max(1.0, self.mean_lots * 5 * rng.lognormvariate(-0.5, 1.0)) for _ in range(_POOL)]
        self.fair = round(spec.price * rng.uniform(0.97, 1.03) * 10**spec.tick_digits) + 0.5
        #: Where it begins; the history ends here.
        self.first_price = int(self.fair)
        self._gap = max(1.0, self.fair * 0.8e-5)
        #: How far (ticks) from the touch makers quote; levels lie a gap apart in the mean.
        self._reach = int(self._gap * LEVELS * 1.5)
        self._sigma = spec.daily_vol / sqrt(86_400e6 / GRID)
        self._heat = self._drift = 0.0
        self.bids: list[int] = []  # best last
        self.asks: list[int] = []  # best last
        self.bid_lots: dict[int, int] = {}
        self.ask_lots: dict[int, int] = {}
        self.update_id = first_id * 2
        self._buy = True
        self._grid = 0.0
        self._now = 0.0
        self._order = first_id
        self.set_rate(rate, total_rate)
        self._makers()
        self._next = self._wait * self._waits[int(self._random() * _POOL)]

    def set_rate(self, rate: float, total_rate: float) -> None:
        """Trades a second from now on; the order that is already on its way comes in proportion."""
        old = getattr(self, "rate", rate)
        self.rate = rate
        self._swing = min(1.0, _STEADY / total_rate)
        # Deep enough for what comes between two steps of the makers, so that the rate does not make the volatility.
        self._depth = max(1.0, rate * GRID / 1e6 / 2)
        self._wait = 1e6 / rate
        if old != rate:
            self._next = self._now + (self._next - self._now) * old / rate

    @property
    def next_event(self) -> float:
        """Market time (us) of what comes next."""
        return min(self._next, self._grid)

    def advance(self, until: float) -> None:
        """Let everything up to market time `until` (us) happen; trades go to the tape."""
        while True:
            self._trade(min(until, self._grid))
            if self._grid > until:
                break
            self._makers()
            self._grid += GRID
        self._now = max(self._now, until)
        self.tape.trim()

    def _trade(self, limit: float) -> None:
        t = self._next
        if t > limit:
            return
        random, sizes, waits, wait, epoch = self._random, self._sizes, self._waits, self._wait, self.epoch
        tape = self.tape
        add_time, add_price, add_lots = tape.times.append, tape.prices.append, tape.lots.append
        add_buy, add_order = tape.buys.append, tape.orders.append
        asks, bids, ask_lots, bid_lots = self.asks, self.bids, self.ask_lots, self.bid_lots
        buy, order, stay, turn = self._buy, self._order, self._stay_buy, self._turn_buy
        orders = 0
        while t <= limit:
            buy = random() < (stay if buy else turn)
            lots, part = sizes[int(random() * _POOL)]
            prices, resting = (asks, ask_lots) if buy else (bids, bid_lots)
            price = prices[-1]
            there = resting[price]
            time = epoch + int(t)
            orders += 1
            if lots < there:
                resting[price] = there - lots
                if part:  # two makers at the same price: two trades, one aggregate
                    add_time(time), add_price(price), add_lots(part), add_buy(buy), add_order(order)
                    add_time(time), add_price(price), add_lots(lots - part), add_buy(buy), add_order(order)
                    fills = 2
                else:
                    add_time(time), add_price(price), add_lots(lots), add_buy(buy), add_order(order)
                    fills = 1
                order += 1
            else:
                fills = 0
                while lots and fills < _SWEEP:
                    price = prices[-1]
                    there = resting[price]
                    taken = min(lots, there)
                    if taken == there:
                        prices.pop()
                        del resting[price]
                        if len(prices) < LEVELS // 4:
                            self._deepen()
                    else:
                        resting[price] = there - taken
                    lots -= taken
                    add_time(time), add_price(price), add_lots(taken), add_buy(buy), add_order(order)
                    order += 1
                    fills += 1
            # The wait grows with the fills, so that the rate is one of trades, not of orders.
            t += fills * wait * waits[int(random() * _POOL)]
        self._next, self._buy, self._order = t, buy, order
        self.update_id += orders

    def _makers(self) -> None:
        """One step of volatility, fair price and quotes."""
        gauss, random = self._gauss, self._random
        # Spells of about a minute on top of drifts of about ten seconds.
        self._heat += -self._heat * 0.0003 + 0.014 * gauss(0, 1)
        self._drift += -self._drift * 0.002 + 0.0012 * gauss(0, 1)
        heat = max(-1.2, min(1.2, self._heat))
        step = self._sigma * exp(heat - 0.4) * (gauss(0, 1) + self._drift)
        self.fair = fair = max(self._gap * LEVELS * 5, self.fair * (1 + step))
        # The variance of `heat` is about a third: 0.4 above and 0.06 below keep a day's volatility and trades at their level.
        pace = exp(self._swing * 0.6 * heat - 0.06 * self._swing**2)
        self._wait = 1e6 / (self.rate * pace)
        bids, asks = self.bids, self.asks
        bid = int(fair - 0.25 - 0.5 * random())
        ask = max(bid + 1, ceil(fair + 0.25 + 0.5 * random() * exp(heat)))
        # What the fair price has run over is cancelled, then the touch is quoted anew.
        while bids and bids[-1] >= ask:
            del self.bid_lots[bids.pop()]
        while asks and asks[-1] <= bid:
            del self.ask_lots[asks.pop()]
        if not bids or bids[-1] < bid:
            bids.append(bid)
            self.bid_lots[bid] = self._resting(1)
        if not asks or asks[-1] > ask:
            asks.append(ask)
            self.ask_lots[ask] = self._resting(1)
        for prices, lots in ((bids, self.bid_lots), (asks, self.ask_lots)):
            # Takers eat a book at its touch, and it grows at its far end: it would move away from the price, and below nothing.
            if abs(prices[-1] - prices[0]) > self._reach:
                for price in prices[:-1]:
                    del lots[price]
                del prices[:-1]
        self._deepen()
        for prices, lots in ((bids, self.bid_lots), (asks, self.ask_lots)):
            place = int(random() ** 2 * 40) + 1
            lots[prices[-place]] = self._resting(place)
        mid = (bids[-1] + asks[-1]) / 2
        lean = max(-0.2, min(0.2, (fair - mid) / (self._gap + 1) * 0.1 + self._drift))
        self._stay_buy, self._turn_buy = 0.62 + lean, 0.38 + lean
        self.update_id += 2

    def _deepen(self) -> None:
        for prices, lots, step in ((self.bids, self.bid_lots, -1), (self.asks, self.ask_lots, 1)):
            for price in prices[: -2 * LEVELS]:  # left behind by the market
                del lots[price]
            del prices[: -2 * LEVELS]
            if len(prices) < LEVELS:
                # Levels on the side of the book that nobody watches, in one go, deepest first.
                price, more = prices[0], []
                for place in range(len(prices), LEVELS + LEVELS // 4):
                    price += step * (1 + int(self._random() * (2 * self._gap - 1)))
                    more.append(price)
                    lots[price] = self._resting(place)
                prices[:0] = reversed(more)

    def _resting(self, place: int) -> int:
        """Lots at the `place`-th level: more behind the touch."""
        return 1 + int(self._level_sizes[int(self._random() * _POOL)] * self._depth * (0.6 + 0.05 * place))

    def inject(self, time: int, price: int | None, lots: int | None, buy: bool) -> int:
        """One trade at exchange time `time` (us), the book moved to `price` if need be; answers its id."""
        prices, resting = (self.asks, self.ask_lots) if buy else (self.bids, self.bid_lots)
        if price is not None and price != prices[-1]:
            self.fair = price - 0.5 if buy else price + 0.5
            self.bids[:], self.asks[:] = [price - buy], [price + 1 - buy]
            self.bid_lots.clear()
            self.ask_lots.clear()
            self.bid_lots[self.bids[0]] = self.ask_lots[self.asks[0]] = self._resting(1)
            self._deepen()
        price = prices[-1]
        lots = max(1, round(self.mean_lots)) if lots is None else lots
        # Makers behind the touch hold at least one lot more than is taken.
        resting[price] = max(resting[price] - lots, 1)
        tape = self.tape
        tape.times.append(time if not tape.times else max(time, tape.times[-1]))
        tape.prices.append(price)
        tape.lots.append(lots)
        tape.buys.append(buy)
        tape.orders.append(self._order)
        self._order += 1
        self.update_id += 1
        return tape.end_id - 1


def _sizes(spec: Spec, rng: Random) -> list[tuple[int, int]]:
    """Order sizes in lots, log-normal, a good part of them round; each with the part a first maker fills (0: one maker)."""
    unit = spec.size / spec.price * 10**spec.lot_digits
    sizes = []
    for _ in range(_POOL):
        lots = max(1, round(unit * rng.lognormvariate(0, 1.35)))
        kind = rng.random()
        if kind < 0.45 and lots > 10:  # people trade 0.05 and 1500, programs 0.04817
            digits = len(str(lots)) - (1 if kind < 0.25 else 2)
            lots = max(1, round(lots, -digits)) if digits > 0 else lots
        part = 1 + int(rng.random() * (lots - 1)) if lots > 1 and rng.random() < 0.15 else 0
        sizes.append((lots, part))
    return sizes


def _waits(rng: Random) -> list[float]:
    """Waits between orders, mean exactly 1: two of three follow the one before at once, the third after a pause."""
    waits = [-log(1 - rng.random()) * (0.12 if rng.random() < 0.65 else 2.6) for _ in range(_POOL)]
    mean = sum(waits) / _POOL
    return [wait / mean for wait in waits]
