"""The `cryptoviz` command. Everything heavy is imported by the command that needs it, so each starts fast."""

import gc
import importlib
import os
import signal
import sys
import threading
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from pipeline import alive, metrics
from pipeline.access.command import users
from pipeline.errors import SetupError
from pipeline.settings import Settings, load

app = typer.Typer(
    help="CryptoViz, a real-time cryptocurrency terminal.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

app.add_typer(users, name="user")

#: Bytes of a dead letter that are shown.
_SHOWN = 300

Host = Annotated[str | None, typer.Option(help="Address the web server listens on. [default: 127.0.0.1]")]
Port = Annotated[int | None, typer.Option(help="Port of the web server; 0 takes a free one. [default: 8050]")]
ExchangeName = Annotated[
    str | None,
    typer.Option("--exchange", help="auto, binance, simulator or replay:FILE[,FILE…]. [default: auto]"),
]
Symbols = Annotated[str | None, typer.Option(help="Symbols to follow, like BTC/USDT,ETH/USDT.")]
Data = Annotated[Path | None, typer.Option(help="Folder of the embedded servers, kept between runs. [default: data]")]
Rate = Annotated[float | None, typer.Option(help="Trades a second of the simulated market. [default: 40]")]
Seed = Annotated[int | None, typer.Option(help="Seed of the simulated market. [default: 1]")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cryptoviz {metadata.version('cryptoviz')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Say which it is.")
    ] = False,
) -> None:
    pass


@app.command()
def up(
    host: Host = None,
    port: Port = None,
    exchange: ExchangeName = None,
    symbols: Symbols = None,
    data: Data = None,
    rate: Rate = None,
    seed: Seed = None,
    speed: Annotated[str | None, typer.Option(help="Speed of a replay: 1, 10, … or max. [default: 1]")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Empty the data folder first (asks).")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Answer yes to every question.")] = False,
) -> None:
    """Start everything on this machine: database, bus, workers, web. Ctrl-C stops it."""
    settings = load(
        host=host, port=port, exchange=exchange, symbols=symbols, data=data, simulator_rate=rate, simulator_seed=seed,
        replay_speed=speed,
    )  # fmt: skip
    from pipeline.embedded.up import run

    run(settings, fresh=fresh, ask=None if yes else typer.confirm)


@app.command()
def collector() -> None:
    """Worker: exchange → bus."""
    _work("collector", "pipeline.workers.collector")


@app.command()
def candles() -> None:
    """Worker: trades → candles."""
    _work("candles", "pipeline.workers.candles")


@app.command()
def indicators() -> None:
    """Worker: candles → indicators."""
    _work("indicators", "pipeline.workers.indicators")


@app.command()
def news() -> None:
    """Worker: news sources → bus."""
    _work("news", "pipeline.workers.news", leisurely=True)


@app.command()
def writer() -> None:
    """Worker: bus → database."""
    _work("writer", "pipeline.workers.writer")


@app.command()
def bridge() -> None:
    """Worker: bus → live pub/sub."""
    _work("bridge", "pipeline.workers.bridge")


@app.command()
def alerts() -> None:
    """Worker: what happens on the bus → alerts."""
    _work("alerts", "pipeline.workers.alerts")


@app.command()
def keeper() -> None:
    """Worker: keeps history whole, at leisure."""
    # Before anything heavy is imported: what others do at the same time is more urgent.
    os.nice(10)
    _work("keeper", "pipeline.workers.keeper", leisurely=True)


@app.command()
def web(host: Host = None, port: Port = None) -> None:
    """Worker: pages, REST and WebSocket."""
    # By name: pipeline never imports dashboard.
    _work("web", "dashboard.server", host=host, port=port)


@app.command()
def simulator(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 9443,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    symbols: Symbols = None,
    rate: Rate = None,
    seed: Seed = None,
) -> None:
    """A local server that speaks Binance's protocol, with a simulated market."""
    settings = load(symbols=symbols, simulator_rate=rate, simulator_seed=seed)
    _set_up_logs(settings, "simulator")
    from pipeline.exchanges.simulator import serve

    serve(
        settings.simulator_seed, settings.simulator_rate, settings.symbols, host, port, stopped_by_signals(),
        on_ready=lambda ws_url, rest_url: typer.echo(f"{ws_url} {rest_url}"),
    )  # fmt: skip


@app.command()
def record(
    file: Annotated[Path, typer.Argument(help="Where to write; zstd-compressed.")],
    exchange: ExchangeName = None,
    symbols: Symbols = None,
) -> None:
    """Write the exchange's raw frames with their receive times, until Ctrl-C."""
    settings = load(exchange=exchange, symbols=symbols)
    _set_up_logs(settings, "record")
    from pipeline.exchanges.recording import record as write

    frames = write(settings, file, stopped_by_signals())
    typer.echo(f"{frames} frames in {file}")


@app.command()
def migrate() -> None:
    """Apply sql/ to the database."""
    settings = load()
    from pipeline.store.migrate import migrate as apply

    applied = apply(settings.database_url)
    typer.echo("\n".join(f"applied {name}" for name in applied) or "already up to date")


@app.command()
def doctor(host: Host = None, port: Port = None, data: Data = None) -> None:
    """Say what is wrong with the set-up, and how to mend it."""
    settings = load(host=host, port=port, data=data)
    from pipeline.doctor import examine

    raise typer.Exit(examine(settings, typer.echo))


