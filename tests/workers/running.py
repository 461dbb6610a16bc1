"""A worker on a thread of its own."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipeline.settings import Settings


@contextmanager
def running(run: Callable[[Settings, threading.Event], None], settings: Settings) -> Iterator[None]:
    """It must have ended half a minute after it was told to."""
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(settings, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()
