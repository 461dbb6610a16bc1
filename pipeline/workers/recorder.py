"""Exchange → file: raw frames with receive times, for `cryptoviz record FILE`."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from pipeline.errors import SetupError
from pipeline.exchanges import open_exchange
from pipeline.exchanges.binance import STREAMS, Binance
from pipeline.exchanges.recording import Recorder
from pipeline.exchanges.sockets import RawFrame
from pipeline.settings import Settings

#: Beside what the terminal follows, a recording holds what later work may want: best quotes and every change of the book.
RECORDED_STREAMS = (*STREAMS, "bookTicker", "depth@100ms")


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
