"""Ranges of time: what is wanted, what is there, what is missing. Half open, in ms."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Range(NamedTuple):
    """From `start` up to and without `end`, ms."""

    start: int
    end: int


def missing(wanted: Range, there: Iterable[Range]) -> list[Range]:
    """What of `wanted` is in none of `there`; oldest first."""
    out = []
    at = wanted.start
    # An empty range would cut what is missing in two.
    for start, end in sorted(part for part in there if part.start < part.end):
        if start > at:
            out.append(Range(at, min(start, wanted.end)))
        at = max(at, end)
        if at >= wanted.end:
            break
    if at < wanted.end:
        out.append(Range(at, wanted.end))
    return [part for part in out if part.start < part.end]


def pages(part: Range, size: int) -> Iterator[Range]:
    """`part` in pieces of at most `size` ms, newest first."""
    end = part.end
    while end > part.start:
        start = max(part.start, end - size)
        yield Range(start, end)
        end = start
