"""The system's Chromium, and a page that remembers everything that went wrong on it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.tools import tool_missing

DESKTOP = {"viewport": {"width": 1440, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
#: Seconds a test waits for what must come: a page beside seven others on two cores is slow, not wrong.
PATIENCE = 30.0
_NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium() -> Iterator[Browser]:
    """While it runs its event loop is this thread's: nothing else may use asyncio there."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        tool_missing("Chromium: `make chromium`, or apt-get install chromium")
    with sync_playwright() as playwright:
        # Its sandbox does not work for root; the pages are our own.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


class Terminal:
    """An open terminal page. `problems`: console errors and warnings, exceptions, failed requests, CSP violations."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.url = url
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE * 1000)
        self.problems: list[str] = []
        self.page.on("console", lambda message: self._note(message.type in ("error", "warning"), message.text))
        self.page.on("pageerror", lambda error: self._note(True, f"{error}\n{error.stack}"))
        self.page.on("requestfailed", lambda request: self._failed(request))
        self.page.on("response", lambda answer: self._note(answer.status >= 400, f"{answer.status} {answer.url}"))
        self.page.add_init_script(
            "addEventListener('securitypolicyviolation', (e) => console.error('CSP', e.violatedDirective, e.blockedURI))"
        )

    def _note(self, wrong: bool, text: str) -> None:
        if wrong:
            self.problems.append(text)

    def _failed(self, request: Any) -> None:
        # A request that the page itself gave up, for it shows something else now, did not fail.
        self._note(request.failure != "net::ERR_ABORTED", f"{request.failure} {request.url}")

    def open(self, path: str = "/") -> "Terminal":
        self.page.goto(self.url + path)
        self.ready()
        return self

    def ready(self, seconds: float = PATIENCE) -> None:
        """There are candles on the chart."""
        self.page.wait_for_selector("#terminal[data-chart=ready]", timeout=seconds * 1000)
        self.until("CV.app.series.bars.length > 0")

    def drawn(self) -> None:
        """Plotly has drawn the closed candles, too."""
        self.until("CV.app.chart.plot.to !== null")

    def value(self, expression: str) -> Any:
        return self.page.evaluate(expression)

    def until(self, expression: str, seconds: float = PATIENCE) -> None:
        """Wait until the expression is true. Polls: a frame may be long in coming while the chart has nothing to paint."""
        self.page.wait_for_function(f"() => {expression}", timeout=seconds * 1000, polling=50)

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector)
