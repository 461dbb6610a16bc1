"""Panels hidden, folded, moved and resized, their states, and layouts under names."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Browser, WebSocketRoute

from tests.browser import DESKTOP, Terminal
from tests.e2e.conftest import Stack

pytestmark = pytest.mark.e2e


def _box(terminal: Terminal, selector: str) -> Any:
    box = terminal.page.locator(selector).bounding_box()
    assert box is not None, selector
    return box


def _choose(terminal: Terminal, panel: str, words: str) -> None:
    """From a panel's menu, by keyboard."""
    page = terminal.page
    page.focus(f"#{panel} .panel-more")
    page.keyboard.press("Enter")
    page.wait_for_selector("#menu:popover-open")
    for _ in range(12):
        if terminal.value("document.activeElement.textContent") == words:
            break
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector("#menu:popover-open", state="detached")
    assert terminal.value(f"document.activeElement === document.querySelector('#{panel} .panel-more')")


@pytest.fixture
def fresh(stack: Stack, browser: Browser) -> Any:
    """Somebody new: nothing stored."""
    context = browser.new_context(**DESKTOP, color_scheme="dark")  # type: ignore[arg-type]
    terminal = Terminal(context, stack.url)
    yield terminal
    context.close()
    assert terminal.problems == []


def test_panels_and_named_layouts(fresh: Terminal) -> None:
    terminal = fresh
    page = terminal.open("/t/BTC-USDT").page
    wide = _box(terminal, "#chart")["width"]
    edge = _box(terminal, ".edge-right")
    page.mouse.move(edge["x"] + 2, 500)
    page.mouse.down()
    page.mouse.move(edge["x"] - 98, 500, steps=3)
    page.mouse.up()
    assert _box(terminal, "#right")["width"] == pytest.approx(400, abs=4)
    terminal.until(f"Math.abs(CV.app.chart.overlay.width - {wide - 100}) < 4")
    book = _box(terminal, "#book")["height"]
    page.focus("#book .edge")
    page.keyboard.press("ArrowUp")
    assert _box(terminal, "#book")["height"] == pytest.approx(book - 16, abs=2)
    page.click("#book .panel-fold")
    assert _box(terminal, "#book")["height"] == pytest.approx(33, abs=1)
    page.click("#book .panel-fold")

    page.click("#layout-button")
    page.click("#layouts >> text=Strip of markets")
    page.click("#layouts >> text=Watchlist")
    page.keyboard.press("Escape")
    for panel in ("tape", "book"):
        _choose(terminal, panel, "Move to the left column")
    page.click("#layout-button")
    page.fill("#layouts form input", "Left hand")
    page.click("#layouts >> text=Save")
    page.click("#layouts >> text=Compact")
    assert not page.is_visible("#tape")
    assert _box(terminal, "#book")["x"] > 1000
    page.click("#layouts >> text=Left hand")
    page.keyboard.press("Escape")
    assert not page.is_visible("#strip")
    assert _box(terminal, "#book")["x"] == 0
    assert _box(terminal, "#tape")["y"] < _box(terminal, "#book")["y"]

    # Kept for the next visit, with what it keeps of the chart.
    terminal.value("CV.app.go({type: 'bars', timeframe: '15m'})")
    page.reload()
    terminal.ready()
    assert _box(terminal, "#book")["x"] == 0
    page.click("#layout-button")
    page.click("#layouts >> text=Left hand")
    terminal.until("CV.app.type === 'candles' && CV.app.timeframe === '1m'")
    page.click("#layouts [aria-label='Remove Left hand']")
    page.click("#layouts >> text=Detailed")
    page.click("#layouts >> text=Close")
    assert page.is_visible("#strip")
    assert _box(terminal, "#right")["width"] == 300
    assert _box(terminal, "#watchlist")["width"] == pytest.approx(199, abs=1)


