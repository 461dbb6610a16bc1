"""A news source for tests and pictures: RSS on loopback, to which they add."""

import threading
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Feed:
    """Its newest item comes first, as in any feed."""

    def __init__(self) -> None:
        self.items: list[str] = []
        feed = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = f'<rss version="2.0"><channel><title>Feed</title>{"".join(feed.items)}</channel></rss>'.encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/rss+xml")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/feed.xml"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def add(self, title: str, link: str, teaser: str = "", at: datetime | None = None) -> None:
        """`at`: when it says it was published, default now."""
        published = format_datetime(at or datetime.now(UTC))
        self.items.insert(
            0,
            f"<item><title><![CDATA[{title}]]></title><link>{link}</link><pubDate>{published}</pubDate>"
            f"<description><![CDATA[{teaser}]]></description></item>",
        )

    def config(self, name: str) -> str:
        """A sources.toml with this source alone, asked every second."""
        return f'[[source]]\nname = "{name}"\nkind = "rss"\nurls = ["{self.url}"]\ninterval = 1\n'

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
