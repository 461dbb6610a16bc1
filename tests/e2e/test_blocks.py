"""The blocks of the pages beside the terminal: empty, loading, old, refused and cut off, as the terminal's panels are."""

import pytest
from playwright.sync_api import Route

from tests.browser import Terminal

pytestmark = pytest.mark.e2e

REFUSAL = {"success": False, "error": "the disk is full", "code": "DATABASE_ERROR"}
#: Page → parts of what its blocks ask, and the blocks that ask it.
ASKED = {
    "/markets": (("/markets/overview",), ("markets-table", "gainers", "losers", "map", "together")),
    "/news": (("/news?", "/sentiment"), ("feed", "dial", "mood-series", "after")),
    "/data": (("/quality",), ("ledger", "gaps", "storage")),
    "/settings": (("/auth/me",), ("account",)),
}


@pytest.mark.parametrize("path", ASKED)
def test_refused_and_tried_again(terminal: Terminal, path: str) -> None:
    page = terminal.page
    parts, blocks = ASKED[path]
    refused = True

    def refuse(route: Route) -> None:
        if refused and any(part in route.request.url for part in parts):
            route.fulfill(status=500, json=REFUSAL)
        else:
            route.continue_()

    page.route("**/api/v1/**", refuse)
    # Nothing comes the other way that there would be something to show of.
    page.add_init_script("window.WebSocket = class extends EventTarget { send() {} close() {} }")
    page.goto(terminal.url + path)
    for name in blocks:
        page.wait_for_selector(f"#{path[1:]} [data-block={name}][data-state=error]")
        said = terminal.text(f"#{path[1:]} [data-block={name}] .panel-said p")
        assert said.endswith("cannot be loaded: the disk is full. Trying again by itself.")
    terminal.problems.clear()  # the refusals are what it is about
    refused = False
    page.click(f"#{path[1:]} [data-block={blocks[0]}] .panel-retry")
    for name in blocks:
        page.wait_for_selector(f"#{path[1:]} [data-block={name}]:is([data-state=live], [data-state=empty])")
        assert page.locator(f"#{path[1:]} [data-block={name}] .panel-retry:visible").count() == 0


def test_old_because_the_line_is_cut(terminal: Terminal) -> None:
    page = terminal.page
    page.goto(terminal.url + "/markets")
    for name in ("markets-table", "map"):
        page.wait_for_selector(f"[data-block={name}][data-state=live]")
    terminal.value("void (CV.page.socket.connect = () => {}, CV.page.socket.lost())")
    for name in ("markets-table", "map"):
        page.wait_for_selector(f"[data-block={name}][data-state=stale]")
        assert "old · connection lost" in terminal.text(f"[data-block={name}] .panel-age")
    terminal.value("void (delete CV.page.socket.connect, CV.page.socket.connect())")
    page.wait_for_selector("[data-block=markets-table][data-state=live]")
    assert terminal.text("[data-block=markets-table] .panel-age") == ""


def test_old_because_it_cannot_be_refreshed(terminal: Terminal) -> None:
    page = terminal.page
    page.goto(terminal.url + "/data")
    page.wait_for_selector("[data-block=ledger][data-state=live] tbody tr")
    page.route("**/api/v1/quality?*", lambda route: route.fulfill(status=500, json=REFUSAL))
    page.wait_for_selector("[data-block=ledger][data-state=stale]")
    assert "cannot be refreshed: the disk is full" in terminal.text("[data-block=ledger] .panel-age")
    assert page.locator("[data-block=ledger] tbody tr").count() > 0, "what is there stays"
    page.unroute("**/api/v1/quality?*")
    page.wait_for_selector("[data-block=ledger][data-state=live]")
    terminal.problems.clear()  # the refusals are what it is about


def test_nothing_yet(terminal: Terminal) -> None:
    page = terminal.page
    page.route("**/api/v1/quality**", lambda route: route.fulfill(json={"success": True, "data": []}))
    page.goto(terminal.url + "/data")
    for name in ("ledger", "storage"):
        page.wait_for_selector(f"[data-block={name}][data-state=empty]")
        assert terminal.text(f"[data-block={name}] .panel-said p")
        assert not page.is_visible(f"[data-block={name}] .scroll")


def test_it_stays_old_while_it_is_asked_again(terminal: Terminal) -> None:
    terminal.open("/t/BTC-USDT")
    told = terminal.value(
        "(() => { const panel = CV.app.panels.get('statistics'); panel.set('live'); panel.failed(new Error('the disk is full'));"
        " panel.load(() => new Promise(() => {})); panel.judge(''); return panel.age.textContent; })()"
    )
    assert told.endswith("cannot be refreshed: the disk is full")
