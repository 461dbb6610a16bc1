"""What was measured, kept beside the page that is made of it: docs/benchmarks.json."""

from collections.abc import Mapping

import msgspec

from tests.bench.figure import Figure
from tests.machine import Place
from tests.tools import REPOSITORY

PATH = REPOSITORY / "docs" / "benchmarks.json"


class Section(msgspec.Struct):
    """Of one part. `seconds`: how long it took. `failed`: why it ended before its last figure."""

    place: Place
    seconds: float
    figures: list[Figure]
    failed: str = ""


def read() -> dict[str, Section]:
    """Part → what it measured last."""
    return msgspec.json.decode(PATH.read_bytes(), type=dict[str, Section]) if PATH.exists() else {}


def keep(part: str, section: Section) -> None:
    """In place of what was known of the part."""
    PATH.write_bytes(msgspec.json.format(msgspec.json.encode(read() | {part: section})) + b"\n")


def value(sections: Mapping[str, Section], part: str, what: str) -> Figure:
    """The figure whose name begins so. Raises KeyError."""
    for figure in sections[part].figures if part in sections else ():
        if figure.what.startswith(what):
            return figure
    raise KeyError(f"{part}: {what}")
