"""Alerts as a trader meets them: made on the chart, told when the price comes, there after a reload."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.browser import Terminal
from tests.e2e.conftest import Stack
from tests.stack import eventually

pytestmark = pytest.mark.e2e


def _point(page: Any, terminal: Terminal, price: str) -> tuple[float, float]:
    """Where that price is on the screen, in the middle of the chart."""
    box = page.locator(".chart-over").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 3, box["y"] + terminal.value(f"CV.app.chart.view.y({price})")


@pytest.fixture
def still(stack: Stack) -> Iterator[None]:
    """Nobody trades but the test."""
    stack.control(action="pause")
    yield
    stack.control(action="resume")


def test_an_alert_from_the_chart_to_the_history(stack: Stack, terminal: Terminal, still: None) -> None:
    page = terminal.open("/t/DOGE-USDT").page
    low, high = terminal.value("[CV.app.chart.view.low, CV.app.chart.view.high]")
    level = high - (high - low) * 0.12
    # A right click on the chart makes it.
    x, y = _point(page, terminal, str(level))
    page.mouse.click(x, y, button="right")
    choice = page.locator("#chart-menu [role=menuitem] >> nth=0")
    assert choice.inner_text().startswith("Alert at 0.")
    choice.click()
    bell = page.locator("#alert-lines .alert-bell")
    bell.wait_for()
    [made] = stack.api("alerts")
    assert (made["symbol"], made["kind"], made["direction"], made["state"]) == ("DOGE/USDT", "price", "cross", "active")
    # Its bell is dragged to another price, which the panel and the server know at once.
    box = bell.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 30, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 30, box["y"] - 20, steps=4)
    page.mouse.up()
    assert eventually(lambda: stack.api("alerts")[0]["value"] > made["value"], 10)
    value = stack.api("alerts")[0]["value"]
    page.keyboard.press("a")
    page.wait_for_selector("#alerts .alert-form:not([hidden])")
    row = page.locator("#alerts .alert-row")
    page.wait_for_function("() => /^\\+\\d/.test(document.querySelector('#alerts .alert-distance').textContent)")
    assert str(value) in row.inner_text()
    # The price passes it, as soon as the worker has heard of the change.
    page.wait_for_timeout(2000)
    stack.control(action="trade", symbol="DOGEUSDT", price=str(Decimal(str(value)) + Decimal("0.0001")))
    page.wait_for_selector("#toasts .toast")
    assert "DOGE/USDT" in terminal.text("#toasts .toast")
    page.wait_for_selector("#alert-marks .alert-mark:not([hidden])")
    assert page.locator("#alerts .alert-told").count() == 1
    assert row.get_attribute("data-state") == "fired"
    assert page.locator("#alert-lines .alert-bell").count() == 0, "it waits no more"
    # After a reload as before, and nothing is told twice.
    page.reload()
    terminal.ready()
    page.wait_for_selector("#alerts .alert-told")
    page.wait_for_selector("#alert-marks .alert-mark:not([hidden])")
    assert page.locator("#toasts .toast").count() == 0
    page.click("#alerts .alert-row .plain")
    page.click("#menu [role=menuitem] >> text=Delete alert")
    row.wait_for(state="detached")
    assert stack.api("alerts") == []
    assert page.locator("#alerts .alert-told").count() == 1, "what was told stays"


def test_the_form_of_every_kind(stack: Stack, terminal: Terminal) -> None:
    page = terminal.open("/t/BTC-USDT").page
    page.keyboard.press("a")
    form = page.locator("#alerts .alert-form")
    for kind, shown in (("change", 1), ("volume", 1), ("news", 0), ("indicator", 2)):
        form.locator("[name=kind]").select_option(kind)
        assert form.locator("label:not([hidden]) select").count() == 3 + shown, kind
    form.locator("[name=indicator]").select_option("macd")
    form.locator("[name=figure]").select_option("value_histogram")
    form.locator("[name=timeframe]").select_option("1h")
    form.locator("[name=value]").fill("\u22120,5")
    form.locator("[name=repeat]").select_option("every")
    form.locator("[name=cooldown]").select_option("300")
    form.locator("[name=note]").fill("momentum")
    page.click("#alerts .alert-form .primary")
    form.wait_for(state="hidden")
    made = stack.api("alerts")[0]
    assert (made["indicator"], made["figure"], made["timeframe"], made["value"]) == (
        "macd",
        "value_histogram",
        "1h",
        -0.5,
    )
    assert (made["repeat"], made["cooldown"], made["note"]) == ("every", 300, "momentum")
    # Changed in its place, paused, and what is wrong is said where it was written.
    page.click("#alerts .alert-what")
    form.locator("[name=value]").fill("nothing")
    page.click("#alerts .alert-form .primary")
    page.wait_for_selector("#alerts .alert-form .said >> text=Value: write a number.")
    form.locator("[name=value]").fill("1.25")
    page.click("#alerts .alert-form .primary")
    form.wait_for(state="hidden")
    page.click("#alerts .alert-row .plain")
    page.click("#menu [role=menuitem] >> text=Pause")
    page.wait_for_selector("#alerts .alert-row[data-state=paused]")
    changed = stack.api("alerts")[0]
    assert (changed["id"], changed["value"], changed["state"], changed["figure"]) == (
        made["id"],
        1.25,
        "paused",
        "value_histogram",
    )
    page.click("#alerts .alert-row .plain")
    page.click("#menu [role=menuitem] >> text=Delete alert")
    page.wait_for_selector("#alerts .alert-none:not([hidden])")
