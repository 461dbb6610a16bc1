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
    "/markets": "#markets tbody tr",
    "/news": "#news .article",
    "/data": "#data .parts .line",
    "/console": "#console select option",
    "/settings": "#settings .account[data-state=ready]",
}


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
