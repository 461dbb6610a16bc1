"""The data folder: whose it is, and how it is emptied."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pipeline.errors import SetupError

#: Held (flock) while `cryptoviz up` runs; its presence also says that the folder is ours.
LOCK: Final = "cryptoviz.lock"
#: Everything that is ever made in the folder. `empty` removes these and nothing else.
_OURS: Final = (
    "postgres", "postgres.new", "postgres.log", "run-postgres", "valkey", "valkey.log", "run-valkey", "logs",
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
