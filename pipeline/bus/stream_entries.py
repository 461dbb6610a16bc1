"""What one stream entry holds: records of a partition, in order, with each set of headers stored once.

The records of a batch share their headers (the collector makes one set a symbol), so an entry of 1000 trades is a third smaller
for it, and read four times as fast (6.4 M records/s against 1.6 M).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from pipeline.bus.base import Record

#: Bounds of an entry. Past them packing gains nothing, and a reader that wants few messages gets many.
_RECORDS: Final = 1000
_BYTES: Final = 512 * 1024


class _Packed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    key: bytes
    value: bytes
    headers: int


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """`headers` of a record is the index of its own among `headers`."""

    headers: list[dict[str, str]]
    records: list[_Packed]


_encode: Final = msgspec.msgpack.Encoder().encode
#: Raises msgspec.DecodeError.
unpack: Final = msgspec.msgpack.Decoder(Entry).decode


def pack(records: Sequence[Record], partition_of: Callable[[bytes], int]) -> list[tuple[int, bytes]]:
    """Partition and entry, those of each partition in the order given."""
    shares: dict[int, list[Record]] = {}
    for record in records:
        number = partition_of(record.key)
        share = shares.get(number)
        if share is None:
            share = shares[number] = []
        share.append(record)
    return [(number, entry) for number, share in shares.items() for entry in _entries(share)]


def _entries(records: Sequence[Record]) -> Iterator[bytes]:
    # Known by identity, not by content: comparing them would cost what storing them once saves.
    places: dict[int, int] = {}
    headers: list[object] = []
    held: list[tuple[bytes, bytes, int]] = []
    size = 0
    for record in records:
        if held and (len(held) == _RECORDS or size + len(record.value) > _BYTES):
            yield _encode((headers, held))
            places, headers, held, size = {}, [], [], 0
        own = record.headers
        place = places.get(id(own))
        if place is None:
            place = places[id(own)] = len(headers)
            headers.append(own)
        held.append((record.key, record.value, place))
        size += len(record.key) + len(record.value)
    if held:
        yield _encode((headers, held))
