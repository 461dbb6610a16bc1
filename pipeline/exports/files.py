"""Datasets to files: exact decimals, UTC times, constant memory, and a manifest that says what is in the file.

Two ways in. PostgreSQL writes CSV itself (COPY), which csv files take nearly as it comes and Parquet reads by the megabyte; anything
else, and whatever lies in the cold tier too, goes row by row. Measured (`make bench`: export): the first way is ten times the second, and
as fast as the server writes, which takes 2.3 us a candle on its one core.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from pipeline.errors import SetupError
from pipeline.exports.completeness import completeness
from pipeline.exports.datasets import DATASETS, Dataset, parameters
from pipeline.exports.fetch import Job
from pipeline.exports.writers import WRITERS, Csv, Parquet, spelled
from pipeline.store.read import Reader, TradeKey

#: Rows read at a time: a few MB, and some 30 ms of the database's time.
_PAGE: Final = 10_000
#: Bytes of PostgreSQL's CSV looked at at a time, and those that may wait meanwhile, or nobody would fetch while we look.
_PIECE: Final = 1 << 19
_PIPE: Final = 1 << 20
#: What is the same in every row of a series: Parquet need not read it out of each.
_CONSTANT: Final = ("exchange", "symbol", "timeframe")

#: Hears the rows so far, and how much of the whole they are (0 … 1).
Progress = Callable[[int, float], None]


@dataclass(frozen=True)
class Request:
    """What to export. `start` ≤ time ≤ `end`; None is no bound. No symbol: all news."""

    dataset: str
    symbols: Sequence[str] = ()
    timeframe: str = "1m"
    exchange: str = "BINANCE"
    start: datetime | None = None
    end: datetime | None = None
    format: str = "csv"


def export(reader: Reader, request: Request, output: str, progress: Progress = lambda rows, share: None) -> int:
    """Write `request` to the file `output` and `<output>.manifest.json` beside it, or to standard output for "-"; the number of rows.

    Into a folder ("out/") goes a file for each symbol. A file appears when it is whole. Raises SetupError for what cannot be written.
    """
    if output == "-":
        return _write(reader, request, _Counting(sys.stdout.buffer), progress).rows
    if output.endswith(os.sep) or Path(output).is_dir():
        return _into(Path(output), reader, request, progress)
    target = Path(output)
    with _appearing(target) as file:
        counting = _write(reader, request, _Counting(file), progress)
    with _appearing(_beside(target)) as file:
        file.write(json.dumps(_manifest(reader, request, target, counting), indent=2).encode() + b"\n")
    return counting.rows


def name(request: Request, symbol: str | None) -> str:
    """Of a symbol's file in a folder, or of a download: BTC-USDT_candles_1m.csv."""
    parts = [symbol.replace("/", "-") if symbol else "", request.dataset]
    if DATASETS[request.dataset].timeframe:
        parts.append(request.timeframe)
    return "_".join(part for part in parts if part) + f".{request.format}"


def last_time(output: str) -> datetime | None:
    """Where the export that wrote `output` ended, for one that goes on from there; None when there is none."""
    path = _beside(Path(output))
    try:
        found = json.loads(path.read_text())["last"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError) as error:
        raise SetupError(
            f"{path} cannot be read ({error}): --since last needs the manifest of the export before."
        ) from error
    return None if found is None else datetime.fromisoformat(found)


def _beside(target: Path) -> Path:
    return target.with_name(f"{target.name}.manifest.json")


def _into(folder: Path, reader: Reader, request: Request, progress: Progress) -> int:
    rows = 0
    symbols: Sequence[str | None] = list(request.symbols) or [None]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"{folder} cannot be made: {error.strerror or error}.") from error
    for n, symbol in enumerate(symbols):
        one = Request(**{**request.__dict__, "symbols": [symbol] if symbol else []})
        rows += export(reader, one, str(folder / name(one, symbol)), _part(progress, rows, n, len(symbols)))
    return rows


