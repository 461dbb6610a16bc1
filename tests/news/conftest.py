"""A local web server that says what the test tells it to."""

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest


class Web:
    """`answers[path]` is called with the handler for each GET of the path; `asked` is every request so far: path and headers."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_port}"
        self.answers: dict[str, Callable[[Any], None]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []

    def gives(self, path: str, body: bytes, status: int = 200, **headers: str) -> str:
        """From now on `path` answers this; its URL."""
        self.answers[path] = lambda handler: reply(handler, body, status, headers)
        return self.url + path


def reply(handler: Any, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
    handler.send_response(status)
    for name, value in (
        {"Content-Type": "application/rss+xml", "Content-Length": str(len(body))} | (headers or {})
    ).items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def web() -> Iterator[Web]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            mine.asked.append((path, dict(self.headers)))
            try:
                mine.answers.get(path, lambda handler: reply(handler, b"", 404))(self)
            except OSError:
                self.close_connection = True  # the client had enough

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    mine = Web(server)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield mine
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def feeds_dir(data_dir: Path) -> Path:
    """Feeds as they were captured."""
    return data_dir / "rss"
