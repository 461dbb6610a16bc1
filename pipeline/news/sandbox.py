"""Feeds and pages are parsed in a process of their own: one that takes for ever, or all the memory, ends that process and nothing else."""

import subprocess
import sys
from threading import Lock
from typing import Final

import msgspec

from pipeline.news.parse import Job, Parsed
from pipeline.news.sources.base import Item, SourceUnavailable

_COMMAND: Final = (sys.executable, "-m", "pipeline.news.parse")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Parsed).decode


class Parser:
    """Shared by all sources; one body at a time. The process starts with the first body, and again after each that killed it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def parse(self, body: bytes, url: str, content_type: str, links: str = "") -> list[Item]:
        """Of a feed, or with `links` of a page (see Job). Raises SourceUnavailable when it is none."""
        job = _encode(Job(body, url, content_type, links))
        with self._lock:
            try:
                parsed = self._ask(job)
            except (OSError, EOFError, msgspec.MsgspecError) as error:
                self._end()
                raise SourceUnavailable("reading it took too long or too much memory") from error
        if parsed.error:
            raise SourceUnavailable(parsed.error)
        return parsed.items

    def close(self) -> None:
        with self._lock:
            self._end()

    def _ask(self, job: bytes) -> Parsed:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(  # noqa: S603 - a command of our own
                _COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(len(job).to_bytes(4) + job)
        stdin.flush()
        head = stdout.read(4)
        if len(head) < 4:
            raise EOFError
        return _decode(stdout.read(int.from_bytes(head)))

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue  # what was not written yet is written nowhere
        process.wait()


#: One for all sources: they come in turns, and an idle process is 40 MB.
shared: Final = Parser()
