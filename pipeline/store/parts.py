"""One file of the cold tier: rows of one series and one range as Parquet, every digit as it was.

A NUMERIC becomes a decimal column of the file's largest scale and a column of each value's own (`price_scale`): other programs see
numbers, and 10.50 comes back as 10.50.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Context, Decimal
from hashlib import sha256
from itertools import islice
from typing import IO, Any, Final, NamedTuple

# pyarrow takes a quarter of a second to load: this module is imported when a part is written or read, not before.
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import ColdUnavailable
from pipeline.store.columns import CANDLE_COLUMNS, TRADE_COLUMNS

#: Rows of a row group, the least that is read at once: two pages of a program that asks for the most.
_GROUP: Final = 20_000
#: A decimal256 has 76 digits.
_EXACT: Final = Context(prec=76)

_TYPES: Final = {
    "time": pa.timestamp("us", "UTC"), "text": pa.string(), "word": pa.dictionary(pa.int32(), pa.string()),
    "int": pa.int64(), "bool": pa.bool_(),
}  # fmt: skip

Row = tuple[Any, ...]


class Dataset(NamedTuple):
    """`columns`: name → kind, one of _TYPES or `decimal`; the first is the time. `order` is SQL's."""

    name: str
    columns: Mapping[str, str]
    order: str

    @property
    def time(self) -> str:
        return next(iter(self.columns))

    @property
    def decimals(self) -> list[str]:
        return [name for name, kind in self.columns.items() if kind == "decimal"]


TRADES: Final = Dataset("trades", TRADE_COLUMNS, "event_ts, length(trade_id), trade_id")
CANDLES: Final = Dataset("candles", CANDLE_COLUMNS, "window_start")
DATASETS: Final = {one.name: one for one in (TRADES, CANDLES)}


class Digest:
    """Of rows in order; equal digests are equal rows, to the last digit."""

    def __init__(self) -> None:
        self._sum = sha256()
        self.rows = 0

    def add(self, rows: Sequence[Row]) -> None:
        self.rows += len(rows)
        for row in rows:
            self._sum.update(
                repr(tuple(cell.isoformat() if isinstance(cell, datetime) else cell for cell in row)).encode()
            )

    def hex(self) -> str:
        return self._sum.hexdigest()


def write(file: IO[bytes], dataset: Dataset, rows: Iterable[Row], digits: Mapping[str, tuple[int, int]]) -> Digest:
    """Rows in order, each in the order of the columns. `digits`: of each decimal, the most before and behind the point."""
    fields = []
    for name, kind in dataset.columns.items():
        if kind == "decimal":
            before, behind = digits[name]
            make, most = (pa.decimal128, 38) if before + behind <= 38 else (pa.decimal256, 76)
            fields += [pa.field(name, make(most, behind)), pa.field(f"{name}_scale", pa.int8())]
        else:
            fields.append(pa.field(name, _TYPES[kind]))
    schema, digest, source = pa.schema(fields), Digest(), iter(rows)
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        while group := list(islice(source, _GROUP)):
            digest.add(group)
            writer.write_table(_table(schema, dataset, group))
    return digest


def _table(schema: Any, dataset: Dataset, rows: Sequence[Row]) -> Any:
    arrays: list[Any] = []
    for (name, kind), cells in zip(dataset.columns.items(), zip(*rows, strict=True), strict=True):
        arrays.append(pa.array(cells, schema.field(name).type))
        if kind == "decimal":
            arrays.append(pa.array([-cell.as_tuple().exponent for cell in cells], pa.int8()))
    return pa.Table.from_arrays(arrays, schema=schema)


def read(
    file: IO[bytes],
    dataset: Dataset,
    *,
    ascending: bool = True,
    first: datetime | None = None,
    last: datetime | None = None,
) -> Iterator[list[Row]]:
    """A row group at a time, in order; those with nothing of first ≤ time ≤ last are skipped, unread. Raises ColdUnavailable."""
    try:
        source = pq.ParquetFile(file)
        place = source.schema_arrow.get_field_index(dataset.time)
        groups = range(source.num_row_groups)
        for number in groups if ascending else reversed(groups):
            about = source.metadata.row_group(number).column(place).statistics
            if about is not None and ((first and about.max < first) or (last and about.min > last)):
                continue
            rows = _rows(source.read_row_group(number, use_threads=False), dataset)
            yield rows if ascending else rows[::-1]
    except (pa.ArrowException, OSError, KeyError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise ColdUnavailable(f"A file of the cold tier cannot be read: {error}") from error


def _rows(table: Any, dataset: Dataset) -> list[Row]:
    columns = []
    for name, kind in dataset.columns.items():
        cells = table.column(name).to_pylist()
        if kind == "decimal":
            scales = table.column(f"{name}_scale").to_pylist()
            cells = [cell.quantize(_UNITS[scale], context=_EXACT) for cell, scale in zip(cells, scales, strict=True)]
        columns.append(cells)
    return list(zip(*columns, strict=True))


_UNITS: Final = [Decimal(1).scaleb(-scale) for scale in range(77)]
