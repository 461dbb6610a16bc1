"""The data folder: whose it is, how a command finds what runs in it, and how it is emptied."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pipeline.errors import SetupError
from pipeline.settings import Settings

#: Held (flock) while `cryptoviz up` runs; its presence also says that the folder is ours.
LOCK: Final = "cryptoviz.lock"
#: What runs in the folder, for commands.
_RUNNING: Final = "running.json"
#: Everything that is ever made in the folder. `empty` removes these and nothing else.
_OURS: Final = (
    "postgres", "postgres.new", "postgres.log", "run-postgres", "valkey", "valkey.log", "run-valkey", "logs", "cold", "exports",
    _RUNNING,
)  # fmt: skip
#: What a command must share with the `cryptoviz up` whose data it is about.
_SHARED: Final = (
    "bus", "partitions", "redis_url", "database_url", "cold_url", "exchange", "symbols",
    # The exchanges'
    *(name for name in Settings.model_fields if name.endswith(("_ws_url", "_rest_url"))),
)  # fmt: skip


@contextmanager
def held(data: Path) -> Iterator[None]:
    """Hold the folder (created when missing) for this process. Raises SetupError naming who else does.

    The kernel lets go when the process ends, however it ends: there is never a stale lock.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
        file = (data / LOCK).open("a+")
    except OSError as error:
        raise SetupError(
            f"The data folder {data} cannot be written ({error}); choose another one with --data."
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            pid = file.read().strip() or "?"
            raise SetupError(
                f"Another `cryptoviz up` (pid {pid}) is using {data}. Stop it (kill {pid}), or choose another folder with --data."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
        file.truncate(0)


def holder(data: Path) -> int | None:
    """Pid of the `cryptoviz up` that holds the folder now, None when nobody does."""
    try:
        with (data / LOCK).open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read() or 0) or None
    except OSError:
        pass
    return None


def announce(settings: Settings) -> None:
    """Leave word of what runs in the held folder, for `attached`. Readable by its owner alone."""
    path = settings.data / _RUNNING
    path.touch(mode=0o600)
    path.write_text(json.dumps({name: getattr(settings, name) for name in _SHARED}))


def attached(settings: Settings) -> Settings:
    """`settings` with the servers of the `cryptoviz up` that runs in `settings.data`; what was named otherwise stays.

    As they are when servers were named, or none runs.
    """
    if {"redis_url", "database_url"} & settings.model_fields_set or holder(settings.data) is None:
        return settings
    try:
        shared = json.loads((settings.data / _RUNNING).read_text())
    except (OSError, ValueError):
        return settings
    shared["symbols"] = tuple(shared["symbols"])
    return settings.model_copy(update={k: v for k, v in shared.items() if k not in settings.model_fields_set})


def check_ours(data: Path) -> None:
    """Raises SetupError when `data` holds things and no sign that we made them."""
    if data.exists() and any(data.iterdir()) and not (data / LOCK).exists():
        raise SetupError(
            f"{data} was not made by cryptoviz, so --fresh leaves it alone. Choose another folder with --data."
        )


def empty(data: Path) -> None:
    """Remove all that the embedded servers and workers keep. Call while holding the folder."""
    for name in _OURS:
        path = data / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