def _part(progress: Progress, before: int, n: int, of: int) -> Progress:
    return lambda rows, share: progress(before + rows, (n + share) / of)


# -- what goes through ---------------------------------------------------------------------------------------------------


class _Counting:
    """A file that remembers what went into it."""

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = sha256()
        self.rows = 0
        self.bytes = 0
        self.first: datetime | None = None
        self.last: datetime | None = None

    def write(self, data: bytes) -> int:
        self._file.write(data)
        self._digest.update(data)
        self.bytes += len(data)
        return len(data)

    def flush(self) -> None:
        self._file.flush()

    def tell(self) -> int:
        return self.bytes

    def saw(self, count: int, first: datetime, last: datetime) -> None:
        """`count` rows more, of these times."""
        self.rows += count
        self.first = first if self.first is None else min(self.first, first)
        self.last = last if self.last is None else max(self.last, last)

    def sha256(self) -> str:
        return self._digest.hexdigest()


def _write(reader: Reader, request: Request, out: _Counting, progress: Progress) -> _Counting:
    dataset = DATASETS[request.dataset]
    # A workbook is put together at its end, back and forth.
    file = BytesIO() if request.format == "xlsx" else out
    writer = WRITERS[request.format](file, dataset.fields)
    try:
        symbols: Sequence[str | None] = list(request.symbols) or [None]
        for n, symbol in enumerate(symbols):
            told = _Share(request, out, progress, n, len(symbols))
            copies = isinstance(writer, Csv) or (isinstance(writer, Parquet) and not dataset.free_text)
            if copies and not (symbol and reader.has_cold(request.dataset, request.exchange, symbol)):
                _copy(reader, request, dataset, symbol, writer, out, told)
            else:
                for batch in _batches(reader, request, dataset, symbol):
                    out.saw(len(batch), batch[0][0], batch[-1][0])
                    writer.rows(batch)
                    told.at(batch[-1][0])
    finally:
        writer.close()
    if isinstance(file, BytesIO):
        out.write(file.getbuffer())  # type: ignore[arg-type]
    return out


class _Share:
    """How far it is, by time: counting rows beforehand would read them all."""

    def __init__(self, request: Request, out: _Counting, progress: Progress, n: int, of: int) -> None:
        self._begin = request.start
        self._end = request.end or datetime.now(UTC)
        self._out, self._progress, self._n, self._of = out, progress, n, of

    def at(self, time: datetime) -> None:
        self._begin = self._begin or time
        span = (self._end - self._begin).total_seconds()
        share = min(1.0, max(0.0, (time - self._begin).total_seconds() / span)) if span > 0 else 1.0
        self._progress(self._out.rows, (self._n + share) / self._of)


def _copy(
    reader: Reader, request: Request, dataset: Dataset, symbol: str | None, writer: Any, out: _Counting, told: _Share
) -> None:
    """PostgreSQL's own CSV."""
    values = parameters(request.exchange, symbol, request.timeframe, request.start, request.end)
    constant = {name: values[name] for name in _CONSTANT if name in dataset.fields}
    as_csv = isinstance(writer, Csv)
    sql = dataset.sql(dataset.csv_columns if as_csv else _columns(dataset, constant), request.start, request.end)
    if dataset.free_text:

        def take(lines: list[bytes]) -> None:
            out.saw(len(lines), _moment(lines[0]), last := _moment(lines[-1]))
            out.write(b"".join(lines))
            told.at(last)

        file = _Lines(take)
        with reader.raw() as connection, connection.cursor() as cursor:
            cursor.copy_expert(f"COPY ({cursor.mogrify(sql, values).decode()}) TO STDOUT (FORMAT csv)", file)
        file.end()
        return
    for piece in _pieces(Job(reader.dsn, sql, values)):
        out.saw(piece.count(b"\n"), _moment(piece), last := _moment(piece[piece.rfind(b"\n", 0, -1) + 1 :]))
        if as_csv:
            # Only times have spaces or end in +00 here.
            out.write(piece.replace(b" ", b"T").replace(b"+00,", b"Z,").replace(b"+00\n", b"Z\n"))
        else:
            writer.text(piece, constant)
        told.at(last)


