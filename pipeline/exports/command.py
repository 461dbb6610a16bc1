"""`cryptoviz export`: what was typed → a request, a progress line on a terminal, a readable mistake."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from sqlalchemy.exc import SQLAlchemyError

from pipeline.errors import ColdUnavailable, SetupError
from pipeline.exports.datasets import DATASETS
from pipeline.exports.files import Request, export, last_time
from pipeline.exports.writers import FORMATS
from pipeline.settings import Settings
from pipeline.store.read import open_reader
from pipeline.symbols import parse_symbol
from pipeline.timeframes import TIMEFRAMES


def run(
    settings: Settings,
    dataset: str,
    symbols: Sequence[str],
    output: str,
    *,
    timeframe: str,
    start: str | None,
    end: str | None,
    since: str | None,
    format_: str,
    exchange: str,
    progress: bool = False,
) -> None:
    """Raises SetupError, which the command line turns into exit code 2."""
    _one_of("dataset", dataset, list(DATASETS))
    _one_of("--format", format_, FORMATS)
    _one_of("--timeframe", timeframe, list(TIMEFRAMES))
    if DATASETS[dataset].symbol and not symbols:
        raise SetupError(f"--symbol: {dataset} needs one, like BTC/USDT.")
    begin = _time("--start", start)
    if since is not None:
        _one_of("--since", since, ["last"])
        if output == "-" or output.endswith("/"):
            raise SetupError("--since last: goes on from a file's manifest. Name a file.")
        begin = last_time(output) or begin
    request = Request(
        dataset,
        [_symbol(one) for one in symbols],
        timeframe,
        exchange.upper(),
        start=begin,
        end=_time("--end", end),
        format=format_,
    )
    reader = open_reader(settings.database_url, settings.cold_url)
    # On standard error, and only for eyes: a pipe gets the rows and nothing else.
    console = Console(stderr=True)
    try:
        with Progress(
            BarColumn(), TextColumn("{task.fields[rows]:,} rows"), TimeElapsedColumn(), TimeRemainingColumn(),
            console=console, disable=not sys.stderr.isatty(), transient=True,
        ) as bar:  # fmt: skip
            task = bar.add_task("export", total=1.0, rows=0)

            def heard(count: int, share: float) -> None:
                bar.update(task, completed=share, rows=count)
                if progress:
                    print(f"[{count},{share:.4f}]", file=sys.stderr, flush=True)

            rows = export(reader, request, output, heard)
    except SQLAlchemyError as error:
        raise SetupError(
            f"The database does not answer ({str(error).splitlines()[0]}). Is `cryptoviz up` running, or is --data another folder?"
        ) from error
    except ColdUnavailable as error:
        raise SetupError(f"Older rows cannot be read: {error}") from error
    finally:
        reader.close()
    if sys.stderr.isatty():
        console.print(f"{rows:,} rows" + ("" if output == "-" else f" in {output}"))


def _one_of(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise SetupError(f"{name}: '{value}' is none of {', '.join(allowed)}.")


def _symbol(text: str) -> str:
    parsed = parse_symbol(text)
    if parsed is None:
        raise SetupError(f"--symbol: '{text}' is not a symbol; write it like BTC/USDT.")
    return parsed


def _time(name: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise SetupError(f"{name}: '{text}' is not a time like 2026-01-31T12:00:00Z.") from error
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
