"""docs/benchmarks.md: every figure beside its baseline, and what has to be said about them."""

from collections.abc import Mapping, Sequence

from tests.bench.figure import Figure, spelled
from tests.bench.results import Section
from tests.tools import REPOSITORY

PATH = REPOSITORY / "docs" / "benchmarks.md"

#: Part → heading, and what its figures are of.
_PARTS = {
    "throughput": (
        "From a frame to a row",
        "600 000 frames as Binance sends them, of four symbols, played as fast as they are taken, through collector, bus, candles, writer "
        "and bridge into PostgreSQL; and the same rows by COPY and an upsert with nothing else running. A trade's CPU is what each "
        "process took for it, which hardly depends on what else the machine does.",
    ),
    "backfill": ("History", "`cryptoviz backfill` from an exchange that answers at once, with every worker that reads what it brings."),
    "store": ("Database", "The writer's way in, the reader's way out, and what lies on the disk."),
    "indicators": ("Indicators", "Bar by bar, beside libraries that compute a window anew."),
    "export": ("Exports", "Datasets to files, beside psql."),
    "rest": ("REST", "One web server, its answers decoded by nobody."),
    "fanout": ("WebSocket", "One message to every client, a hundred times a second, for ten seconds."),
    "alerts": ("Alerts", "The alerts worker with so many rules on one symbol."),
    "paint": ("To the screen", "From the simulator's making a trade to Chromium's having painted it, through the whole terminal."),
    "chart": ("Chart", "The terminal in headless Chromium beside lightweight-charts alone, with the same candles."),
}  # fmt: skip

_HEAD = """# What was measured

Made by `make bench`, which writes this page; `make bench ARGS=throughput` measures one part anew. Every figure stands beside its baseline
from the same run: ratios travel to other machines, rates do not. A commit that ends with `+` had changes that were not in it.
"""

_DRILL = """## The drill

`make drill` on 2026-11-24: ten minutes at 5000 trades/s, 131 events (workers, Valkey and PostgreSQL killed and stopped; the exchange
dropping, stalling, repeating, shuffling, leaving out). 3 072 710 trades sent: 0 missing, 0 double, 0 altered; 387 candles, 0 wrong; the
ledger complete, 366 579 trades repaired, 25 641 repeats dropped. The longest time until stored data was fresh again was 121 s.
"""


def text(sections: Mapping[str, Section]) -> str:
    known = {part: sections[part] for part in _PARTS if part in sections}
    return "\n".join((_HEAD, _aims(known), *(_section(part, section) for part, section in known.items()), _DRILL))


def _aims(sections: Mapping[str, Section]) -> str:
    aims = [figure for section in sections.values() for figure in section.figures if figure.aim]
    rows = [(one.what, one.aim, _valued(one), "yes" if one.met else "**no**") for one in aims]
    return "## What we want\n\n" + table(("figure", "wanted", "measured", "met"), rows)


def _section(part: str, section: Section) -> str:
    heading, words = _PARTS[part]
    rows = [
        (
            one.what,
            _valued(one),
            f"{one.beside}: {spelled(one.baseline)} {one.unit}" if one.baseline is not None else "",
            one.times,
            one.remark,
        )
        for one in section.figures
    ]
    failed = f"\n**It ended before its last figure:** {section.failed}\n" if section.failed else ""
    measured = f"`{part}`, {section.place}, in {section.seconds:.0f} s.\n"
    return f"## {heading}\n\n{words}\n\n{table(('', 'measured', 'beside', 'ratio', ''), rows)}{failed}\n{measured}"


def _valued(figure: Figure) -> str:
    return f"{spelled(figure.value)} {figure.unit}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