class _Lines:
    """A file for lines that may hold anything, line breaks among it: only libpq knows where one ends, and hands them over one by one."""

    def __init__(self, take: Callable[[list[bytes]], Any]) -> None:
        self._take = take
        self._lines: list[bytes] = []

    def write(self, line: bytes) -> None:
        self._lines.append(line)
        if len(self._lines) >= _PAGE:
            self.end()

    def end(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            self._take(lines)


def _pieces(job: Job) -> Iterator[bytes]:
    """The rows as CSV, in pieces of whole lines. Raises SetupError when they cannot be had."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.exports.fetch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        pipesize=_PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    rest = b""
    try:
        with process.stdin, suppress(BrokenPipeError):
            process.stdin.write(msgspec.json.encode(job))
        while read := process.stdout.read(_PIECE):
            whole = read.rfind(b"\n") + 1
            if whole:
                yield rest + read[:whole]
            rest = read[whole:] if whole else rest + read
        if process.wait():
            raise SetupError(f"The database cannot be read: {process.stderr.read().decode(errors='replace').strip()}")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def _columns(dataset: Dataset, constant: Mapping[str, str]) -> str:
    return ", ".join(
        f"{one}::text" if kind == "bool" else one for one, kind in dataset.fields.items() if one not in constant
    )


def _moment(line: bytes) -> datetime:
    return datetime.fromisoformat(line[: line.index(b",")].decode())


def _batches(reader: Reader, request: Request, dataset: Dataset, symbol: str | None) -> Iterator[list[Sequence[Any]]]:
    """Never an empty one."""
    if request.dataset in ("candles", "trades"):
        # The reader joins the tiers.
        pages = _candles if request.dataset == "candles" else _trades
        for page in pages(reader, request, symbol or ""):
            if page:
                yield [[getattr(row, field) for field in dataset.fields] for row in page]
        return
    sql = dataset.sql(dataset.columns, request.start, request.end)
    values = parameters(request.exchange, symbol, request.timeframe, request.start, request.end)
    with reader.raw() as connection, connection.cursor("export") as cursor:
        cursor.execute(sql, values)
        while batch := cursor.fetchmany(_PAGE):
            yield batch


def _candles(reader: Reader, request: Request, symbol: str) -> Iterator[Sequence[Any]]:
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
        yield page
        if len(page) < _PAGE:
            return
        after = page[-1].window_start


def _trades(reader: Reader, request: Request, symbol: str) -> Iterator[Sequence[Any]]:
    after: TradeKey | None = None
    while True:
        page = reader.trades(
            request.exchange, symbol, limit=_PAGE, ascending=True, start=request.start, end=request.end, after=after
        )
        yield page
        if len(page) < _PAGE:
            return
        after = TradeKey(page[-1].event_ts, page[-1].trade_id)


# -- files ---------------------------------------------------------------------------------------------------------------


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
    first, last = request.start or wrote.first, request.end or wrote.last
    return {
        "file": target.name,
        "dataset": request.dataset,
        "exchange": request.exchange,
        "symbols": list(request.symbols),
        "timeframe": request.timeframe if DATASETS[request.dataset].timeframe else None,
        "format": request.format,
        "start": None if request.start is None else spelled(request.start),
        "end": None if request.end is None else spelled(request.end),
        "rows": wrote.rows,
        "first": None if wrote.first is None else spelled(wrote.first),
        "last": None if wrote.last is None else spelled(wrote.last),
        "quality": []
        if first is None or last is None
        else [completeness(reader, request.exchange, symbol, first, last) for symbol in request.symbols],
        "bytes": wrote.bytes,
        "sha256": wrote.sha256(),
        "cryptoviz": version("cryptoviz"),
        "written_at": spelled(datetime.now(UTC)),
    }
