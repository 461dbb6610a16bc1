"""All symbols of the simulated exchange under one clock. No sockets here."""

from collections.abc import Sequence
from math import inf
from typing import Final

from pipeline.errors import SetupError
from pipeline.exchanges.simulator.bars import Bars
from pipeline.exchanges.simulator.depth import Depth
from pipeline.exchanges.simulator.frames import Voice
from pipeline.exchanges.simulator.history import History
from pipeline.exchanges.simulator.market import Market
from pipeline.exchanges.simulator.specs import spec_of

#: Trade ids begin at (start − this) × 100: a later run on the same data never reuses an id, up to 100 000 trades/s.
_IDS_SINCE: Final = 1_700_000_000_000
#: At most so much market time (us) in one step: when the machine is too slow the market falls behind, and sockets live on.
_STEP: Final = 20_000


class Exchange:
    """The markets of `symbols`, sharing `rate` trades a second. The same seed, rate and start give the same everything;
    another start moves times and ids, and keeps prices, amounts and sides."""

    def __init__(self, seed: int, rate: float, symbols: Sequence[str], start_ms: int) -> None:
        if not symbols or rate <= 0:
            raise SetupError("The simulator needs at least one symbol and a rate above 0 trades a second")
        specs = {spec.name: spec for spec in map(spec_of, symbols)}
        self._shares = {name: spec.share / sum(s.share for s in specs.values()) for name, spec in specs.items()}
        self.start_ms = start_ms
        self.voices: dict[str, Voice] = {}
        self.depths: dict[str, Depth] = {}
        first_id = max(1, (start_ms - _IDS_SINCE) * 100)
        for name, spec in specs.items():
            share = rate * self._shares[name]
            market = Market(spec, seed, share, rate, start_ms * 1000, first_id)
            end = start_ms // 1000 * 1000
            history = History(seed, name, spec.daily_vol, share * 86_400, market.mean_lots, end, market.first_price)
            self.voices[name] = Voice(market, Bars(history, market.tape))
            self.depths[name] = Depth(market)
        self.rate = rate
        self.paused = False
        #: Symbols that do not trade any more → what exchangeInfo says of them; "" is nothing at all.
        self.ended: dict[str, str] = {}
        self._markets = [voice.market for voice in self.voices.values()]
        self._time = 0.0  # of the market, us
        self._paused_us = 0.0
        self._elapsed = 0.0
        self._pause_at = inf  # market time, us

    @property
    def now_us(self) -> int:
        """Exchange time: never behind a trade that was made, never ahead of one to come."""
        passed = self._elapsed if self.paused else self._time + self._paused_us
        return self.start_ms * 1000 + int(passed)

    @property
    def behind(self) -> float:
        """By how much (us) the market is late, when the machine cannot keep up."""
        return 0.0 if self.paused else self._elapsed - self._paused_us - self._time

    def due(self) -> float:
        """In how much time (us) the next thing happens; below 0 when it is late."""
        return min(market.next_event for market in self._markets) + self._paused_us - self._elapsed

    def advance(self, elapsed: float) -> None:
        """Bring the markets to `elapsed` us after the start, or a step nearer."""
        self._elapsed = elapsed
        if self.paused:
            return
        self._time = max(self._time, min(elapsed - self._paused_us, self._time + _STEP, self._pause_at))
        for market in self._markets:
            market.advance(self._time)
        if self._time >= self._pause_at:
            self.pause(True)

    def pause_at(self, ms: int) -> None:
        """Pause at this exchange time, to the microsecond: the same seed has made the same trades by then."""
        self._pause_at = max(self._time, (ms - self.start_ms) * 1000 - self._paused_us)

    def pause(self, paused: bool) -> None:
        if self.paused and not paused:
            more = self._elapsed - self._paused_us - self._time
            self._paused_us += more
            for market in self._markets:
                market.epoch = self.start_ms * 1000 + int(self._paused_us)
        elif paused and not self.paused:
            # What is not yet made when the pause begins comes after it.
            self._elapsed = self._time + self._paused_us
        self.paused = paused
        self._pause_at = inf

    def set_rate(self, rate: float) -> None:
        self.rate = rate
        for market in self._markets:
            market.set_rate(rate * self._shares[market.name], rate)

    def end(self, name: str, status: str) -> None:
        """No more trades of symbol `name`; exchangeInfo gives `status`, or leaves the symbol out when it is empty."""
        if len(self._markets) == 1:
            raise ValueError("one symbol must go on trading")
        self.ended[name] = status
        self._markets = [market for market in self._markets if market.name != name]

    def inject(self, name: str, price: int | None, lots: int | None, buy: bool) -> int:
        """One trade of symbol `name` now, at a price in ticks; answers its id."""
        return self.voices[name].market.inject(self.now_us, price, lots, buy)
