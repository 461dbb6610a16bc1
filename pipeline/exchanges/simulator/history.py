"""The past of a simulated symbol: klines for years back, made on demand and always the same for a seed.

A tree: a day has open, high, low, close, volume and count from a seeded random walk; each window is split into the windows
of the next finer level so that they compose it exactly (first open, max high, min low, last close, summed volumes and
counts). Only what is asked for is ever made: 1000 klines of any level cost a few hundred splits.
Prices are floats inside the tree; one factor, then rounding to ticks, brings the last close to the live market's first
price. Rounding is monotone, so what composes in floats composes in ticks.
"""

from collections import OrderedDict
from collections.abc import Callable
from itertools import accumulate, pairwise
from math import exp, sqrt
from operator import itemgetter
from random import Random
from typing import Final, NamedTuple

DAY: Final = 86_400_000
#: Window lengths (ms) of the tree, coarsest first.
LEVELS: Final = (DAY, 14_400_000, 3_600_000, 900_000, 300_000, 60_000, 1_000)
_CHILDREN: Final = tuple(coarse // fine for coarse, fine in pairwise(LEVELS))
#: First day of the history: the day Binance opened.
ORIGIN: Final = 1_502_928_000_000
#: Splits kept. The 1000 klines of every level that a client asks for at start need about 1500.
_CACHE: Final = 8192
#: Below this many trades a child, single trades are laid out instead of whole children, so that a kline of one trade is a point.
_SPARSE: Final = 8
#: Walks drawn for a split, of which the one that is bent least is taken: a single one that barely leaves the body, stretched to a
#: far high, was an hour of flat minutes and one spike.
_WALKS: Final = 5


class Bar(NamedTuple):
    """OHLCV in ticks and lots; `buy` is the takers' bought part; `quote` and `buy_quote` are in ticks × lots."""

    open: int
    high: int
    low: int
    close: int
    volume: int
    trades: int
    quote: int
    buy: int
    buy_quote: int


class _Node(NamedTuple):
    open: float
    high: float
    low: float
    close: float
    volume: int
    trades: int
    buy: int


def combine(bars: list[Bar]) -> Bar:
    """The bar of a window made of the bars of its parts, in order (at least one). Parts without trades do not move it."""
    traded = [bar for bar in bars if bar.trades] or bars[-1:]
    if len(traded) == 1:
        return traded[0]
    opens, highs, lows, closes, *sums = zip(*traded, strict=True)
    volume, count, quote, buy, buy_quote = map(sum, sums)
    return Bar(opens[0], max(highs), min(lows), closes[-1], volume, count, quote, buy, buy_quote)


class History:
    """Everything before `end_ms` (a whole second). `end_price` (ticks) is where the live market begins."""

    def __init__(
        self, seed: int, name: str, daily_vol: float, trades_a_day: float, mean_lots: float, end_ms: int, end_price: int
    ) -> None:
        self.end_ms = end_ms
        self._seed = Random(f"history {seed} {name}").getrandbits(64)
        self._cache: OrderedDict[tuple[int, int], list[_Node]] = OrderedDict()
        self._days = self._walk(daily_vol, trades_a_day, mean_lots, (end_ms - 1) // DAY)
        last = self._node(len(LEVELS) - 1, (end_ms - 1) // LEVELS[-1])
        self._factor = end_price / last.close

    def _walk(self, daily_vol: float, trades_a_day: float, mean_lots: float, last_day: int) -> list[_Node]:
        rng = Random(self._seed)
        gauss = rng.gauss
        days = []
        level = heat = trend = 0.0
        for _ in range(ORIGIN // DAY, last_day + 1):
            # Volatility comes in spells of weeks, trends of months; a weak pull keeps years of it within sight.
            heat = 0.95 * heat + 0.12 * gauss(0, 1)
            trend = 0.985 * trend + 0.0006 * gauss(0, 1)
            sigma = daily_vol * exp(heat - 0.08)
            shock = gauss(0, 1) * (2.2 if rng.random() < 0.02 else 0.9)
            before = level
            level += trend + sigma * shock - 0.0015 * level
            top, bottom = (
                max(before, level) + abs(gauss(0, 0.45)) * sigma,
                min(before, level) - abs(gauss(0, 0.45)) * sigma,
            )
            count = max(24, round(trades_a_day * exp(0.6 * heat + gauss(0, 0.12) - 0.1)))
            volume = max(2 * count, round(count * mean_lots * exp(gauss(0, 0.08))))
            buy = round(volume * min(0.7, max(0.3, 0.5 + 0.03 * shock + gauss(0, 0.01))))
            days.append(_Node(exp(before), exp(top), exp(bottom), exp(level), volume, count, buy))
        return days

    def _node(self, level: int, index: int) -> _Node:
        if level == 0:
            return self._days[index - ORIGIN // DAY]
        parent, place = divmod(index, _CHILDREN[level - 1])
        key = (level - 1, parent)
        children = self._cache.get(key)
        if children is None:
            rng = Random(self._seed ^ (level << 56) ^ (parent * 0x9E3779B97F4A7C15))
            children = _split(self._node(level - 1, parent), _CHILDREN[level - 1], rng)
            self._cache[key] = children
            if len(self._cache) > _CACHE:
                self._cache.popitem(last=False)
        return children[place]

    def _bar(self, level: int, index: int) -> Bar:
        node, factor = self._node(level, index), self._factor
        start, high, low, close = (max(1, round(price * factor)) for price in node[:4])
        mean = (start + high + low + close) // 4
        return Bar(start, high, low, close, node.volume, node.trades, node.volume * mean, node.buy, node.buy * mean)

    def bar(self, start: int, end: int) -> Bar | None:
        """The bar of [start, end) in ms, whole seconds; cut at the ends of the history, None outside it."""
        start, end = max(start, ORIGIN), min(end, self.end_ms)
        bars = []
        while start < end:
            level, length = next((i, n) for i, n in enumerate(LEVELS) if start % n == 0 and start + n <= end)
            bars.append(self._bar(level, start // length))
            start += length
        return combine(bars) if bars else None


def _split(node: _Node, k: int, rng: Random) -> list[_Node]:
    """`node` as `k` windows that compose it."""
    if node.trades == 0:
        return [node] * k
    gauss = rng.gauss
    # Activity drifts from window to window: bursts of volatility and volume at every scale.
    heat = gauss(0, 0.2)
    heats = []
    for _ in range(k):
        heat = 0.8 * heat + gauss(0, 0.12)
        heats.append(exp(heat))
    if node.trades < _SPARSE * k:
        return _scatter(node, k, heats, rng)
    total = sum(heats)
    span = node.high - node.low
    steps = [sqrt(w / total) for w in heats]
    done = [0.0, *accumulate(w / total for w in heats)]
    fit, points, highs, lows = min(
        (_path(node, steps, done, gauss) for _ in range(_WALKS)), key=lambda path: path[0].strain
    )
    high_at, low_at = max(enumerate(highs), key=itemgetter(1))[0], min(enumerate(lows), key=itemgetter(1))[0]
    points, highs, lows = ([fit(y) for y in values] for values in (points, highs, lows))
    highs[high_at], lows[low_at] = node.high, node.low
    counts = [_SPARSE // 2 + n for n in _share(node.trades - k * (_SPARSE // 2), heats)]
    spare = _share(node.volume - node.trades, [w * exp(gauss(0, 0.3)) for w in heats])
    volumes = [n + more for n, more in zip(counts, spare, strict=True)]
    buys = _buys(node, volumes, [(b - a) / (span or 1) for a, b in pairwise(points)], rng)
    return list(map(_Node, points[:-1], highs, lows, points[1:], volumes, counts, buys))


def _path(
    node: _Node, steps: list[float], done: list[float], gauss: Callable[[float, float], float]
) -> tuple["_Fit", list[float], list[float], list[float]]:
    """A random way from the open to the close, not yet within the node's range: what brings it there, points, highs, lows."""
    span, move = node.high - node.low, node.close - node.open
    walk = [0.0, *accumulate(step * gauss(0, 1) for step in steps)]
    points = [node.open + move * d + 0.7 * span * (w - d * walk[-1]) for d, w in zip(done, walk, strict=True)]
    points[-1] = node.close
    pairs = list(zip(pairwise(points), steps, strict=True))
    highs = [max(pair) + abs(gauss(0, 0.3)) * span * step for pair, step in pairs]
    lows = [min(pair) - abs(gauss(0, 0.3)) * span * step for pair, step in pairs]
    return _Fit(node, max(highs), min(lows)), points, highs, lows


def _scatter(node: _Node, k: int, heats: list[float], rng: Random) -> list[_Node]:
    """The same for a window of few trades: each is laid out, and windows without one stay flat."""
    count, span = node.trades, node.high - node.low
    walk = [0.0, *accumulate(rng.gauss(0, 1) for _ in range(count - 1))]
    last, scale = max(1, count - 1), 0.7 * span / sqrt(max(1, count - 1))
    prices = [
        node.open + (node.close - node.open) * i / last + scale * (w - walk[-1] * i / last) for i, w in enumerate(walk)
    ]
    prices[0], prices[-1] = node.open, node.close
    fit = _Fit(node, max(prices), min(prices))
    prices = [fit(y) for y in prices]
    inner = range(1, count - 1)
    high_at = low_at = 0
    if node.high > max(node.open, node.close):
        high_at = max(inner, key=prices.__getitem__)
        prices[high_at] = node.high
    if node.low < min(node.open, node.close):
        low_at = min((i for i in inner if i != high_at), key=prices.__getitem__)
        prices[low_at] = node.low
    places = sorted(rng.choices(range(k), weights=heats, k=count))
    groups: list[list[float]] = [[] for _ in range(k)]
    weights = [0.0] * k
    for place, price in zip(places, prices, strict=True):
        groups[place].append(price)
        weights[place] += rng.expovariate(1)
    volumes = [len(group) + more for group, more in zip(groups, _share(node.volume - count, weights), strict=True)]
    buys = _buys(node, volumes, [0.0] * k, rng)
    children, close = [], node.open
    for group, volume, buy in zip(groups, volumes, buys, strict=True):
        group = group or [close]
        close = group[-1]
        children.append(_Node(group[0], max(group), min(group), close, volume, len(group) if volume else 0, buy))
    return children


class _Fit:
    """Maps a rough path monotonically into the node's range, so that its extremes land on the node's high and low."""

    def __init__(self, node: _Node, rough_high: float, rough_low: float) -> None:
        self.top, self.bottom = max(node.open, node.close), min(node.open, node.close)
        self.high, self.low = node.high, node.low
        self.up = (node.high - self.top) / (rough_high - self.top) if rough_high > self.top else 0.0
        self.down = (self.bottom - node.low) / (self.bottom - rough_low) if rough_low < self.bottom else 0.0
        #: How much the path is bent to fit, at least 1.
        self.strain = max(_strain(self.up), _strain(self.down))

    def __call__(self, y: float) -> float:
        if y > self.top:
            return min(self.high, self.top + (y - self.top) * self.up)
        if y < self.bottom:
            return max(self.low, self.bottom - (self.bottom - y) * self.down)
        return y


def _strain(stretch: float) -> float:
    return max(stretch, 1 / stretch) if stretch > 0 else 1.0


def _share(total: int, weights: list[float]) -> list[int]:
    """`total` in whole parts proportional to `weights`, none lost; a weight of zero gets nothing."""
    sums = [0.0, *accumulate(weights)]
    return [int(total * (b / sums[-1])) - int(total * (a / sums[-1])) for a, b in pairwise(sums)]


def _buys(node: _Node, volumes: list[int], moves: list[float], rng: Random) -> list[int]:
    """The bought part of each window: more where the price rose, and in sum the node's."""
    ratio = node.buy / node.volume
    buys = [
        min(v, max(0, round(v * (ratio + 0.5 * move + rng.gauss(0, 0.05)))))
        for v, move in zip(volumes, moves, strict=True)
    ]
    rest = node.buy - sum(buys)
    for i, volume in enumerate(volumes):
        change = max(-buys[i], min(rest, volume - buys[i]))
        buys[i] += change
        rest -= change
    return buys
