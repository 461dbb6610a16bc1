"""Panels hidden, moved and resized, and layouts under names."""

from typing import Any

import pytest

from tests.browser import Terminal

pytestmark = pytest.mark.e2e


def _box(terminal: Terminal, selector: str) -> Any:
    box = terminal.page.locator(selector).bounding_box()
    assert box is not None, selector
    return box


def test_panels_and_named_layouts(terminal: Terminal) -> None:
    page = terminal.open("/t/BTC-USDT").page
    wide = _box(terminal, "#chart")["width"]
    edge = _box(terminal, ".edge-side")
    page.mouse.move(edge["x"] + 2, 500)
    page.mouse.down()
    page.mouse.move(edge["x"] - 98, 500, steps=3)
    page.mouse.up()
    assert _box(terminal, "#side")["width"] == pytest.approx(400, abs=4)
    terminal.until(f"Math.abs(CV.app.chart.overlay.width - {wide - 100}) < 4")
    book = _box(terminal, "#book")["height"]
    page.focus(".edge-share")
    page.keyboard.press("ArrowUp")
    assert _box(terminal, "#book")["height"] == pytest.approx(book - 16, abs=2)

    page.click("#layout-button")
    page.click("#layouts >> text=Strip of markets")
    page.click("#layouts >> text=Panels on the left")
    page.click("#layouts >> text=Trades above the order book")
    page.fill("#layouts form input", "Left hand")
    page.click("#layouts >> text=Save")
    page.click("#layouts >> text=Compact")
    assert not page.is_visible("#tape")
    assert _box(terminal, "#side")["x"] > 1000
    page.click("#layouts >> text=Left hand")
    page.keyboard.press("Escape")
    assert not page.is_visible("#strip")
    assert _box(terminal, "#side")["x"] == 0
    assert _box(terminal, "#tape")["y"] < _box(terminal, "#book")["y"]

    # Kept for the next visit, with what it keeps of the chart.
    terminal.value("CV.app.go({type: 'bars', timeframe: '15m'})")
    page.reload()
    terminal.ready()
    assert _box(terminal, "#side")["x"] == 0
    page.click("#layout-button")
    page.click("#layouts >> text=Left hand")
    terminal.until("CV.app.type === 'candles' && CV.app.timeframe === '1m'")
    page.click("#layouts [aria-label='Remove Left hand']")
    page.click("#layouts >> text=Detailed")
    page.click("#layouts >> text=Close")
    assert page.is_visible("#strip")
    assert _box(terminal, "#side")["width"] == 300
