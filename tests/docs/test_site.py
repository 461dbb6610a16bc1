"""docs/ as a site (`make docs`), in a browser: nothing from a foreign host, every diagram drawn, nothing wider than a phone."""

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.browser import PHONE, Terminal, chromium
from tests.tools import REPOSITORY, tool_missing

SITE = REPOSITORY / "build" / "site"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    if not (SITE / "index.html").is_file():
        tool_missing("the site; make docs, which needs npm")
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(SITE)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.e2e
def test_every_page(url: str) -> None:
    pages = sorted(path.parent.relative_to(SITE).as_posix() for path in SITE.rglob("index.html"))
    assert len(pages) > 30
    foreign: set[str] = set()
    drawn = 0
    with chromium() as browser:
        page = Terminal(browser.new_context(**PHONE), url)  # type: ignore[arg-type]
        page.page.on("request", lambda request: request.url.startswith((url, "data:")) or foreign.add(request.url))
        for name in pages:
            page.page.goto(f"{url}/{name}/")
            source = REPOSITORY / "docs" / f"{name}.md"
            diagrams = source.read_text("utf-8").count("```mermaid") if source.is_file() else 0
            page.until(f"document.querySelectorAll('div.mermaid').length === {diagrams}")
            drawn += diagrams
            assert page.value("document.documentElement.scrollWidth") <= 390, name
            assert (
                page.value("[...document.images].filter((one) => !one.alt && !one.closest('.md-logo')).length") == 0
            ), name
        assert page.problems == []
    assert foreign == set()
    assert drawn > 3
