"""`cryptoviz up`: the whole terminal on one machine, from an empty folder to a URL."""

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Final
from zlib import crc32

import redis
import typer
from pydantic import SecretStr

from pipeline import status
from pipeline.access.start import check_access
from pipeline.collecting.publisher import LAST_TRADE_KEY
from pipeline.embedded import folder
from pipeline.embedded.network import BinanceProbe, answers, await_listener, free_port
from pipeline.embedded.postgres import EmbeddedPostgres
from pipeline.embedded.supervisor import Supervisor
from pipeline.embedded.valkey import EmbeddedValkey
from pipeline.exchanges import REPLAY, check
from pipeline.settings import Settings
from pipeline.store.migrate import migrate

#: All but the collector, which waits for its exchange; what takes longest to come up first.
_OTHERS: Final = ("web", "writer", "candles", "bridge", "indicators", "alerts", "news")
WORKERS: Final = (*_OTHERS, "collector")

#: Source of the market → its database and its Valkey number. Each has its own, so that made-up prices, or those of a recording,
#: never stand among real ones, whichever `auto` took yesterday.
_STORES: Final = {
    "binance": ("cryptoviz", 0),
    "simulator": ("cryptoviz_simulator", 1),
    "replay": ("cryptoviz_replay", 2),
}


#: Valkey numbers that the servers start with; the first are taken above.
_NUMBERS: Final = range(3, 16)


def _stores(source: str) -> tuple[str, int]:
    """Another exchange's are named after it."""
    return _STORES.get(source) or (f"cryptoviz_{source}", _NUMBERS[crc32(source.encode()) % len(_NUMBERS)])


class _Screen:
    """One line per part, after the time since the command."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def say(self, part: str, text: str) -> None:
        typer.echo(f"{time.monotonic() - self._start:7.1f} s  {part:<10} {text}")


class _Announcer:
    """Says once of each worker that it runs, then the URL, then that a replay is over."""

    def __init__(self, client: Any, say: Callable[[str, str], None], settings: Settings) -> None:
        self._redis = client
        self._say = say
        self._settings = settings
        self._silent = set(WORKERS)
        self._replaying = settings.exchange.startswith(REPLAY)
        self.ready = False

    def tick(self) -> None:
        if not (self._silent or self._replaying):
            return
        try:
            states = status.read_all(self._redis)
        except redis.RedisError:
            return
        for name in sorted(self._silent - {"web"}):
            one = states.get(name)
            if one is not None and one.state not in ("starting", "failing"):
                self._silent.discard(name)
                self._say(name, one.state + (f": {one.detail}" if one.detail else ""))
        if "web" in self._silent and answers(f"{url(self._settings)}/health"):
            self._silent.discard("web")
            self._say("web", f"{url(self._settings)}")
            typer.echo(f"\n           Open {url(self._settings)}   (Ctrl-C stops everything)\n")
        if self._replaying and _all_stored(states):
            self._replaying = False
            self._say("replay", "at its end, and all of it is stored")


def url(settings: Settings) -> str:
    """Where a browser on this machine finds the page."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104
    return f"http://{host}:{settings.port}"


def run(settings: Settings, *, fresh: bool, ask: Callable[[str], bool] | None) -> None:
    """Start, watch, and on SIGTERM or Ctrl-C stop everything. Raises SetupError. `ask` is None to take yes for granted."""
    stop = threading.Event()
    hurry = _on_signals(stop)
    data = settings.data.resolve()
    check(settings.exchange)
    check_access(settings)
    settings = settings.model_copy(update={"data": data, "port": free_port(settings.host, settings.port)})
    if fresh:
        folder.check_ours(data)
        if data.exists() and ask is not None and not ask(f"Delete everything stored in {data}?"):
            return
    screen = _Screen()
    typer.echo(f"CryptoViz · data in {data}")
    with folder.held(data):
        if fresh:
            folder.empty(data)
        _run_held(settings, screen, stop, hurry)
    screen.say("", "stopped")


