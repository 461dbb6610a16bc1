"""Datasets to files: exact decimals, UTC times, constant memory, and a manifest that says what is in the file."""

import csv
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from pipeline.errors import SetupError
from pipeline.exports.completeness import completeness
from pipeline.store.read import CandleRow, Reader, TradeKey, TradeRow
from pipeline.wire import number

DATASETS: Final = ("candles", "trades")
FORMATS: Final = ("csv", "jsonl")
#: Rows read at a time: a few MB, and some 30 ms of the database's time.
_PAGE: Final = 10_000
#: A spreadsheet takes a text that begins like this for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

Row = CandleRow | TradeRow


@dataclass(frozen=True)
class Request:
    """What to export. `start` ≤ time ≤ `end`; None is no bound."""

    dataset: str
    symbols: Sequence[str]
    timeframe: str = "1m"
    exchange: str = "BINANCE"
    start: datetime | None = None
    end: datetime | None = None
    format: str = "csv"


def export(reader: Reader, request: Request, output: str, progress: Callable[[int], None] = lambda rows: None) -> int:
    """Write `request` to the file `output` and `<output>.manifest.json` beside it, or to standard output for "-"; the number of rows.

    The file appears when it is whole. `progress` hears the rows so far. Raises SetupError for what cannot be written.
    """
    rows = _counted(_rows(reader, request), progress)
    if output == "-":
        return _write(rows, request, _Counting(sys.stdout.buffer)).rows
    target = Path(output)
    with _appearing(target) as file:
        counting = _write(rows, request, _Counting(file))
    with _appearing(target.with_name(f"{target.name}.manifest.json")) as file:
        file.write(json.dumps(_manifest(reader, request, target, counting), indent=2).encode() + b"\n")
    return counting.rows


def last_time(output: str) -> datetime | None:
    """Where the export that wrote `output` ended, for one that goes on from there; None when there is none."""
    target = Path(output)
    path = target.with_name(f"{target.name}.manifest.json")
    try:
        found = json.loads(path.read_text())["last"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError) as error:
        raise SetupError(
            f"{path} cannot be read ({error}): --since last needs the manifest of the export before."
        ) from error
    return None if found is None else datetime.fromisoformat(found)


# -- rows ----------------------------------------------------------------------------------------------------------------


def _rows(reader: Reader, request: Request) -> Iterator[Row]:
    for symbol in request.symbols:
        yield from (
            _candles(reader, request, symbol) if request.dataset == "candles" else _trades(reader, request, symbol)
        )


def _candles(reader: Reader, request: Request, symbol: str) -> Iterator[Row]:
    after: datetime | None = None
    while True:
        page = reader.candles(
            request.exchange,
            symbol,
            request.timeframe,
            limit=_PAGE,
            ascending=True,
            start=request.start,
            end=request.end,
            after=after,
        )
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].window_start


def _trades(reader: Reader, request: Request, symbol: str) -> Iterator[Row]:
    after: TradeKey | None = None
    while True:
        page = reader.trades(
            request.exchange, symbol, limit=_PAGE, ascending=True, start=request.start, end=request.end, after=after
        )
        yield from page
        if len(page) < _PAGE:
            return
        after = TradeKey(page[-1].event_ts, page[-1].trade_id)


def _counted(rows: Iterator[Row], progress: Callable[[int], None]) -> Iterator[Row]:
    for count, row in enumerate(rows, 1):
        yield row
        if count % _PAGE == 0:
            progress(count)


# -- files ---------------------------------------------------------------------------------------------------------------


class _Counting:
    """A file that remembers what went into it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = sha256()
        self.rows = 0
        self.bytes = 0
        self.first: datetime | None = None
        self.last: datetime | None = None

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)
        self.bytes += len(data)

    def saw(self, row: Row) -> None:
        self.rows += 1
        at = row.window_start if isinstance(row, CandleRow) else row.event_ts
        self.first = at if self.first is None else min(self.first, at)
        self.last = at if self.last is None else max(self.last, at)

    def sha256(self) -> str:
        return self._digest.hexdigest()


def _write(rows: Iterator[Row], request: Request, out: _Counting) -> _Counting:
    writing = _csv if request.format == "csv" else _jsonl
    kind: type[Row] = CandleRow if request.dataset == "candles" else TradeRow
    writing(rows, kind.__struct_fields__, out)
    return out


def _csv(rows: Iterator[Row], fields: Sequence[str], out: _Counting) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(fields)
    for row in rows:
        out.saw(row)
        writer.writerow([_cell(getattr(row, field)) for field in fields])
        if out.rows % 1000 == 0:
            out.write(buffer.getvalue().encode())
            buffer.seek(0)
            buffer.truncate()
    out.write(buffer.getvalue().encode())


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return number(value)
    if isinstance(value, datetime):
        return _time(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text


def _jsonl(rows: Iterator[Row], fields: Sequence[str], out: _Counting) -> None:
    encoder = msgspec.json.Encoder(decimal_format="number")
    for row in rows:
        out.saw(row)
        out.write(encoder.encode(row) + b"\n")


@contextmanager
def _appearing(target: Path) -> Iterator[IO[bytes]]:
    """A file that is there whole or not at all."""
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    except OSError as error:
        raise SetupError(f"{target} cannot be written: {error.strerror or error}.") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _manifest(reader: Reader, request: Request, target: Path, wrote: _Counting) -> dict[str, Any]:
    asked = replace(request, start=None, end=None)
    first, last = request.start or wrote.first, request.end or wrote.last
    return {
        "file": target.name,
        "dataset": asked.dataset,
        "exchange": asked.exchange,
        "symbols": list(asked.symbols),
        "timeframe": asked.timeframe if asked.dataset == "candles" else None,
        "format": asked.format,
        "start": None if request.start is None else _time(request.start),
        "end": None if request.end is None else _time(request.end),
        "rows": wrote.rows,
        "first": None if wrote.first is None else _time(wrote.first),
        "last": None if wrote.last is None else _time(wrote.last),
        "quality": []
        if first is None or last is None
        else [completeness(reader, request.exchange, symbol, first, last) for symbol in request.symbols],
        "bytes": wrote.bytes,
        "sha256": wrote.sha256(),
        "cryptoviz": version("cryptoviz"),
        "written_at": _time(datetime.now(UTC)),
    }


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
