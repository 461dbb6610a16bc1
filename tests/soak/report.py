"""What a soak found, and whether that will do."""

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from typing import Any, Final, NamedTuple

from pipeline.embedded.postgres import SETTINGS
from pipeline.live import HISTORY
from pipeline.workers.bridge import BATCH
from tests.drill.truth import Verdict
from tests.machine import Place
from tests.soak.parts import Use

#: The share of the time at the beginning that is not judged: caches fill, and connections are made.
WARM: Final = 0.1
#: Growth from then to the end that is none, and so much of it is noise in a small process.
GROWTH: Final = 0.10
_MEMORY_NOISE: Final = 4 * 2**20
_HANDLES_NOISE: Final = 4
#: p99 of the last third may be so many times that of the first.
SLOWER: Final = 1.5
#: Differences of p99 below a tick of what is measured are none, ms.
_TICK: Final = 10.0
#: ms by which the market may be late itself. On a machine that is busy with something else its trades are old when they are sent.
_LATE_MARKET: Final = 500.0
#: Messages that a history may hold: the oldest batch goes when the others are enough.
_FULLEST: Final = HISTORY + BATCH
#: Handles that a process of PostgreSQL may have: the files that it keeps open, and what it talks through.
_FILES: Final = int(SETTINGS["max_files_per_process"]) + 32
#: Rows of the tables.
STEPS: Final = 6
MIB: Final = 2**20


class Asked(NamedTuple):
    minutes: float = 30
    rate: float = 5000
    clients: int = 200
    seed: int = 7


class Sample(NamedTuple):
    """`at`: seconds since the clients were there. `valkey`: bytes used, of them `histories` for clients that come back, and in the
    `fullest` of these so many messages. `late_market`: ms by which the market is late itself. `messages` since then; `late`
    (ms → trades) and `rest` (ms) since the last look."""

    at: float
    parts: dict[str, Use]
    valkey: int
    histories: int
    fullest: int
    connections: int
    late_market: float
    messages: int
    late: Counter[int]
    rest: list[float]

    def __str__(self) -> str:
        memory, handles = (sum(use[n] for use in self.parts.values()) for n in (0, 1))
        return (
            f"{self.at:7.0f} s  {memory / MIB:6.0f} MiB  {handles:4.0f} handles  Valkey {self.valkey / MIB:5.0f} MiB  "
            f"{self.connections} connections  {self.messages:>11,} messages  p99 {share(spread(self.late), 0.99):4.0f} ms"
        )


class Check(NamedTuple):
    """`found` beside `bound`, in words."""

    what: str
    found: str
    bound: str
    fine: bool


