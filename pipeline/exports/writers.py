"""Rows into a file, format by format, in constant memory. A writer is fed batches of rows in the order of the fields, then closed."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import IO, Any, Final, Protocol

import msgspec

from pipeline.errors import SetupError
from pipeline.exports.datasets import FORMULA
from pipeline.wire import number

#: Rows of a sheet, as Excel has it, less the heads.
_SHEET: Final = 1_048_575
#: Digits that a spreadsheet's numbers have; what has more is text there.
_DIGITS: Final = 15
#: Digits of a Parquet decimal, and those behind its point.
_PRECISION: Final = (38, 18)
#: Rows that are compressed together, at least.
_GROUP: Final = 50_000


class Writer(Protocol):
    def rows(self, batch: Sequence[Sequence[Any]]) -> None: ...

    def close(self) -> None: ...


def spelled(at: datetime) -> str:
    """RFC 3339, UTC, no more digits than there are."""
    text = at.astimezone(UTC).isoformat().replace("+00:00", "")
    return (text.rstrip("0") if "." in text else text) + "Z"


def cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return number(value)
    if isinstance(value, datetime):
        return spelled(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return " ".join(value)
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULA) else text


class Csv:
    def __init__(self, file: IO[bytes], fields: Mapping[str, str]) -> None:
        self._file = file
        self._line([list(fields)])

    def rows(self, batch: Sequence[Sequence[Any]]) -> None:
        self._line([[cell(value) for value in row] for row in batch])

    def _line(self, lines: Sequence[Sequence[str]]) -> None:
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows(lines)
        self._file.write(buffer.getvalue().encode())

    def close(self) -> None:
        pass


class JsonLines:
    """Figures that are not set are left out of the lines of indicators, as in REST."""

    def __init__(self, file: IO[bytes], fields: Mapping[str, str]) -> None:
        self._file = file
        self._names = list(fields)
        self._optional = {name for name, kind in fields.items() if kind == "float" and name != "sentiment_score"}
        self._encode = msgspec.json.Encoder(decimal_format="number").encode

    def rows(self, batch: Sequence[Sequence[Any]]) -> None:
        for row in batch:
            found = {
                name: value
                for name, value in zip(self._names, row, strict=True)
                if value is not None or name not in self._optional
            }
            self._file.write(self._encode(found) + b"\n")

    def close(self) -> None:
        pass


class Parquet:
    """Decimals have 18 digits behind the point; a value with more is refused, not rounded."""

    def __init__(self, file: IO[bytes], fields: Mapping[str, str]) -> None:
        # pyarrow takes a quarter of a second to load.
        import pyarrow as pa
        import pyarrow.parquet as pq

        kinds = {
            "time": pa.timestamp("us", "UTC"), "word": pa.string(), "text": pa.string(), "decimal": pa.decimal128(*_PRECISION),
            "float": pa.float64(), "int": pa.int64(), "bool": pa.bool_(), "list": pa.list_(pa.string()),
        }  # fmt: skip
        self.schema = pa.schema([(name, kinds[kind]) for name, kind in fields.items()])
        self._pa = pa
        self._gathered: list[Any] = []
        # A dictionary of numbers that hardly repeat costs time and space (a million candles: 0.5 s and a fifth of the file).
        words = [name for name, kind in fields.items() if kind == "word"]
        self._writer = pq.ParquetWriter(
            file, self.schema, compression="zstd", compression_level=1, use_dictionary=words
        )

    def rows(self, batch: Sequence[Sequence[Any]]) -> None:
        if not batch:
            return
        try:
            columns = [
                self._pa.array(cells, field.type)
                for cells, field in zip(zip(*batch, strict=True), self.schema, strict=True)
            ]
            self._writer.write_table(self._pa.Table.from_arrays(columns, schema=self.schema))
        except self._pa.ArrowInvalid as error:
            raise _too_long(error) from error

    def text(self, lines: bytes, constant: Mapping[str, str]) -> None:
        """Whole lines of CSV without heads, times as PostgreSQL spells them: many times the speed of `rows`. `constant`: fields that the
        lines do not have, and what they are in all of them.
        """
        from pyarrow import csv as arrow

        read = self._pa.schema([field for field in self.schema if field.name not in constant])
        try:
            table = arrow.read_csv(
                self._pa.BufferReader(lines),
                arrow.ReadOptions(column_names=read.names, use_threads=False, block_size=len(lines) + 1),
                convert_options=arrow.ConvertOptions(
                    column_types=read, strings_can_be_null=False, quoted_strings_can_be_null=False,
                    timestamp_parsers=["%Y-%m-%d %H:%M:%S+00", arrow.ISO8601], true_values=["true"], false_values=["false"],
                ),
            )  # fmt: skip
        except self._pa.ArrowInvalid as error:
            raise _too_long(error) from error
        columns = [
            self._pa.repeat(self._pa.scalar(constant[field.name]), table.num_rows)
            if field.name in constant
            else table.column(field.name)
            for field in self.schema
        ]
        self._gathered.append(self._pa.Table.from_arrays(columns, schema=self.schema))
        if sum(table.num_rows for table in self._gathered) >= _GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._gathered:
            self._writer.write_table(self._pa.concat_tables(self._gathered))
            self._gathered.clear()

    def close(self) -> None:
        with suppress(self._pa.ArrowInvalid):
            self._flush()
            self._writer.close()


def _too_long(error: Exception) -> SetupError:
    return SetupError(
        f"A number has more digits than Parquet's decimals ({_PRECISION[1]} behind the point): {error}. "
        "Formats csv and jsonl take any."
    )


class Xlsx:
    """Numbers that a spreadsheet can hold exactly are numbers, others texts with every digit. Nothing is ever a formula."""

    def __init__(self, file: IO[bytes], fields: Mapping[str, str]) -> None:
        import xlsxwriter

        self._book = xlsxwriter.Workbook(
            file, {"constant_memory": True, "default_date_format": "yyyy-mm-dd hh:mm:ss.000"}
        )
        self._fields = list(fields)
        self._sheet: Any = None
        self._at = 0
        self._next()

    def rows(self, batch: Sequence[Sequence[Any]]) -> None:
        for row in batch:
            if self._at > _SHEET:
                self._next()
            for column, value in enumerate(row):
                self._put(column, value)
            self._at += 1

    def _next(self) -> None:
        self._sheet = self._book.add_worksheet()
        self._sheet.freeze_panes(1, 0)
        for column, name in enumerate(self._fields):
            self._sheet.set_column(column, column, 24 if name.endswith(("_ts", "_at", "_start", "_end")) else 14)
            self._sheet.write_string(0, column, name)
        self._at = 1

    def _put(self, column: int, value: Any) -> None:
        if value is None:
            return
        if isinstance(value, bool):
            self._sheet.write_boolean(self._at, column, value)
        elif isinstance(value, datetime):
            # A spreadsheet's times have no zone; ours are all UTC.
            self._sheet.write_datetime(self._at, column, value.astimezone(UTC).replace(tzinfo=None))
        elif isinstance(value, Decimal) and len(value.as_tuple().digits) > _DIGITS:
            self._sheet.write_string(self._at, column, number(value))
        elif isinstance(value, Decimal | int | float):
            self._sheet.write_number(self._at, column, value)
        else:
            self._sheet.write_string(self._at, column, " ".join(value) if isinstance(value, list) else str(value))

    def close(self) -> None:
        self._book.close()


#: Format → writer of it, the default first.
WRITERS: Final[dict[str, Callable[[Any, Mapping[str, str]], Writer]]] = {
    "csv": Csv,
    "parquet": Parquet,
    "jsonl": JsonLines,
    "xlsx": Xlsx,
}
FORMATS: Final = tuple(WRITERS)
