"""`cryptoviz doctor`: looks at everything a run needs, and says of each what is wrong and how to mend it."""

import platform
import shutil
import socket
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Final, Literal, NamedTuple

import httpx
import psycopg2
import redis

from pipeline.clock import now_ms
from pipeline.embedded import folder
from pipeline.settings import Settings
from pipeline.store.engine import dsn

Level = Literal["ok", "warn", "fail"]

#: Bytes: an empty cluster and its write-ahead log take 60 MB, a busy one up to 2 GB (max_wal_size) and its data.
_DISK_FAIL: Final = 300_000_000
_DISK_WARN: Final = 5_000_000_000
#: Bytes of /dev/shm: what a parallel query of PostgreSQL may ask for. Containers give 64 MB unless told.
_SHM_WARN: Final = 128_000_000
#: ms between our clock and the exchange's above which lags and log times mislead. Candles go by the exchange's.
_CLOCK_WARN: Final = 1000
_TIMEOUT: Final = 3.0


class Finding(NamedTuple):
    level: Level
    subject: str
    text: str
    mend: str = ""


def examine(settings: Settings, say: Callable[[str], object]) -> int:
    """Say every finding; 1 when one of them is a failure, else 0."""
    failed = 0
    for finding in findings(settings):
        failed |= finding.level == "fail"
        say(f"{finding.level:<4}  {finding.subject:<13} {finding.text}")
        if finding.mend:
            say(f"{'':<20}→ {finding.mend}")
    return int(failed)


def findings(settings: Settings) -> Iterator[Finding]:
    yield _python()
    yield _packages()
    yield _folder(settings)
    yield _disk(settings)
    yield from _shared_memory()
    yield _port(settings)
    yield from _servers(settings)
    yield from _binance(settings)


def _python() -> Finding:
    return Finding("ok", "python", f"{platform.python_version()} ({sys.executable})")


def _packages() -> Finding:
    missing = []
    for wanted in _wanted():
        name = wanted.split(">")[0].split("=")[0].split("<")[0].strip()
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return Finding("fail", "packages", f"missing: {', '.join(missing)}", "run `make install`, or pip install them")
    return Finding("ok", "packages", "all installed")


def _wanted() -> list[str]:
    """What we depend on: from the checkout, else from the installed package's own metadata."""
    project = Path(__file__).parent.parent / "pyproject.toml"
    if project.exists():
        return list(tomllib.loads(project.read_text())["project"]["dependencies"])
    try:
        return [line for line in metadata.requires("cryptoviz") or [] if "extra ==" not in line]
    except metadata.PackageNotFoundError:
        return []


def _folder(settings: Settings) -> Finding:
    data = settings.data.resolve()
    probe = data / ".doctor"
    made = not data.exists()
    try:
        data.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
        if made:
            data.rmdir()
    except OSError as error:
        return Finding("fail", "data folder", f"{data}: {error.strerror}", "choose a writable folder with --data")
    pid = folder.holder(data)
    return Finding("ok", "data folder", f"{data}" + (f", in use by `cryptoviz up` (pid {pid})" if pid else ""))


def _disk(settings: Settings) -> Finding:
    place = settings.data.resolve()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    text = f"{free / 1e9:.1f} GB free"
    mend = "make room, or choose another disk with --data"
    if free < _DISK_FAIL:
        return Finding("fail", "disk", text, mend)
    return Finding("warn", "disk", text, mend) if free < _DISK_WARN else Finding("ok", "disk", text)


def _shared_memory() -> Iterator[Finding]:
    place = Path("/dev/shm")  # noqa: S108
    if not place.is_dir():
        return
    size = shutil.disk_usage(place).free
    text = f"{size / 1e6:.0f} MB free in {place}"
    if size < _SHM_WARN:
        yield Finding("warn", "shared memory", text, "in a container, start it with --shm-size=256m")
    else:
        yield Finding("ok", "shared memory", text)


