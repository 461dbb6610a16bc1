"""`cryptoviz backfill`: history on request, with a progress bar on a terminal."""

import asyncio
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import redis
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from pipeline import bus as buses
from pipeline.bus.topics import BARS
from pipeline.clock import now_ms
from pipeline.errors import ExchangeUnavailable, SetupError
from pipeline.exchanges import REPLAY, open_exchange
from pipeline.exchanges.base import Exchange
from pipeline.exchanges.weights import Weights
from pipeline.keeping.backfill import KEPT, Backfill, Counts, Wanted, default
from pipeline.keeping.patience import patiently
from pipeline.keeping.trade_history import Fetched, TradeHistory, reached
from pipeline.settings import Settings
from pipeline.store import progress
from pipeline.store.session import Session, ms
from pipeline.store.write import Store
from pipeline.timeframes import TIMEFRAMES

#: The collector keeps a quarter of what the exchange allows us for repairs meanwhile.
_SHARE: Final = 0.6
#: Hides the travel to the exchange and the writer's commits; more would wait for each other there.
_AT_ONCE: Final = 6
_DAYS: Final = re.compile(r"(\d{1,5})d")


def run(settings: Settings, symbols: Sequence[str], timeframes: Sequence[str], since: str | None) -> Counts:
    """Fetch what is missing of these series. Raises SetupError for what cannot be."""
    if settings.exchange.startswith(REPLAY):
        raise SetupError("A replay has no history beyond its recording; name the exchange with --exchange.")
    if unknown := [name for name in timeframes if name not in KEPT]:
        raise SetupError(f"--timeframe: '{unknown[0]}' has no history; use {', '.join(KEPT)}.")
    wanted = [w for w in default(symbols, settings.backfill_days) if w.timeframe in timeframes]
    if since is not None:
        start = _time(since)
        wanted = [w._replace(since=start) for w in wanted]
    return asyncio.run(_run(settings, symbols, wanted))


async def _run(settings: Settings, symbols: Sequence[str], wanted: Sequence[Wanted]) -> Counts:
    client = redis.Redis.from_url(settings.redis_url, socket_timeout=5, socket_connect_timeout=5)
    bus = buses.connect(settings)
    session = Session(settings.database_url)
    exchange = open_exchange(settings, Weights(client, settings.binance_rest_url, _SHARE))
    console = Console(stderr=True)
    try:
        await _check(exchange, symbols)
        await patiently(lambda why: console.print(why, markup=False), bus.ensure_topics, BARS)
        backfill = Backfill(exchange, bus, progress.Progress(session), at_once=_AT_ONCE)
        await backfill.plan(wanted)
        with _bar(console) as bar:
            task = bar.add_task("candles", total=backfill.counts.windows, trouble="")
            running = asyncio.create_task(backfill.run())
            while not running.done():
                await asyncio.wait([running], timeout=0.2)
                counts = backfill.counts
                bar.update(task, completed=counts.done + counts.failed, trouble=backfill.trouble)
        return await running
    finally:
        await exchange.close()
        session.close()
        bus.close()
        client.close()


def run_trades(settings: Settings, symbols: Sequence[str], since: str | None) -> Fetched:
    """Fetch the single trades that are missing. Raises SetupError for what cannot be."""
    if settings.exchange.startswith(REPLAY):
        raise SetupError("A replay has no history beyond its recording; name the exchange with --exchange.")
    return asyncio.run(_run_trades(settings, symbols, _time(since or f"{settings.backfill_days}d")))


async def _run_trades(settings: Settings, symbols: Sequence[str], since: int) -> Fetched:
    client = redis.Redis.from_url(settings.redis_url, socket_timeout=5, socket_connect_timeout=5)
    session, store = Session(settings.database_url), Store(settings.database_url)
    exchange = open_exchange(settings, Weights(client, settings.binance_rest_url, _SHARE))
    console = Console(stderr=True)
    try:
        await _check(exchange, symbols)
        with Progress(
            SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed:,} trades, back to {task.fields[back]}"),
            TextColumn("{task.fields[trouble]}", markup=False), console=console, disable=not sys.stdout.isatty(),
        ) as bar:  # fmt: skip
            task = bar.add_task("", total=None, back="", trouble="")
            history = TradeHistory(exchange, session, store, lambda why: bar.update(task, trouble=why))
            for symbol in symbols:
                bar.update(task, description=symbol)
                running = asyncio.create_task(history.fill(symbol, since))
                while not running.done():
                    await asyncio.wait([running], timeout=0.2)
                    bar.update(task, completed=history.fetched.trades, back=reached(history.fetched))
                await running
        return history.fetched
    finally:
        await exchange.close()
        store.close()
        session.close()
        client.close()


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[trouble]}", markup=False), console=console, disable=not sys.stdout.isatty(),
    )  # fmt: skip


async def _check(exchange: Exchange, symbols: Sequence[str]) -> None:
    try:
        known = await exchange.markets(symbols)
    except ExchangeUnavailable as error:
        raise SetupError(f"The exchange does not answer: {error}") from error
    if unknown := [symbol for symbol in symbols if symbol not in known]:
        raise SetupError(f"Not traded at {exchange.label}: {' '.join(unknown)}")


def _time(text: str) -> int:
    """`30d`, or a date or time as RFC 3339 has it, UTC unless it says otherwise; ms. Raises SetupError."""
    if match := _DAYS.fullmatch(text):
        return max(0, now_ms() - int(match[1]) * TIMEFRAMES["1d"])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SetupError(f"--since: '{text}' is neither a time like 2026-01-31 nor days like 30d.") from None
    return max(0, ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC)))
