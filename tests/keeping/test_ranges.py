"""What is missing, against a plain count of windows."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.keeping.ranges import Range, missing, pages

_range = st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda t: Range(min(t), max(t)))


@given(_range, st.lists(_range, max_size=6))
def test_missing_is_what_is_wanted_and_not_there(wanted: Range, there: list[Range]) -> None:
    found = missing(wanted, there)
    have = {n for part in there for n in range(*part)}
    assert [n for part in found for n in range(*part)] == [n for n in range(*wanted) if n not in have]
    assert all(a.end < b.start for a, b in pairwise(found))


@given(_range, st.integers(1, 7))
def test_pages_are_all_of_it_newest_first(part: Range, size: int) -> None:
    found = list(pages(part, size))
    assert [n for page in reversed(found) for n in range(*page)] == list(range(*part))
    assert all(0 < page.end - page.start <= size for page in found)
