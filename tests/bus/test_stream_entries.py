"""What an entry of a stream holds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.bus.base import Record, partition_of
from pipeline.bus.stream_entries import pack, unpack

_texts = st.text(max_size=10)
_records = st.builds(
    Record,
    st.binary(max_size=20),
    st.one_of(st.binary(max_size=30), st.integers(0, 400_000).map(bytes)),
    st.sampled_from([{}, {"a": "1"}, {"a": "1", "b": "ü"}]) | st.dictionaries(_texts, _texts, max_size=3),
)


@given(st.lists(_records, max_size=30), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_packing_loses_nothing_and_keeps_the_order(sent: list[Record], partitions: int) -> None:
    got: dict[int, list[Record]] = {}
    for number, packed in pack(sent, lambda key: partition_of(key, partitions)):
        entry = unpack(packed)
        got.setdefault(number, []).extend(Record(r.key, r.value, entry.headers[r.headers]) for r in entry.records)
    for number in range(partitions):
        assert got.get(number, []) == [r for r in sent if partition_of(r.key, partitions) == number]


@pytest.mark.parametrize(
    ("count", "size", "entries"), [(1000, 10, 1), (1001, 10, 2), (10, 100_000, 2), (3, 900_000, 3)]
)
def test_entries_are_bounded(count: int, size: int, entries: int) -> None:
    packed = pack([Record(b"k", bytes(size))] * count, lambda key: 0)
    assert len(packed) == entries
    assert sum(len(unpack(entry).records) for _, entry in packed) == count


def test_headers_are_stored_once_a_batch() -> None:
    headers = {"source": "collector-ws", "type": "trade"}
    ((_, entry),) = pack([Record(b"k", b"v", headers)] * 500, lambda key: 0)
    assert entry.count(b"collector-ws") == 1
