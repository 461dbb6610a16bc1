"""What the simulator says, as Binance's JSON text and as WebSocket frames.

Text is made by format string and frames are kept as latin-1 text until the one write: 100 000 trades a second leave 10 us
for everything, and this costs 0.8 us a trade.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from pipeline.exchanges.simulator.bars import INTERVALS, Bars
from pipeline.exchanges.simulator.depth import Change, Level
from pipeline.exchanges.simulator.history import Bar
from pipeline.exchanges.simulator.market import Market
from pipeline.exchanges.simulator.specs import Texts

_TEXT: Final = 0x81  # final fragment, text
_BOOL: Final = ("false", "true")


def _header(length: int) -> str:
    if length < 126:
        return chr(_TEXT) + chr(length)
    return chr(_TEXT) + chr(126) + chr(length >> 8) + chr(length & 255)


#: Headers of every size that a trade's frame has.
_HEADERS: Final = tuple(_header(length) for length in range(512))


def frame(payload: str) -> bytes:
    """An unmasked text frame. The payload is ASCII."""
    if len(payload) < 1 << 16:
        return (_header(len(payload)) + payload).encode("latin-1")
    return bytes((_TEXT, 127)) + len(payload).to_bytes(8, "big") + payload.encode("ascii")


class Voice:
    """All that can be said of one symbol. Times are printed in ms, or in us where `micro`."""

    def __init__(self, market: Market, bars: Bars) -> None:
        spec = market.spec
        self.market = market
        self.bars = bars
        self.price = Texts(spec.tick_digits)
        self.amount = Texts(spec.lot_digits)
        self.value = Texts(spec.tick_digits + spec.lot_digits)
        self.name = spec.name
        self.stream = spec.name.lower()

    def trades(self, ids: Iterable[int], combined: bool, micro: bool) -> list[str]:
        """`@trade` frames of these ids, as latin-1 text."""
        tape, price, amount, headers = self.market.tape, self.price, self.amount, _HEADERS
        times, prices, lots, buys, base = tape.times, tape.prices, tape.lots, tape.buys, tape.first_id
        unit = 1 if micro else 1000
        start = '{"e":"trade","E":'
        end = ',"M":true}'
        if combined:
            start, end = f'{{"stream":"{self.stream}@trade","data":{start}', end + "}"
        middle = f',"s":"{self.name}","t":'
        frames = []
        for trade_id in ids:
            i = trade_id - base
            time = times[i] // unit
            text = (
                f'{start}{time}{middle}{trade_id},"p":"{price[prices[i]]}","q":"{amount[lots[i]]}",'
                f'"T":{time},"m":{"false" if buys[i] else "true"}{end}'
            )
            frames.append(headers[len(text)] + text)
        return frames

    def aggregates(self, first: int, end: int) -> list[tuple[int, int, int, int, int, int, int]]:
        """(aggregate id, time us, ticks, lots, first id, last id, taker bought) of the trades `first` … `end` - 1."""
        tape = self.market.tape
        found: list[tuple[int, int, int, int, int, int, int]] = []
        for i in range(first - tape.first_id, end - tape.first_id):
            order, trade_id = tape.orders[i], tape.first_id + i
            if found and found[-1][0] == order:
                a, t, p, q, f, _, b = found[-1]
                found[-1] = (a, t, p, q + tape.lots[i], f, trade_id, b)
            else:
                found.append((order, tape.times[i], tape.prices[i], tape.lots[i], trade_id, trade_id, tape.buys[i]))
        return found

    def agg_trades(self, first: int, end: int, micro: bool) -> list[str]:
        """`@aggTrade` payloads."""
        unit = 1 if micro else 1000
        return [
            f'{{"e":"aggTrade","E":{t // unit},"s":"{self.name}","a":{a},"p":"{self.price[p]}","q":"{self.amount[q]}",'
            f'"f":{f},"l":{last},"T":{t // unit},"m":{_BOOL[not b]},"M":true}}'
            for a, t, p, q, f, last, b in self.aggregates(first, end)
        ]

    def touch(self) -> tuple[int, int, int, int]:
        """Best bid, its lots, best ask, its lots."""
        market = self.market
        bid, ask = market.bids[-1], market.asks[-1]
        return bid, market.bid_lots[bid], ask, market.ask_lots[ask]

    def book_ticker(self, _micro: bool) -> str:
        bid, bid_lots, ask, ask_lots = self.touch()
        return (
            f'{{"u":{self.market.update_id},"s":"{self.name}","b":"{self.price[bid]}","B":"{self.amount[bid_lots]}",'
            f'"a":"{self.price[ask]}","A":"{self.amount[ask_lots]}"}}'
        )

    def levels(self, levels: Sequence[Level]) -> str:
        return "[" + ",".join(f'["{self.price[p]}","{self.amount[q]}"]' for p, q in levels) + "]"

    def best(self, count: int) -> tuple[list[Level], list[Level]]:
        """The best `count` bids and asks, best first."""
        market = self.market
        bids = [(p, market.bid_lots[p]) for p in market.bids[: -count - 1 : -1]]
        asks = [(p, market.ask_lots[p]) for p in market.asks[: -count - 1 : -1]]
        return bids, asks

    def partial_depth(self, count: int, _micro: bool) -> str:
        bids, asks = self.best(count)
        return f'{{"lastUpdateId":{self.market.update_id},"bids":{self.levels(bids)},"asks":{self.levels(asks)}}}'

    def diff(self, change: Change, now: int, micro: bool) -> str:
        """`@depth`; `now` in us."""
        return (
            f'{{"e":"depthUpdate","E":{now // (1 if micro else 1000)},"s":"{self.name}","U":{change.first},"u":{change.last},'
            f'"b":{self.levels(change.bids)},"a":{self.levels(change.asks)}}}'
        )

    def kline(self, interval: str, start: int, bar: Bar, last: int, closed: bool, now: int, micro: bool) -> str:
        """`@kline_…`; `start` in ms, `last` the last trade's id, `now` in us."""
        length = INTERVALS[interval]
        unit = 1 if micro else 1000
        first, last = (last - bar.trades + 1, last) if bar.trades else (-1, -1)
        p, q, v = self.price, self.amount, self.value
        return (
            f'{{"e":"kline","E":{now // unit},"s":"{self.name}","k":{{"t":{start * 1000 // unit},'
            f'"T":{((start + length) * 1000 - 1) // unit},"s":"{self.name}","i":"{interval}","f":{first},"L":{last},'
            f'"o":"{p[bar.open]}","c":"{p[bar.close]}","h":"{p[bar.high]}","l":"{p[bar.low]}","v":"{q[bar.volume]}",'
            f'"n":{bar.trades},"x":{_BOOL[closed]},"q":"{v[bar.quote]}","V":"{q[bar.buy]}","Q":"{v[bar.buy_quote]}","B":"0"}}}}'
        )

    def ticker(self, now: int, micro: bool) -> str:
        """`24hrTicker`; `now` in us."""
        unit = 1 if micro else 1000
        start, day = self.bars.day(now // 1000)
        bid, bid_lots, ask, ask_lots = self.touch()
        p, q = self.price, self.amount
        change, percent, mean, previous, last_lots, first, last = self.figures(day)
        return (
            f'{{"e":"24hrTicker","E":{now // unit},"s":"{self.name}","p":"{change}","P":"{percent}","w":"{mean}",'
            f'"x":"{previous}","c":"{p[day.close]}","Q":"{last_lots}","b":"{p[bid]}","B":"{q[bid_lots]}","a":"{p[ask]}","A":"{q[ask_lots]}",'
            f'"o":"{p[day.open]}","h":"{p[day.high]}","l":"{p[day.low]}","v":"{q[day.volume]}","q":"{self.value[day.quote]}",'
            f'"O":{start * 1000 // unit},"C":{now // unit},"F":{first},"L":{last},"n":{day.trades}}}'
        )

    def mini_ticker(self, now: int, micro: bool) -> str:
        unit = 1 if micro else 1000
        _, day = self.bars.day(now // 1000)
        p = self.price
        return (
            f'{{"e":"24hrMiniTicker","E":{now // unit},"s":"{self.name}","c":"{p[day.close]}","o":"{p[day.open]}",'
            f'"h":"{p[day.high]}","l":"{p[day.low]}","v":"{self.amount[day.volume]}","q":"{self.value[day.quote]}"}}'
        )

    def figures(self, day: Bar) -> tuple[str, str, str, str, str, int, int]:
        """Of 24 hours: change, per cent, weighted mean price, close before, size of the last trade, first and last trade id."""
        tape = self.market.tape
        delta = day.close - day.open
        change = ("-" if delta < 0 else "") + self.price[abs(delta)]
        mean = self.price[day.quote // day.volume] if day.volume else self.price[day.close]
        last_lots = self.amount[tape.lots[-1] if tape.lots else 0]
        last = tape.end_id - 1
        return (
            change,
            f"{100 * delta / day.open:.3f}",
            mean,
            self.price[day.open],
            last_lots,
            last - day.trades + 1,
            last,
        )
