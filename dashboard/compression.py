"""gzip and br of bodies. Files that never change are compressed once: plotly.js alone takes a third of a second, and on the loop
that would be a third of a second in which no live message leaves."""

from collections import OrderedDict
from typing import Final

import brotli
from flask import Flask, Request
from flask_compress import Compress

#: Where brotli's time is still well spent on JSON made for one answer.
_BR_LEVEL: Final = 4
_FOREVER: Final = ("/_dash-component-suites/", "/assets/")
#: Bytes. All there is takes 4 MB; but a version that nobody has is an address, too, and of those there is no end.
_MOST: Final = 16_000_000


class _Cache:
    """What flask-compress asks for. Only files are kept; their addresses carry their versions."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self.size = 0

    def get(self, key: str) -> bytes | None:
        value = self._kept.get(key)
        if value is not None:
            self._kept.move_to_end(key)
        return value

    def set(self, key: str, value: bytes) -> None:
        if key.endswith(";"):
            return
        self.size += len(value) - len(self._kept.pop(key, b""))
        self._kept[key] = value
        while self.size > _MOST:
            self.size -= len(self._kept.popitem(last=False)[1])


def mount(server: Flask) -> None:
    server.config |= {
        "COMPRESS_BR_LEVEL": _BR_LEVEL,
        "COMPRESS_MIN_SIZE": 1024,
        "COMPRESS_ALGORITHM": ["br", "gzip"],
        "COMPRESS_CACHE_BACKEND": _Cache,
        "COMPRESS_CACHE_KEY": _key,
    }
    server.extensions["compression"] = Compress(server)


def _key(request: Request) -> str:
    return request.path if request.path.startswith(_FOREVER) else ""


def warm(server: Flask, path: str, body: bytes) -> None:
    """Compress a file before anybody asks for it. May run in a thread."""
    server.extensions["compression"].cache.set(f"br;{path}", brotli.compress(body, quality=_BR_LEVEL + 1))