class Report(NamedTuple):
    """`behind`: (second, ms) of what is stored; `crowd`: the clients' counts; `missing`: what they did not get at the end."""

    asked: Asked
    symbols: int
    samples: list[Sample]
    behind: list[tuple[float, float]]
    verdicts: list[Verdict]
    crowd: dict[str, Any]
    missing: list[str]
    news: int
    lost_news: list[str]

    @property
    def fine(self) -> bool:
        return all(check.fine for check in self.checks())

    def checks(self) -> list[Check]:
        return [*self.whole(), *self.steady(), *self.quick()]

    def whole(self) -> list[Check]:
        """Nothing lost, nothing twice, nothing bent."""
        sent, candles = sum(v.sent for v in self.verdicts), sum(v.candles for v in self.verdicts)
        bad = [v for v in self.verdicts if not v.fine]
        faults = ", ".join(
            f"{sum(getattr(v, name) for v in self.verdicts)} {name}" for name in ("missing", "double", "altered")
        )
        wrong = sum(len(v.wrong_candles) for v in self.verdicts)
        lost = [*self.crowd["lost"], *self.missing]
        failed = self.crowd["rest_failed"]
        return [
            Check("trades stored as they were sent", f"{sent:,} sent: {faults}", "0", not bad),
            Check("candles of them", f"{candles:,}, {wrong} wrong", "0", not wrong),
            Check("messages that a client who reads did not get", _some(lost), "0", not lost),
            Check("news of the feed that is not stored", _some(self.lost_news), "0", not self.lost_news),
            Check("REST calls that failed", _some(failed), "0", not failed),
        ]

    def steady(self) -> list[Check]:
        """Nothing grows."""
        found = []
        for part in self.parts():
            # Valkey's own figure is judged below; what the kernel says goes up and down with each rewrite of its file.
            kinds = {"memory": (_MEMORY_NOISE, _mib), "handles": (_HANDLES_NOISE, _whole)}
            kinds.pop({"valkey": "memory", "postgres": "handles"}.get(part, ""), None)
            for name, (noise, spelled) in kinds.items():
                values = [float(getattr(sample.parts.get(part, Use()), name)) for sample in self.samples]
                found.append(self._flat(f"{name} of {part}", values, noise, spelled))
        rest = [float(s.valkey - s.histories) for s in self.samples]
        found.append(
            self._flat("memory used in Valkey, without histories for clients that come back", rest, _MEMORY_NOISE, _mib)
        )
        files = max(s.parts["postgres"].fullest for s in self.samples if "postgres" in s.parts)
        found.append(Check("handles of the fullest process of PostgreSQL", str(files), str(_FILES), files <= _FILES))
        fullest = max(s.fullest for s in self.samples)
        found.append(
            Check("messages in the fullest of these histories", f"{fullest:,}", f"{_FULLEST:,}", fullest <= _FULLEST)
        )
        found.append(
            self._flat("database connections", [float(s.connections) for s in self.samples], _HANDLES_NOISE, _whole)
        )
        return found

    def quick(self) -> list[Check]:
        """Nothing slows down."""
        # It starts as the rest does: while 200 clients come at once.
        late = max(s.late_market for s in self.samples if s.at > self.samples[-1].at * WARM)
        return [
            Check(
                "the market keeps its own pace: late by at most",
                f"{late:.0f} ms",
                f"{_LATE_MARKET:.0f} ms",
                late <= _LATE_MARKET,
            ),
            self._even("exchange to stored, p99", lambda a, b: self._behind(a, b)),
            self._even("exchange to socket, p99", lambda a, b: spread(self._late(a, b))),
        ]

    def parts(self) -> list[str]:
        """Those that lived through all of it, by memory."""
        names = set.intersection(*(set(sample.parts) for sample in self.samples))
        return sorted(names, key=lambda name: -self.samples[-1].parts[name].memory)

    def page(self, place: Place) -> str:
        """Markdown."""
        asked, crowd = self.asked, self.crowd
        seconds = self.samples[-1].at
        cpu = {
            part: (self.samples[-1].parts[part].cpu - self.samples[0].parts[part].cpu) / (seconds - self.samples[0].at)
            for part in self.parts()
        }
        head = (
            f"# The soak\n\n`make soak` on {place}.\n\n"
            f"{asked.minutes:g} minutes of the whole terminal (`cryptoviz up`) at {asked.rate:,.0f} trades/s over {self.symbols} symbols "
            f"of a simulated market (seed {asked.seed}), with {asked.clients} WebSocket clients: some hear all trades, most one symbol or "
            "its forming candles, some take arrays (`batch=1`), 2 % read nothing until they are cut off and come again, 5 % leave and "
            "resume with `since`. News is replayed at one article in two seconds, REST asked four times a second. Market, feed and "
            "clients run on the same cores.\n"
        )
        told = (
            f"{crowd['messages']:,} messages were read and their numbers checked, {crowd['bytes'] / MIB:,.0f} MiB; "
            f"{crowd['resumed']:,} times a client came back and got what it had missed; {crowd['cut_slow']:,} times one that did not read "
            f"was cut off, {len(crowd['cut_readers'])} times one that did; {len(crowd['refused'])} times a subscription was "
            f"told to come again. {self.news:,} articles. "
            f"The terminal's parts took {sum(cpu.values()):.2f} cores: "
            + ", ".join(f"{part} {used:.2f}" for part, used in sorted(cpu.items(), key=lambda one: -one[1]))
            + ".\n"
        )
        return "\n".join(
            (
                head,
                f"**{'All of it holds' if self.fine else 'Some of it does not hold'}.** {told}",
                _table(
                    ("", "found", "bound", ""), [(*check[:3], "yes" if check.fine else "**no**") for check in self.checks()]
                ),
                _READ,
                "## Latency and load\n",
                _table(
                    (
                        *("minutes", "messages/s", "market late, ms", "exchange to stored p50, p99 ms"),
                        *("to a socket p50, p99 ms", "REST p50, p99 ms"),
                        *("database connections", "Valkey MiB, histories"),
                    ),
                    [self._step(a, b) for a, b in self._steps()],
                ),
                "## Memory, MiB\n",
                self._held("memory", _mib),
                "## Open handles\n",
                self._held("handles", _whole),
            )
        )  # fmt: skip

    def _steps(self) -> list[tuple[float, float]]:
        length = self.samples[-1].at / STEPS
        return [(n * length, (n + 1) * length) for n in range(STEPS)]

    def _step(self, begin: float, end: float) -> tuple[str, ...]:
        mine = self._within(begin, end)
        before = max(((s.at, s.messages) for s in self.samples if s.at <= begin), default=(0.0, 0))
        behind, late = self._behind(begin, end), spread(self._late(begin, end))
        rest = Counter(round(ms) for sample in mine for ms in sample.rest)
        return (
            _minutes(begin, end),
            f"{(mine[-1].messages - before[1]) / (mine[-1].at - before[0]):,.0f}",
            _whole(max(s.late_market for s in mine)),
            *(f"{share(one, 0.5):.0f}, {share(one, 0.99):.0f}" for one in (behind, late, spread(rest))),
            _whole(max(s.connections for s in mine)),
            f"{_mib(statistics.median(s.valkey for s in mine))}, {_mib(statistics.median(s.histories for s in mine))}",
        )

    def _held(self, name: str, spelled: Callable[[float], str]) -> str:
        rows = []
        for begin, end in self._steps():
            mine = self._within(begin, end)
            rows.append(
                (
                    _minutes(begin, end),
                    *(spelled(statistics.median(getattr(s.parts[part], name) for s in mine)) for part in self.parts()),
                )
            )
        return _table(("minutes", *self.parts()), rows)

    def _within(self, begin: float, end: float) -> list[Sample]:
        return [sample for sample in self.samples if begin < sample.at <= end] or self.samples[-1:]

    def _behind(self, begin: float, end: float) -> list[tuple[float, int]]:
        return spread(Counter(round(ms) for at, ms in self.behind if begin < at <= end))

    def _late(self, begin: float, end: float) -> Counter[int]:
        return sum((sample.late for sample in self._within(begin, end)), Counter())

    def _flat(self, what: str, values: Sequence[float], noise: float, spelled: Callable[[float], str]) -> Check:
        whole = self.samples[-1].at
        points = [(s.at, value) for s, value in zip(self.samples, values, strict=True) if s.at > whole * WARM]
        begin, end = line(points)
        found = f"{spelled(begin)} → {spelled(end)}"
        return Check(what, found, f"+{GROWTH:.0%}", end - begin <= max(GROWTH * begin, noise))

    def _even(self, what: str, within: Callable[[float, float], list[tuple[float, int]]]) -> Check:
        whole = self.samples[-1].at
        warm, third = whole * WARM, whole * (1 - WARM) / 3
        first, last = share(within(warm, warm + third), 0.99), share(within(whole - third, whole), 0.99)
        fine = last <= max(SLOWER * first, first + _TICK)
        return Check(what, f"{first:.0f} → {last:.0f} ms", f"{SLOWER} ×", fine)


