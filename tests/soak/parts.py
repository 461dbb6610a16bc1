"""What each part of a running terminal holds: memory, open handles, threads, CPU."""

import os
from pathlib import Path
from typing import Final, NamedTuple

from pipeline.embedded import processes

_SERVERS: Final = {"postgres": "postgres", "valkey-server": "valkey"}


class Use(NamedTuple):
    """`memory` in bytes: what it has to itself, neither files nor shared buffers; `cpu` in seconds since the start; `fullest`: the
    handles of the process that has most of them."""

    memory: int = 0
    handles: int = 0
    threads: int = 0
    cpu: float = 0.0
    fullest: int = 0

    def __add__(self, other: object) -> "Use":
        assert isinstance(other, Use)
        *sums, _ = map(sum, zip(self, other, strict=True))
        return Use(*sums, max(self.fullest, other.fullest))


def look(root: int) -> dict[str, Use]:
    """Part → what its process and all that it started hold together; the process `root` itself is the supervisor."""
    parents = {int(entry.name): _parent(entry) for entry in Path("/proc").glob("[0-9]*")}
    owners: dict[int, int] = {}

    def owner(pid: int) -> int:
        """The child of `root` that it descends from; 0 for a stranger."""
        if pid not in owners:
            above = parents.get(pid, 0)
            owners[pid] = pid if above == root else owner(above) if above > 1 else 0
        return owners[pid]

    found = {"supervisor": use(root)}
    names: dict[int, str] = {}
    for pid in parents:
        if part := owner(pid):
            name = names.setdefault(part, _name(part))
            found[name] = found.get(name, Use()) + use(pid)
    return found


def use(pid: int) -> Use:
    """Of one process; nothing when it has just ended."""
    folder = Path("/proc") / str(pid)
    try:
        told = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        memory = int(told["RssAnon"].split()[0]) * 1024
        cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        handles = len(os.listdir(folder / "fd"))
        return Use(memory, handles, int(told["Threads"]), cpu, handles)
    except (OSError, KeyError):
        return Use()


def _parent(folder: Path) -> int:
    try:
        return int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def _name(pid: int) -> str:
    server = _SERVERS.get(processes.program(pid) or "")
    if server is not None:
        return server
    try:
        words = (Path("/proc") / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return "ended"
    return words[words.index("pipeline.cli") + 1] if "pipeline.cli" in words else Path(words[0]).name