def test_moved_by_keyboard_and_pointer(fresh: Terminal) -> None:
    terminal = fresh
    page = terminal.open("/t/BTC-USDT").page
    _choose(terminal, "tape", "Move up")
    assert _box(terminal, "#tape")["y"] < _box(terminal, "#book")["y"]
    _choose(terminal, "tape", "Move below the chart")
    assert page.get_attribute("#dock", "data-open") == "tape"
    assert _box(terminal, "#book")["height"] > 700, "it takes what the trades left"
    # A tab to the left column, above the watchlist; the watchlist by its header to the right one.
    _drag(terminal, _centre(terminal, "[data-dock=statistics]"), (80, 140))
    assert _box(terminal, "#statistics")["y"] < _box(terminal, "#watchlist")["y"]
    x, y = _centre(terminal, "#watchlist h2")
    _drag(terminal, (x, y), (1300, 860))
    assert _box(terminal, "#watchlist")["x"] > 1100
    assert page.get_attribute("#dock", "data-open") == "tape", "what was dragged was not clicked"
    # Let go over the chart it stays where it was.
    _drag(terminal, _centre(terminal, "#watchlist h2"), (700, 300))
    order = "['left', 'right', 'dock'].map((area) => CV.app.layout.visible(area).join(' '))"
    there = terminal.value(order)
    assert there[:2] == ["statistics", "book watchlist"]
    assert there[2].endswith("tape")
    page.reload()
    terminal.ready()
    assert terminal.value(order) == there
    assert page.is_visible("#tape .trade")


def test_layouts_of_before(fresh: Terminal) -> None:
    """As browsers and the server have them from the time of sides and switches."""
    old = {
        "strip": False, "book": True, "tape": True, "dock": True, "left": True, "tapefirst": True, "side": 340,
        "height": 180, "share": 300,
    }  # fmt: skip
    kept = json.dumps({"Old": {"shape": old, "chart": {}}})
    fresh.page.add_init_script(f"localStorage.setItem('cryptoviz.layouts', {kept!r})")
    page = fresh.open("/t/BTC-USDT").page
    page.click("#layout-button")
    page.click("#layouts >> text=Old")
    page.keyboard.press("Escape")
    assert not page.is_visible("#strip")
    assert not page.is_visible("#right")
    assert _box(fresh, "#left")["width"] == 340
    assert _box(fresh, "#tape")["y"] < _box(fresh, "#book")["y"]
    page.click("[data-dock=headlines]")
    assert _box(fresh, "#dock")["height"] == pytest.approx(209, abs=1)


def test_the_watchlist_by_keyboard(fresh: Terminal) -> None:
    page = fresh.open("/t/BTC-USDT").page
    fresh.until(r"/\d/.test(document.querySelector('#watchlist [data-symbol=\"ETH/USDT\"] .watch-price').textContent)")
    page.focus("#watchlist [data-symbol='BTC/USDT'] .watch-pick")
    page.keyboard.press("ArrowDown")
    fresh.until("CV.app.symbol === 'ETH/USDT'")
    page.keyboard.press("s")
    page.click("#watchlist [aria-label='Favourites only']")
    assert page.locator("#watchlist .watch:visible").count() == 1
    page.goto(fresh.url + "/markets")
    page.wait_for_selector("#markets [aria-label='ETH/USDT: a favourite']")


def test_stale_with_age_and_reason(fresh: Terminal) -> None:
    page = fresh.open("/t/BTC-USDT").page
    for panel in ("book", "tape", "watchlist"):
        page.wait_for_selector(f"#{panel}[data-state=live]")
    # The way to the server is gone: nothing gets through, nothing comes back.
    fresh.value("void (CV.app.socket.connect = () => {}, CV.app.socket.lost())")
    for panel in ("book", "tape", "watchlist"):
        page.wait_for_selector(f"#{panel}[data-state=stale]")
        assert "old · connection lost" in fresh.text(f"#{panel} .panel-age")
    fresh.value("void (delete CV.app.socket.connect, CV.app.socket.connect())")
    for panel in ("book", "tape", "watchlist"):
        page.wait_for_selector(f"#{panel}[data-state=live]")
        assert fresh.text(f"#{panel} .panel-age") == ""


