"""Starting and ending child programs, and finding those that an earlier run left behind."""

import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final, NamedTuple

_LAUNCH: Final = str(Path(__file__).with_name("launch.py"))


class User(NamedTuple):
    name: str
    uid: int
    gid: int


def unprivileged() -> User | None:
    """Whom to step down to for programs that refuse root; None when we are not root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return User(name, entry.pw_uid, entry.pw_gid)
    return User("nobody", 65534, 65534)


def reachable(path: Path, user: User) -> bool:
    """Whether `user` may search every folder above `path`."""
    for folder in path.resolve().parents:
        status = folder.stat()
        bit = 0o100 if status.st_uid == user.uid else 0o010 if status.st_gid == user.gid else 0o001
        if not status.st_mode & bit:
            return False
    return True


def start(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    user: User | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
    env: Mapping[str, str] | None = None,
    log: IO[bytes] | int | None = None,
) -> "subprocess.Popen[bytes]":
    """Start `argv` in a session of its own (Ctrl-C reaches only us), to get `death_signal` when we die, however we die.

    The calling thread must live as long as the child should: its end counts as our death.
    """
    options = ["--parent", str(os.getpid()), "--death-signal", str(int(death_signal))]
    if user is not None:
        options += ["--uid", str(user.uid), "--gid", str(user.gid)]
        if not all(reachable(path, user) for path in (Path(argv[0]), (cwd or Path.cwd()) / "x")):
            options.append("--reach")
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-I", "-S", _LAUNCH, *options, *argv],
        cwd=cwd,
        env=None if env is None else dict(env),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT if log is not None else None,
        start_new_session=True,
    )


def end(process: "subprocess.Popen[bytes]", first: signal.Signals = signal.SIGTERM, patience: float = 10.0) -> None:
    """Ask with `first`, wait `patience` seconds, then kill."""
    if process.poll() is None:
        process.send_signal(first)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def program(pid: int) -> str:
    """Name of the program that runs as `pid`; "" when there is none (a zombie counts as none)."""
    try:
        if sys.platform == "linux":
            text = Path(f"/proc/{pid}/stat").read_text()
            name, _, rest = text[text.index("(") + 1 :].rpartition(")")
            return "" if rest.split()[0] in "ZX" else name
        found = subprocess.run(["/bin/ps", "-o", "comm=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603
        return Path(found.stdout.strip()).name
    except (OSError, ValueError):
        return ""


def left_behind(name: str, folder: Path, pid: int | None) -> list[int]:
    """Processes of program `name` that still run in `folder`: those with it as working folder (Linux), else `pid` if it is one."""
    if sys.platform != "linux":
        return [pid] if pid is not None and program(pid).startswith(name) else []
    found = []
    here = str(folder.resolve())
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and os.readlink(f"/proc/{entry}/cwd") == here and program(int(entry)).startswith(name):
                found.append(int(entry))
        except OSError:  # it ended, or is another user's
            continue
    return found


def end_left_behind(name: str, folder: Path, pid: int | None, first: signal.Signals, patience: float = 10.0) -> None:
    """End what an earlier run left in `folder`: with `first`, after `patience` seconds by kill. Returns when it is gone."""
    sent = first
    deadline = time.monotonic() + patience
    asked: set[int] = set()
    while left := left_behind(name, folder, pid):
        if time.monotonic() > deadline and sent is not signal.SIGKILL:
            sent = signal.SIGKILL
            asked.clear()
        for one in left:
            if one not in asked:
                asked.add(one)
                try:
                    os.kill(one, sent)
                except ProcessLookupError:
                    continue
        time.sleep(0.02)