def _run_held(settings: Settings, screen: _Screen, stop: threading.Event, hurry: list[Callable[[], None]]) -> None:
    data = settings.data
    probe = BinanceProbe(settings.binance_rest_url) if settings.exchange == "auto" else None
    if probe:
        probe.start()
    valkey, postgres = EmbeddedValkey(data), EmbeddedPostgres(data)
    client: Any = None
    supervisor: Supervisor | None = None
    try:
        redis_url = valkey.start()
        screen.say("valkey", "ready")
        postgres.start()
        screen.say("postgres", "ready")
        name, why = _choose_exchange(settings, probe)
        source = REPLAY.rstrip(":") if name.startswith(REPLAY) else name
        database, number = _stores(source)
        database_url = postgres.database(database)
        redis_url = redis_url.replace("db=0", f"db={number}")
        applied = migrate(database_url)
        screen.say("sql", f"{len(applied)} files applied" if applied else "up to date")
        settings = settings.model_copy(
            update={
                "bus": "streams",
                "redis_url": redis_url,
                "database_url": database_url,
                "exchange": name,
                "cold_url": settings.cold_url or str(data / "cold" / database),
                # Ten processes, one port: here the web server tells what they say (docs/metrics.md).
                "metrics_port": 0,
            }
        )
        client = redis.Redis.from_url(redis_url, socket_timeout=2)
        client.delete(status.KEY)
        status.report(client, "exchange", "running", why, source=source)
        screen.say("exchange", f"{name} ({why})")
        supervisor = Supervisor(data / "logs", client, screen.say)
        hurry.append(supervisor.hurry)
        supervisor.add_server("valkey", valkey)
        supervisor.add_server("postgres", postgres)
        if name == "simulator":
            # Its market begins anew with each start: of what it would have traded meanwhile nothing is missing.
            client.delete(LAST_TRADE_KEY)
            # Before the others: its market must be there when the collector asks for it.
            base = f"127.0.0.1:{free_port('127.0.0.1', 0)}"
            settings = settings.model_copy(
                update={"binance_ws_url": f"ws://{base}", "binance_rest_url": f"http://{base}"}
            )
            port = base.rpartition(":")[2]
            supervisor.add_worker("simulator", environment(settings), ("--port", port), speaks=False)
        folder.announce(settings)
        for worker in _OTHERS:
            # Whoever reads the web server's state reads it from the web server.
            speaks = worker != "web"
            supervisor.add_worker(worker, environment(settings), death=_death_signal(worker), speaks=speaks)
        if name == "simulator":
            await_listener(settings.binance_rest_url, stop)
        if not stop.is_set():
            supervisor.add_worker("collector", environment(settings))
            # Nobody waits for it: it is not among the WORKERS.
            supervisor.add_worker("keeper", environment(settings))
        supervisor.run(stop, _Announcer(client, screen.say, settings).tick)
        screen.say("", "stopping")
    finally:
        if supervisor:
            supervisor.stop()
        else:
            postgres.stop()
            valkey.stop()
        if client is not None:
            client.close()


def environment(settings: Settings) -> dict[str, str]:
    """Our environment with every setting in it, so a worker sees exactly what we do."""
    env = dict(os.environ)
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        plain = value.get_secret_value() if isinstance(value, SecretStr) else value
        env[f"CRYPTOVIZ_{name.upper()}"] = ",".join(plain) if isinstance(plain, tuple) else str(plain)
    return env


def _choose_exchange(settings: Settings, probe: BinanceProbe | None) -> tuple[str, str]:
    """The exchange, and why it is this one."""
    if probe is None:
        return settings.exchange, "as asked"
    if probe.decided():
        return "binance", "it answers"
    return "simulator", f"Binance: {probe.reason}"


def _death_signal(worker: str) -> signal.Signals:
    """What a worker gets when we die. The web server has children of its own, to be told by it."""
    return signal.SIGTERM if worker == "web" else signal.SIGKILL


def _on_signals(stop: threading.Event) -> list[Callable[[], None]]:
    """SIGTERM, Ctrl-C and a closed terminal stop; a second one calls what is in the list returned."""
    hurry: list[Callable[[], None]] = []

    def handler(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            for each in hurry:
                each()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, handler)
    return hurry


def _all_stored(states: dict[str, status.Status]) -> bool:
    collector, candles, writer = (states.get(name) for name in ("collector", "candles", "writer"))
    if collector is None or candles is None or writer is None or collector.state != "finished":
        return False
    return candles.facts.get("lag") == 0 and writer.facts.get("lag") == 0