@app.command()
def backfill(
    symbol: Annotated[
        list[str] | None, typer.Option(help="Symbol, like BTC/USDT; may be repeated. [default: all]")
    ] = None,
    timeframe: Annotated[list[str] | None, typer.Option(help="1m … 1d; may be repeated. [default: all]")] = None,
    since: Annotated[
        str | None, typer.Option(help="From when: a time like 2026-01-31, or days like 30d. [default: backfill_days]")
    ] = None,
    trades: Annotated[
        bool, typer.Option("--trades", help="The single trades instead of candles, back from the oldest stored one.")
    ] = False,
    exchange: ExchangeName = None,
    data: Data = None,
) -> None:
    """Fetch what is missing of the exchange's candles, or trades, newest first. May be stopped and run again at any time."""
    settings = _attached(load(data=data, exchange=exchange, symbols=",".join(symbol) if symbol else None))
    _set_up_logs(settings, "backfill")
    from pipeline.keeping.backfill import KEPT
    from pipeline.keeping.command import run, run_trades

    if trades:
        fetched = run_trades(settings, settings.symbols, since)
        typer.echo(f"{fetched.trades} trades fetched; {fetched.failed} symbols left to the next run")
        raise typer.Exit(1 if fetched.failed else 0)
    counts = run(settings, settings.symbols, tuple(timeframe or KEPT), since)
    typer.echo(f"{counts.candles} candles fetched; {counts.done} of {counts.windows} missing windows are there now")
    if counts.failed:
        raise typer.Exit(1)


@app.command()
def export(
    dataset: Annotated[str, typer.Argument(help="candles, trades, indicators, news or quality.")],
    output: Annotated[
        str, typer.Option("--output", "-o", help="File; a folder (out/) for a file each symbol; - for standard output.")
    ],
    symbol: Annotated[
        list[str] | None, typer.Option(help="Symbol, like BTC/USDT; may be given several times. News go without, too.")
    ] = None,
    timeframe: Annotated[str, typer.Option(help="Of candles and indicators.")] = "1m",
    start: Annotated[str | None, typer.Option(help="First time, like 2026-01-31T12:00:00Z.")] = None,
    end: Annotated[str | None, typer.Option(help="Last time.")] = None,
    since: Annotated[
        str | None, typer.Option(help="`last`: go on where the export that wrote this file ended.")
    ] = None,
    format_: Annotated[str, typer.Option("--format", help="csv, parquet, jsonl or xlsx.")] = "csv",
    exchange: Annotated[str, typer.Option(help="Whose.")] = "BINANCE",
    progress: Annotated[
        bool, typer.Option("--progress", help="Say [rows, share] a line on standard error, for programs.")
    ] = False,
    data: Data = None,
) -> None:
    """Write what is stored to a file, with a manifest beside it."""
    settings = _attached(load(data=data))
    from pipeline.exports.command import run

    run(
        settings,
        dataset,
        symbol or [],
        output,
        timeframe=timeframe,
        start=start,
        end=end,
        since=since,
        format_=format_,
        exchange=exchange,
        progress=progress,
    )


@app.command()
def tiers(
    move: Annotated[
        bool, typer.Option("--move", help="Move what is due to the cold tier first, and expire there.")
    ] = False,
    data: Data = None,
) -> None:
    """What lies where: in the database, and in the cold tier."""
    settings = _attached(load(data=data))
    _set_up_logs(settings, "tiers")
    from pipeline.keeping.tiers_command import run

    run(settings, move, typer.echo)


@app.command()
def deadletters(
    replay: Annotated[bool, typer.Option("--replay", help="Publish them again to the topics they came from.")] = False,
    data: Data = None,
) -> None:
    """Messages that could not be read, since the last replay: where they came from, and what is wrong with them."""
    settings = _attached(load(data=data))
    from pipeline import bus
    from pipeline.bus.base import BusUnavailable
    from pipeline.bus.deadletters import DeadLetters

    connection = bus.connect(settings)
    try:
        letters = DeadLetters(connection)
        try:
            found = letters.read()
            for letter in found:
                head = letter.headers
                where = f"{head.get('topic', '?')}/{head.get('partition', '?')} at {head.get('offset', '?')}"
                typer.echo(f"{where}: {head.get('error', '?')!r}\n    {letter.value[:_SHOWN]!r}")
            done = f", {letters.replay(found)} published again" if replay else ""
            typer.echo(f"{len(found)} dead letters{done}")
        finally:
            letters.close()
    except BusUnavailable as error:
        raise SetupError(f"The bus cannot be read: {error}") from error
    finally:
        connection.close()


def stopped_by_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = threading.Event()

    def handler(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, handler)
    signal.signal(signal.SIGINT, handler)
    return stop


def _work(name: str, module: str, *, leisurely: bool = False, **overrides: object) -> None:
    # Imports make hundreds of thousands of objects that never go: looking through them while they grow is a tenth of the start.
    gc.disable()
    settings = load(**overrides)
    _set_up_logs(settings, name)
    alive.keep(settings.alive)
    metrics.begin(name)
    if settings.metrics_port and name != "web":
        from pipeline import exposition

        exposition.serve(settings)
    stop = stopped_by_signals()
    worker = importlib.import_module(module)
    gc.freeze()
    if not leisurely:
        # Nor afterwards: messages hold no cycles, and a look a hundred times a second took the collector a fifth of its time (py-spy,
        # 60 000 trades/s). Who asks others over HTTP has no such hurry, and each answer of httpx leaves a ring of objects behind (the
        # soak: 10 MiB in half an hour).
        gc.set_threshold(50_000, 20, 50)
    gc.enable()
    worker.run(settings, stop)


def _attached(settings: Settings) -> Settings:
    from pipeline.embedded.folder import attached

    return attached(settings)


def _set_up_logs(settings: Settings, worker: str) -> None:
    from pipeline import logs

    logs.setup(settings, worker)


def main() -> None:
    """Entry of the console script. A mistake of the user's is one readable message and exit code 2."""
    try:
        app()
    except SetupError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
