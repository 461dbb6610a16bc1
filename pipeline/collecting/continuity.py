"""Trades of one symbol in order of id, each once, none missing. Pure: no clock, no socket.

Ids count up by one. A jump opens a gap: what comes after it is held until the missing ids were filled in or given up.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from pipeline.model import Trade

#: Late ids remembered, to drop exact repeats of them. A late trade is rare; a repeat of one is a recording played twice.
LATE_KEPT: Final = 10_000


class Gap(NamedTuple):
    """Missing ids, both ends included."""

    first: int
    last: int

    @property
    def size(self) -> int:
        return self.last - self.first + 1


class Continuity:
    """`newest` is the id known to be published last (None: begin with whatever comes)."""

    def __init__(self, newest: int | None = None) -> None:
        self.newest = newest
        self.held: dict[int, Trade] = {}
        self.duplicates = 0
        #: Exchange time (ms) of the newest trade let through: where a gap began. 0 before the first.
        self.newest_ts = 0
        # Below this we do not know what was published: such a trade is let through, for the stages after us drop repeats.
        self._floor = newest or 0
        self._expected = 0
        self._holes: list[Gap] = []
        self._late: dict[int, None] = {}

    @property
    def gap(self) -> Gap | None:
        """The first missing ids, when something after them is known."""
        if self.newest is None:
            return None
        if self.held:
            return Gap(self.newest + 1, min(self.held) - 1)
        if self._expected > self.newest:
            return Gap(self.newest + 1, self._expected)
        return None

    def expect(self, newest: int) -> None:
        """The exchange says (in a ticker, some time ago) that there are trades up to this id."""
        self._expected = max(self._expected, newest)

    def take(self, trades: Iterable[Trade]) -> list[Trade]:
        """Live trades as they came → those that may go on now."""
        out: list[Trade] = []
        newest = self.newest
        for trade in trades:
            number = int(trade.trade_id)
            if newest is None:
                self._floor = number
            elif number <= newest:
                if self._is_new(number):
                    out.append(trade)
                continue
            elif number != newest + 1 or self.held:
                self.held[number] = trade
                continue
            newest = number
            out.append(trade)
        self.newest = newest
        if out:
            self.newest_ts = max(self.newest_ts, out[-1].ts)
        if self.held:
            out += self._release()
        return out

    def fill(self, gap: Gap, trades: Iterable[Trade]) -> tuple[list[Trade], list[Trade]]:
        """Fetched trades, ascending → (those of the gap, the held ones that follow them).

        An id the exchange skips between two it has was never given to a trade.
        """
        repaired = []
        for trade in trades:
            number = int(trade.trade_id)
            if self.newest is not None and self.newest < number <= gap.last and number not in self.held:
                self.newest = number
                self.newest_ts = max(self.newest_ts, trade.ts)
                repaired.append(trade)
        return repaired, self._release()

    def give_up(self, gap: Gap) -> list[Trade]:
        """The gap stays; the held trades that follow it. Should its trades still come, they are let through."""
        self._holes = [*self._holes[-99:], gap]
        self.newest = max(self.newest or 0, gap.last)
        return self._release()

    def _release(self) -> list[Trade]:
        out = []
        newest = self.newest
        if newest is not None:
            while (trade := self.held.pop(newest + 1, None)) is not None:
                newest += 1
                out.append(trade)
            self.newest = newest
        if out:
            self.newest_ts = max(self.newest_ts, out[-1].ts)
        return out

    def _is_new(self, number: int) -> bool:
        unknown = number < self._floor or any(hole.first <= number <= hole.last for hole in self._holes)
        if not unknown or number in self._late:
            self.duplicates += 1
            return False
        self._late[number] = None
        if len(self._late) > LATE_KEPT:
            del self._late[next(iter(self._late))]
        return True
