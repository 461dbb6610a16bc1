"""Recordings of raw frames: our own format, the formats of other recorders, and an exchange that plays them.

Our format is one line a frame, `<receive time, Unix ns> <frame>`, zstd-compressed. The compressor is flushed to disk every
second, so a recorder killed at any moment leaves a file that reads up to its last second.
"""

import asyncio
import gzip
import io
import json
import re
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import IO, Final

import zstandard

from pipeline.errors import BadFrame, SetupError
from pipeline.exchanges.base import Event, Exchange, Health
from pipeline.exchanges.binance_frames import FrameReader, Goodbye
from pipeline.exchanges.sockets import RawFrame
from pipeline.model import Candle, Market, Trade

#: Frames read between two looks at the event loop: a few ms of work.
BATCH: Final = 2000
_NS_LINE: Final = re.compile(rb"^\d{13,19} ")
_TEXT_LINE: Final = re.compile(rb"^(\d+(?:\.\d+)?): ([\[{].*)$")
#: Spot bookTicker frames carry no time, and there are more of them than of everything else.
_NO_USE: Final = frozenset({"bookTicker"})


class Recorder:
    """Writes frames to a file. Raises OSError."""

    def __init__(self, path: Path, flush_every: float = 1.0) -> None:
        self._file = path.open("wb")
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
    file.seek(0)
    if magic[:2] == b"\x1f\x8b":
        return io.BufferedReader(gzip.GzipFile(fileobj=file), 1 << 18)
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


class Replay(Exchange):
    """Plays recordings one after another, all symbols in them, at `speed` times their pace, or as fast as taken ("max")."""

    label = "BINANCE"
    source = "replay"
    repairs = False

    def __init__(self, paths: Sequence[str | Path], speed: str = "1") -> None:
        self._paths = [Path(path) for path in paths]
        for path in self._paths:
            if not path.is_file():
                raise SetupError(f"There is no recording '{path}'. Name an existing file after replay:")
        self._speed = None if speed == "max" else float(speed)
        self._reader = FrameReader(self.label, skip=_NO_USE)
        self._bad = 0
        self._frames = 0
        self._closed = False
        self._playing = False

    async def stream(self, symbols: Sequence[str]) -> AsyncIterator[list[Event]]:
        self._playing = True
        for path in self._paths:
            frames = read_frames(path)
            async for events in self._fast(frames) if self._speed is None else self._paced(frames, self._speed):
                if self._closed:
                    return
                yield events
        self._playing = False

    async def _fast(self, frames: Iterator[RawFrame]) -> AsyncIterator[list[Event]]:
        batch: list[bytes] = []
        for frame in frames:
            batch.append(frame.data)
            if len(batch) >= BATCH:
                yield self._read(batch)
                batch = []
                await asyncio.sleep(0)
        yield self._read(batch)

    async def _paced(self, frames: Iterator[RawFrame], speed: float) -> AsyncIterator[list[Event]]:
        began, first = time.monotonic(), 0
        batch: list[bytes] = []
        for ns, data in frames:
            first = first or ns
            wait = (ns - first) / 1e9 / speed - (time.monotonic() - began)
            if wait > 0.001 or len(batch) >= BATCH:
                yield self._read(batch)
                batch = []
                while wait > 0.001 and not self._closed:
                    await asyncio.sleep(min(wait, 0.2))
                    wait = (ns - first) / 1e9 / speed - (time.monotonic() - began)
            batch.append(data)
        yield self._read(batch)

    def _read(self, frames: Sequence[bytes]) -> list[Event]:
        read = self._reader.read
        events: list[Event] = []
        for data in frames:
            try:
                event = read(data)
            except BadFrame:
                self._bad += 1
                continue
            if event is not None and not isinstance(event, Goodbye):
                events.append(event)
        self._frames += len(frames)
        return events

    async def markets(self, symbols: Sequence[str]) -> dict[str, Market]:
        return {}

    async def klines(self, symbol: str, timeframe: str, limit: int, end: int | None = None) -> list[Candle]:
        return []

    async def trades_from(self, symbol: str, from_id: int, limit: int) -> list[Trade]:
        return []

    def health(self) -> Health:
        ignored = {**self._reader.ignored, **({"bad": self._bad} if self._bad else {})}
        return Health(self._playing, frames=self._frames, ignored=ignored)

    async def close(self) -> None:
        self._closed = True
