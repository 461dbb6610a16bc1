"""gzip and br of bodies. Files that never change are compressed once: plotly.js alone takes a third of a second, and on the loop
that would be a third of a second in which no live message leaves."""

from typing import Final

import brotli
from flask import Flask, Request
from flask_compress import Compress

#: Where brotli's time is still well spent on JSON made for one answer.
_BR_LEVEL: Final = 4
_FOREVER: Final = ("/_dash-component-suites/", "/assets/")


class _Cache:
    """What flask-compress asks for. Only files are kept; their addresses carry their versions."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        return self._kept.get(key)

    def set(self, key: str, value: bytes) -> None:
        if not key.endswith(";"):
            self._kept[key] = value


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
    return request.full_path if request.path.startswith(_FOREVER) else ""


def warm(server: Flask, path: str, body: bytes) -> None:
    """Compress a file before anybody asks for it. May run in a thread."""
    server.extensions["compression"].cache.set(f"br;{path}?", brotli.compress(body, quality=_BR_LEVEL + 1))
