"""Talking to a simulator from tests."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect

from pipeline.exchanges.simulator import Simulator


@contextmanager
def socket(sim: Simulator, path: str) -> Iterator[ClientConnection]:
    with connect(sim.ws_url + path, compression=None, max_queue=None, close_timeout=1) as ws:
        yield ws


def take(ws: ClientConnection, count: int, seconds: float = 10.0) -> list[Any]:
    """The next `count` frames, decoded."""
    end = time.monotonic() + seconds
    return [json.loads(ws.recv(max(0.01, end - time.monotonic()))) for _ in range(count)]


def drain(ws: ClientConnection, seconds: float) -> list[Any]:
    """What comes within `seconds`."""
    end, found = time.monotonic() + seconds, []
    while (left := end - time.monotonic()) > 0:
        try:
            found.append(json.loads(ws.recv(left)))
        except TimeoutError:
            break
    return found
