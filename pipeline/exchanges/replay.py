"""An exchange that plays recordings."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Final

from pipeline.errors import BadFrame, SetupError
from pipeline.exchanges.base import Event, Exchange, Health
from pipeline.exchanges.binance_frames import FrameReader
from pipeline.exchanges.coinbase_frames import CoinbaseReader
from pipeline.exchanges.recording import read_frames
from pipeline.exchanges.sockets import RawFrame
from pipeline.model import Candle, Market, Trade

#: Frames read between two looks at the event loop: a few ms of work.
BATCH: Final = 2000
#: Spot bookTicker frames carry no time, and there are more of them than of everything else; changes of a book are nothing without
#: its snapshot, which most recordings lack.
_NO_USE: Final = frozenset({"bookTicker", "depthUpdate"})
#: How each of Coinbase's frames begins.
_COINBASE: Final = b'{"channel":"'


class Replay(Exchange):
    """Plays recordings one after another, all symbols in them, at `speed` times their pace, or as fast as taken ("max")."""

    source = "replay"
    repairs = False
    history = False

    def __init__(self, paths: Sequence[str | Path], speed: str = "1") -> None:
        self._paths = [Path(path) for path in paths]
        for path in self._paths:
            if not path.is_file():
                raise SetupError(f"There is no recording '{path}'. Name an existing file after replay:")
        self._speed = None if speed == "max" else float(speed)
        self.label = recorded_at(self._paths[0]) if self._paths else "BINANCE"
        self._reader = CoinbaseReader(self.label) if self.label == "COINBASE" else FrameReader(self.label, skip=_NO_USE)
        self._bad = 0
        self._frames = 0
        self._closed = False
        self._playing = False

    async def stream(self, symbols: Sequence[str]) -> AsyncGenerator[list[Event], None]:
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
        events: list[Event] = []
        for data in frames:
            try:
                events += self._reader.events(data)
            except BadFrame:
                self._bad += 1
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


def recorded_at(path: str | Path) -> str:
    """The label of the exchange whose frames a recording holds, by its first one. Raises SetupError."""
    path = Path(path)
    if not path.is_file():
        raise SetupError(f"There is no recording '{path}'. Name an existing file after replay:")
    first = next(read_frames(path), None)
    return "COINBASE" if first is not None and first.data.startswith(_COINBASE) else "BINANCE"
