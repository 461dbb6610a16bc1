"""Recordings of raw frames: written in our own format, read in that and in those of other recorders.

Our format is one line a frame, `<receive time, Unix ns> <frame>`, zstd-compressed. The compressor is flushed to disk every
second, so a recorder killed at any moment leaves a file that reads up to its last second.
"""

import asyncio
import gzip
import io
import json
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Final

import structlog
import zstandard

from pipeline.errors import SetupError
from pipeline.exchanges import open_exchange
from pipeline.exchanges.binance import STREAMS, Binance
from pipeline.exchanges.sockets import RawFrame
from pipeline.settings import Settings

_log = structlog.get_logger(__name__)

_NS_LINE: Final = re.compile(rb"^\d{13,19} ")
_TEXT_LINE: Final = re.compile(rb"^(\d+(?:\.\d+)?): ([\[{].*)$")
#: Beside what the terminal follows, a recording holds what a replay shows, which has no snapshots: the best levels; and best quotes.
RECORDED_STREAMS: Final = (*STREAMS, "bookTicker", "depth20@100ms")


class Recorder:
    """Writes frames to a new file. Raises OSError, also when the file exists: a recording cannot be made again."""

    def __init__(self, path: Path, flush_every: float = 1.0) -> None:
        self._file = path.open("xb")
        self._writer = zstandard.ZstdCompressor(level=3).stream_writer(self._file)
        self._flush_every = flush_every
        self._flushed = time.monotonic()
        self.frames = 0

    def write(self, frames: Iterable[RawFrame]) -> None:
        lines = [b"%d %b\n" % (ns, data.replace(b"\n", b" ")) for ns, data in frames]
        self.frames += len(lines)
        self._writer.write(b"".join(lines))
        if time.monotonic() - self._flushed >= self._flush_every:
            self.flush()

    def flush(self) -> None:
        """What was written so far is readable from the file, whatever happens next."""
        self._writer.flush(zstandard.FLUSH_BLOCK)
        self._file.flush()
        self._flushed = time.monotonic()

    def close(self) -> None:
        self._writer.flush(zstandard.FLUSH_FRAME)
        self._writer.close()  # type: ignore[no-untyped-call]
        self._file.close()


def read_frames(path: Path) -> Iterator[RawFrame]:
    """The frames of a recording in file order, whichever of the known formats it has. Raises SetupError."""
    try:
        with _open(path) as file:
            lines = iter(file)
            first = next(lines, b"")
            lines = chain([first], lines)
            if _NS_LINE.match(first):
                yield from _read_ns(lines)
            elif first.startswith(b'{"t":'):
                yield from _read_json_lines(lines)
            elif first:
                yield from _read_text(lines, path)
    except (EOFError, zstandard.ZstdError):
        return  # the recorder was killed: what it flushed has been read
    except OSError as error:
        raise SetupError(f"The recording '{path}' cannot be read: {error}. Name an existing file.") from error


def _open(path: Path) -> IO[bytes]:
    file = path.open("rb")
    magic = file.read(4)
    if magic[:2] == b"\x1f\x8b":
        file.close()
        return gzip.open(path)  # type: ignore[return-value]
    file.seek(0)
    if magic == zstandard.FRAME_HEADER:
        reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True, closefd=True)
        return io.BufferedReader(reader, 1 << 18)
    return file


def _read_ns(lines: Iterable[bytes]) -> Iterator[RawFrame]:
    for line in lines:
        head, _, frame = line.partition(b" ")
        if not frame.endswith(b"\n"):
            return  # cut off in the middle
        # Recorders differ in the unit, never in being Unix time: its number of digits tells.
        yield RawFrame(int(head) * 10 ** (19 - len(head)), frame[:-1])


def _read_json_lines(lines: Iterable[bytes]) -> Iterator[RawFrame]:
    for line in lines:
        entry = json.loads(line)
        if entry["t"] == "recv":
            yield RawFrame(int(entry["ts"] * 1e9), entry["data"].encode())


def _read_text(lines: Iterable[bytes], path: Path) -> Iterator[RawFrame]:
    known = False
    for line in lines:
        if match := _TEXT_LINE.match(line):
            known = True
            yield RawFrame(int(float(match[1]) * 1e9), match[2])
        elif not known and not (b" -> " in line or b" <-> " in line or line.startswith(b"configuration: ")):
            raise SetupError(f"'{path}' is not a recording of frames in any format we know.")


def record(settings: Settings, path: Path, stop: threading.Event, said: Callable[[int], None] = lambda _: None) -> int:
    """Record the followed symbols into `path` until `stop` is set; the number of frames. `said` hears it every second.

    Raises SetupError when the exchange is no live one, or the file cannot be written.
    """
    exchange = open_exchange(settings)
    if not isinstance(exchange, Binance):
        raise SetupError(f"'{settings.exchange}' cannot be recorded; use binance or simulator.")
    exchange.streams = RECORDED_STREAMS
    try:
        recorder = Recorder(path)
    except OSError as error:
        raise SetupError(f"'{path}' cannot be written: {error}.") from error
    try:
        asyncio.run(_record(exchange, settings.symbols, recorder, stop, said))
    except OSError as error:
        raise SetupError(
            f"'{path}' cannot be written any more: {error}. What was written before can be played."
        ) from error
    finally:
        recorder.close()
    _log.info("recorded", file=str(path), frames=recorder.frames)
    return recorder.frames


async def _record(
    exchange: Binance, symbols: tuple[str, ...], recorder: Recorder, stop: threading.Event, said: Callable[[int], None]
) -> None:
    writing = asyncio.create_task(_write(exchange.frames(symbols), recorder))
    try:
        while not stop.is_set() and not writing.done():
            for _ in range(10):
                await asyncio.sleep(0.1)
                if stop.is_set() or writing.done():
                    break
            recorder.flush()
            said(recorder.frames)
        if writing.done():
            writing.result()
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        await exchange.close()


async def _write(frames: AsyncIterator[list[RawFrame]], recorder: Recorder) -> None:
    async for batch in frames:
        recorder.write(batch)
