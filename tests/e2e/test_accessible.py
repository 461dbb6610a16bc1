"""axe finds nothing serious on any page, dark or light, desk or phone."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.browser import DESKTOP, PHONE, Terminal
from tests.e2e.conftest import Stack

pytestmark = pytest.mark.e2e

#: Page → what says that it has its content.
PAGES = {
    "/": "#terminal[data-chart=ready]",
    "/markets": "#markets .ag-row",
    "/news": "#news .article",
    "/data": "#data .parts .line",
    "/console": "#console select option",
    "/settings": "#settings .account[data-state=live]",
}


def test_nothing_lies_beyond_the_edge(terminal: Terminal) -> None:
    """Lists and tables scroll in themselves; no page does, sideways."""
    page, found = terminal.page, []
    for path, content in PAGES.items():
        page.goto(terminal.url + path)
        page.wait_for_selector(content, state="attached")
        if path == "/news":
            page.wait_for_selector("#news .sources >> text=Silent Herald")
        for width in (1440, 1024, 768, 390):
            page.set_viewport_size({"width": width, "height": 844})
            wide = page.evaluate(
                "() => Math.max(...[document.documentElement, ...document.querySelectorAll('main > .content')]"
                ".map((one) => one.scrollWidth - one.clientWidth))"
            )
            if wide > 0:
                found.append((path, width, wide))
    assert found == []


@pytest.mark.parametrize(("form", "scheme"), [(DESKTOP, "dark"), (PHONE, "light")], ids=["desktop dark", "phone light"])
def test_nothing_serious(stack: Stack, browser: Browser, form: dict[str, Any], scheme: Any) -> None:
    context = browser.new_context(**form, color_scheme=scheme)
    terminal = Terminal(context, stack.url)
    found = []
    for path, content in PAGES.items():
        terminal.page.goto(stack.url + path)
        terminal.page.wait_for_selector(content, state="attached")
        for violation in Axe().run(terminal.page).response["violations"]:
            if violation["impact"] in ("serious", "critical"):
                nodes = [
                    node["html"][:160] + " " + " ".join(node["failureSummary"].split())[:200]
                    for node in violation["nodes"][:3]
                ]
                found.append((path, violation["id"], *nodes))
    context.close()
    assert found == [], "\n".join("\n   ".join(one) for one in found)
