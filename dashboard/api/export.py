"""Datasets as downloads. The work is a process of its own (`cryptoviz export … -o -`): it may take minutes of CPU, and COPY would
stop the event loop."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Final

import structlog
from flask import Blueprint, Response, request
from gevent.lock import BoundedSemaphore

from dashboard.api import parameters
from dashboard.api.errors import ApiError
from dashboard.services import services
from pipeline.exports.datasets import DATASETS, Dataset
from pipeline.exports.files import Request, name
from pipeline.symbols import parse_symbol

routes = Blueprint("export", __name__, url_prefix="/api/v1/export")
_log = structlog.get_logger(__name__)

FORMATS: Final = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "jsonl": "application/x-ndjson",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
MOST_SYMBOLS: Final = 50
_PIECE: Final = 256 * 1024
_SECRETS: Final = ("CRYPTOVIZ_SECRET_KEY", "CRYPTOVIZ_METRICS_TOKEN")
#: At a time in one web process; each is a core's work.
_AT_ONCE: Final = 2
_running = BoundedSemaphore(_AT_ONCE)


@routes.get("/<dataset>")
def download(dataset: str) -> Response:
    """Streamed: memory stays the same for any size, and the work ends with the connection."""
    if dataset not in DATASETS:
        raise ApiError(404, "NOT_FOUND", f"There is no dataset {dataset[:20]!r}: {', '.join(DATASETS)}.")
    format_ = request.args.get("format") or "csv"
    if format_ not in FORMATS:
        parameters.refuse("INVALID_BODY", f"format: '{format_[:20]}' is none of {', '.join(FORMATS)}.")
    symbols = parsed([one for one in request.args.get("symbol", "").split(",") if one.strip()], DATASETS[dataset])
    start, end = parameters.time_range()
    wanted = Request(dataset, symbols, parameters.interval(), parameters.exchange(), start, end, format_)
    if not _running.acquire(blocking=False):
        error = ApiError(429, "RATE_LIMITED", f"{_AT_ONCE} exports are being made already. Try again when one is done.")
        error.retry_after = 10
        raise error
    response = Response(_made(wanted), mimetype=FORMATS[format_])
    response.headers["Content-Disposition"] = (
        f'attachment; filename="{name(wanted, symbols[0] if len(symbols) == 1 else None)}"'
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def parsed(given: Sequence[str], dataset: Dataset) -> list[str]:
    """Symbols as we write them."""
    if not given and dataset.symbol:
        parameters.refuse("MISSING_PARAMETER", "symbol is missing: name one or more, like BTC/USDT,ETH/USDT.")
    if len(given) > MOST_SYMBOLS:
        parameters.refuse("INVALID_SYMBOL", f"symbol: {len(given)} are more than {MOST_SYMBOLS} at once.")
    found = [(one, parse_symbol(one)) for one in given]
    for one, symbol in found:
        if symbol is None:
            parameters.refuse("INVALID_SYMBOL", f"symbol: '{one[:60]}' is not a symbol. Write it like BTC/USDT.")
    return [symbol for _, symbol in found if symbol]


def command(wanted: Request, output: str) -> list[str]:
    """`cryptoviz export` of it."""
    return [
        sys.executable, "-m", "pipeline.cli", "export", wanted.dataset, "--format", wanted.format, "--timeframe", wanted.timeframe,
        "--exchange", wanted.exchange, "-o", output, *(part for one in wanted.symbols for part in ("--symbol", one)),
        *(("--start", wanted.start.isoformat()) if wanted.start else ()), *(("--end", wanted.end.isoformat()) if wanted.end else ()),
    ]  # fmt: skip


def environment() -> dict[str, str]:
    """What this process is connected to, whatever a file says; and of its secrets nothing."""
    settings = services().settings
    ours = {name: value for name, value in os.environ.items() if name not in _SECRETS}
    return ours | {"CRYPTOVIZ_DATABASE_URL": settings.database_url, "CRYPTOVIZ_COLD_URL": settings.cold_url}


def _made(wanted: Request) -> Iterator[bytes]:
    line, given = command(wanted, "-"), environment()

    def stream() -> Iterator[bytes]:
        process = subprocess.Popen(line, env=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: S603
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            while piece := process.stdout.read(_PIECE):
                yield piece
            if process.wait():
                # The head is long gone: the caller learns it from a body that breaks off.
                _log.error(
                    "export failed", dataset=wanted.dataset, error=process.stderr.read().decode(errors="replace")[-500:]
                )
                raise OSError("the export broke off")
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()
            _running.release()

    return _Held(stream())


class _Held:
    """Gives the place back also when nobody ever asks for the first piece."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._begun = False

    def __iter__(self) -> "_Held":
        return self

    def __next__(self) -> bytes:
        self._begun = True
        return next(self._pieces)

    def close(self) -> None:
        if self._begun:
            self._pieces.close()  # type: ignore[attr-defined]
        else:
            self._begun = True
            _running.release()
