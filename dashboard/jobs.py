"""Exports that are made in the background: too large to wait for, or to be fetched again.

What is known of a job lies in Redis, its file in a folder that all web servers share; so any of them can be asked. The work is done by a
process of its own (`cryptoviz export`), which says how far it is.
"""

import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal
from uuid import uuid4

import msgspec
import redis
import structlog

from pipeline.clock import now_ms

State = Literal["waiting", "running", "done", "failed", "cancelled"]

#: Seconds that a job and its file are kept.
LIFE: Final = 86_400
#: Of one caller, unfinished at a time.
MOST: Final = 5
#: At a time in one web process; each is a core's work.
AT_ONCE: Final = 1
#: Seconds without a word after which whoever made it must be gone.
_SILENCE: Final = 30
_JOBS: Final = "exports:jobs"
_log = structlog.get_logger(__name__)


class Job(msgspec.Struct):
    """`share`: how much of it is there, 0 … 1. Times in Unix ms."""

    id: str
    owner: str
    dataset: str
    symbols: list[str]
    format: str
    name: str
    state: State = "waiting"
    rows: int = 0
    share: float = 0.0
    bytes: int = 0
    error: str = ""
    created_at: int = 0
    updated_at: int = 0

    @property
    def unfinished(self) -> bool:
        return self.state in ("waiting", "running")


class _Progress(msgspec.Struct, array_like=True):
    rows: int
    share: float


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Job).decode
_progress = msgspec.json.Decoder(_Progress).decode


class TooMany(Exception):
    """The caller has enough unfinished ones."""


class Jobs:
    """Raises redis.RedisError."""

    def __init__(self, client: redis.Redis, folder: Path) -> None:
        self._redis = client
        self._folder = folder
        self._places = threading.BoundedSemaphore(AT_ONCE)

    def of(self, owner: str) -> list[Job]:
        """Newest first."""
        found = [self._judged(_decode(value)) for value in self._redis.hvals(_JOBS)]
        return sorted((job for job in found if job.owner == owner), key=lambda job: -job.created_at)

    def find(self, id_: str, owner: str) -> Job | None:
        value = self._redis.hget(_JOBS, id_)
        job = None if value is None else self._judged(_decode(value))
        return job if job is not None and job.owner == owner else None

    def file(self, job: Job) -> Path:
        return self._folder / job.id

    def start(self, job: Job, command: Callable[[Path], list[str]], environment: dict[str, str]) -> Job:
        """`command` of a path: what writes the file there, and `[rows, share]` a line on standard error. Raises TooMany."""
        self._clean()
        if sum(one.unfinished for one in self.of(job.owner)) >= MOST:
            raise TooMany
        job.id, job.created_at = uuid4().hex, now_ms()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._save(job)
        threading.Thread(target=self._run, args=(job, command(self.file(job)), environment), daemon=True).start()
        return job

    def end(self, job: Job) -> None:
        """Cancel it, or throw its file away."""
        self._redis.hdel(_JOBS, job.id)
        self._remove(job)

    def _remove(self, job: Job) -> None:
        for path in (self.file(job), self._folder / f"{job.id}.manifest.json"):
            path.unlink(missing_ok=True)

    # -- the work ----------------------------------------------------------------------------------------------------

    def _run(self, job: Job, command: list[str], environment: dict[str, str]) -> None:
        try:
            while not self._places.acquire(timeout=_SILENCE / 3):
                if not self._save(job):
                    return
            try:
                self._make(job, command, environment)
            finally:
                self._places.release()
        except (OSError, redis.RedisError) as error:
            _log.error("export job broke off", job=job.id, error=str(error))
            job.state, job.error = "failed", "The server could not make it. Ask again in a few seconds."
            self._save(job)

    def _make(self, job: Job, command: list[str], environment: dict[str, str]) -> None:
        job.state = "running"
        if not self._save(job):
            return
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)  # noqa: S603
        assert process.stderr is not None
        said, saved = b"", 0.0
        try:
            for line in process.stderr:
                try:
                    found = _progress(line)
                except msgspec.MsgspecError:
                    said = (said + line)[-2000:]
                    continue
                job.rows, job.share = found.rows, found.share
                if time.monotonic() - saved >= 0.5:
                    saved = time.monotonic()
                    if not self._save(job):
                        return  # it was cancelled
            if process.wait():
                _log.error("export job failed", job=job.id, error=said.decode(errors="replace"))
                job.state, job.error = "failed", "It could not be made; the server's log says why."
            else:
                job.state, job.share, job.bytes = "done", 1.0, self.file(job).stat().st_size
            if not self._save(job):
                self._remove(job)
        finally:
            process.kill()
            process.wait()
            process.stderr.close()

    def _save(self, job: Job) -> bool:
        """False when it was cancelled meanwhile."""
        if job.updated_at and not self._redis.hexists(_JOBS, job.id):
            return False
        job.updated_at = now_ms()
        self._redis.hset(_JOBS, job.id, _encode(job))
        return True

    def _judged(self, job: Job) -> Job:
        if job.unfinished and now_ms() - job.updated_at > _SILENCE * 1000:
            job.state, job.error = "failed", "The server that made it is gone. Ask again."
        return job

    def _clean(self) -> None:
        known = {job.id: job for job in map(_decode, self._redis.hvals(_JOBS))}
        for job in known.values():
            if now_ms() - job.created_at > LIFE * 1000:
                self.end(job)
        if self._folder.is_dir():
            for path in self._folder.iterdir():
                # What nobody knows any more: Redis forgot it, or it was cancelled while it was written.
                if path.name.partition(".")[0] not in known and time.time() - path.stat().st_mtime > LIFE:
                    path.unlink(missing_ok=True)