_READ: Final = (
    "What grows is read from a line through the samples (one in ten seconds) after the first tenth; it may rise by "
    f"{GROWTH:.0%} to the end, and by {_MEMORY_NOISE // MIB} MiB or {_HANDLES_NOISE} handles in any case. Latency is the last third's "
    "p99 against the first's after that tenth. *Stored* is how old the newest stored trade of the busiest symbol is whenever one looks, "
    "four times a second; *socket* is from the exchange's time of a trade to the client's having read it, of five clients' trades. "
    "Memory is what a part's processes have to themselves (`RssAnon`): PostgreSQL's buffers and the pages of files, which the kernel "
    "may take back, are not in it. Valkey keeps the newest "
    f"{HISTORY} messages of every series for clients that come back: these histories fill for hours (a 5s candle comes twelve times a "
    "minute) and then stay, so of them the bound is judged, and of the rest that it does not grow. PostgreSQL keeps files open that it "
    "may need again, up to a bound for each process, which is judged, too.\n"
)


def line(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The values at the first and the last x of a line through `points`, which single outliers do not turn (Theil and Sen)."""
    slopes = [(b - a) / (y - x) for (x, a), (y, b) in combinations(points, 2) if y > x]
    slope = statistics.median(slopes) if slopes else 0.0
    base = statistics.median(value - slope * at for at, value in points)
    return base + slope * points[0][0], base + slope * points[-1][0]


def spread(counts: Counter[int]) -> list[tuple[float, int]]:
    """(value, how often), smallest first."""
    return sorted((float(value), count) for value, count in counts.items())


def share(values: Iterable[tuple[float, int]], part: float) -> float:
    """The value below which `part` of them lie; 0 when there are none."""
    values = list(values)
    left = part * sum(count for _, count in values)
    for value, count in values:
        left -= count
        if left <= 0:
            return value
    return 0.0


def _some(words: Sequence[str]) -> str:
    return f"{len(words)}: {'; '.join(words[:3])}" if words else "0"


def _mib(value: float) -> str:
    return f"{value / MIB:.0f}"


def _whole(value: float) -> str:
    return f"{value:.0f}"


def _minutes(begin: float, end: float) -> str:
    return f"{begin / 60:.3g}–{end / 60:.3g}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