def test_error_retry_and_empty(fresh: Terminal) -> None:
    page = fresh.page
    refusal = {"success": False, "error": "the disk is full", "code": "DATABASE_ERROR"}
    routes = {
        "headlines": "**/api/v1/news/*",
        "readings": "**/api/v1/indicators?*",
        "statistics": "**/api/v1/crypto/data?*interval=1d*",
    }
    for route in routes.values():
        page.route(route, lambda one: one.fulfill(status=500, json=refusal))

    def tells_nothing_new(socket: WebSocketRoute) -> None:
        # A panel that hears of news or a figure has something to show, whatever was refused.
        server = socket.connect_to_server()
        server.on_message(lambda text: None if re.search('"type":"(indicator|news)"', str(text)) else socket.send(text))

    page.route_web_socket(re.compile("/ws"), tells_nothing_new)
    fresh.open("/t/BTC-USDT")
    for panel, route in routes.items():
        if page.get_attribute("#dock", "data-open") != panel:
            page.click(f"[data-dock={panel}]")
        # Not by itself, for once.
        page.wait_for_function(
            "(panel) => panel.state === 'error' && (clearTimeout(panel.timer), true)",
            arg=page.evaluate_handle(f"CV.app.panels.get('{panel}')"),
        )
        assert page.get_attribute(f"#{panel}", "data-state") == "error"
        assert "the disk is full. Trying again by itself." in fresh.text(f"#{panel} .panel-said")
        page.unroute(route)
        page.route(route, lambda one: one.fulfill(json={"success": True, "data": []}))
        page.click(f"#{panel} .panel-retry")
        page.wait_for_selector(f"#{panel}[data-state=empty]")
        assert " appear" in fresh.text(f"#{panel} .panel-said")
        page.unroute(route)
    fresh.problems.clear()  # the refusals are what it is about


def test_nothing_jumps_when_data_arrives(stack: Stack, fresh: Terminal) -> None:
    fresh.page.add_init_script(
        "window.shifts = []; new PerformanceObserver((list) => list.getEntries().forEach((one) => window.shifts.push("
        "[one.value, one.sources.map(({ node }) => node && (node.id || node.className))])))"
        ".observe({ type: 'layout-shift', buffered: true })"
    )
    page = fresh.open("/t/BTC-USDT").page
    for panel in ("book", "tape", "watchlist"):
        page.wait_for_selector(f"#{panel}[data-state=live]")
    page.wait_for_selector("#mood-chip:not([data-state=loading])")
    for panel in ("readings", "statistics", "sentiment"):
        page.click(f"[data-dock={panel}]")
        page.wait_for_selector(f"#{panel}[data-state=live]")
    fresh.drawn()
    shifts = fresh.value("window.shifts")
    assert sum(value for value, _ in shifts) < 0.05, shifts


def test_a_panel_as_a_file(fresh: Terminal) -> None:
    page = fresh.open("/t/BTC-USDT").page
    page.wait_for_selector("#tape[data-state=live]")
    page.click("#tape .panel-more")
    with page.expect_download() as found:
        page.click("#menu >> text=Export as CSV")
    assert found.value.suggested_filename == "tape.csv"
    lines = found.value.path().read_text().splitlines()
    assert lines[0] == "time,trade_id,side,price,amount"
    assert len(lines) > 10


def _centre(terminal: Terminal, selector: str) -> tuple[float, float]:
    box = _box(terminal, selector)
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def _drag(terminal: Terminal, start: tuple[float, float], end: tuple[float, float]) -> None:
    terminal.page.mouse.move(*start)
    terminal.page.mouse.down()
    terminal.page.mouse.move(*end, steps=6)
    terminal.page.mouse.up()