def _port(settings: Settings) -> Finding:
    if settings.port == 0:
        return Finding("ok", "port", "a free one will be taken")
    where = f"{settings.host}:{settings.port}"
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            pid = folder.holder(settings.data.resolve())
            if pid:
                return Finding("ok", "port", f"{where} is taken, as `cryptoviz up` is running (pid {pid})")
            return Finding("fail", "port", f"{where}: {error.strerror}", "choose another with --port, e.g. --port 8060")
    return Finding("ok", "port", f"{where} is free")


def _servers(settings: Settings) -> Iterator[Finding]:
    """External servers, where the settings name some; embedded ones are `cryptoviz up`'s own business."""
    named = settings.model_fields_set
    if "database_url" in named:
        yield _database(settings)
    if "redis_url" in named:
        yield _redis(settings)
    if settings.bus == "kafka":
        yield _kafka(settings)
    if not named & {"database_url", "redis_url", "bus"}:
        yield Finding("ok", "servers", "embedded (none is named by the settings)")


def _database(settings: Settings) -> Finding:
    mend = "check CRYPTOVIZ_DATABASE_URL and that the server runs"
    try:
        connection = psycopg2.connect(dsn(settings.database_url), connect_timeout=int(_TIMEOUT))
    except psycopg2.OperationalError as error:
        return Finding("fail", "database", str(error).strip().splitlines()[0], mend)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('schema_migrations') IS NOT NULL, current_setting('server_version')")
            row = cursor.fetchone()
    finally:
        connection.close()
    assert row is not None
    if not row[0]:
        return Finding("warn", "database", f"PostgreSQL {row[1]}, no tables yet", "run `cryptoviz migrate`")
    return Finding("ok", "database", f"PostgreSQL {row[1]}")


def _redis(settings: Settings) -> Finding:
    try:
        with redis.Redis.from_url(
            settings.redis_url, socket_connect_timeout=_TIMEOUT, socket_timeout=_TIMEOUT
        ) as client:
            facts = client.info("memory")
    except redis.RedisError as error:
        return Finding("fail", "redis", str(error), "check CRYPTOVIZ_REDIS_URL and that the server runs")
    policy = facts.get("maxmemory_policy", "noeviction")
    if settings.bus == "streams" and policy != "noeviction":
        return Finding(
            "fail", "redis", f"maxmemory-policy is {policy}", "set it to noeviction: the bus must not forget"
        )
    return Finding("ok", "redis", "answers")


def _kafka(settings: Settings) -> Finding:
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    quiet: dict[str, str | int | float | bool] = {"bootstrap.servers": settings.kafka_brokers, "log_level": 0}
    try:
        found = AdminClient(quiet).list_topics(timeout=_TIMEOUT)
    except KafkaException as error:
        mend = "check CRYPTOVIZ_KAFKA_BROKERS and that a broker runs"
        return Finding("fail", "kafka", f"{settings.kafka_brokers}: {error.args[0].str()}", mend)
    return Finding("ok", "kafka", f"{len(found.brokers)} brokers")


def _binance(settings: Settings) -> Iterator[Finding]:
    try:
        answer = httpx.get(f"{settings.binance_rest_url}/api/v3/time", timeout=_TIMEOUT)
        answer.raise_for_status()
        theirs = int(answer.json()["serverTime"])
    except (httpx.HTTPError, ValueError, KeyError) as error:
        text = f"{settings.binance_rest_url} does not answer ({str(error) or type(error).__name__})"
        if settings.exchange == "binance":
            yield Finding("fail", "binance", text, "check the network, or use --exchange simulator")
        else:
            yield Finding("warn", "binance", text, "the market will be simulated; check the network for the real one")
        return
    yield Finding("ok", "binance", "answers")
    off = now_ms() - theirs
    if abs(off) > _CLOCK_WARN:
        mend = "switch on time synchronisation (timedatectl set-ntp true)"
        yield Finding("warn", "clock", f"{off / 1000:+.1f} s from the exchange's", mend)
    else:
        yield Finding("ok", "clock", f"{off} ms from the exchange's")
