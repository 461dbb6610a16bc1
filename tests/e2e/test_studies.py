"""Indicators on the chart: added by name, with parameters of one's own, in their panes, gone by one click."""

import pytest

from tests.browser import Terminal
from tests.e2e.conftest import Stack

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def _forget(terminal: Terminal) -> None:
    """What an earlier page kept in this browser, and what a first visitor sees: none is shown at first."""
    terminal.page.add_init_script(
        "sessionStorage.kept || localStorage.setItem('cryptoviz.studies', '[]'); sessionStorage.kept = 1"
    )


def add(terminal: Terminal, name: str) -> None:
    terminal.page.click("#indicators-button")
    terminal.page.wait_for_selector("#indicators .indicator")
    terminal.page.keyboard.type(name)
    terminal.page.keyboard.press("Enter")
    terminal.page.wait_for_selector(f"[data-study={name}]")
    terminal.until(f"{study(name)}.figures.size > 50")


def study(name: str) -> str:
    return f"CV.app.studies.shown.find((one) => one.study.entry.name === '{name}').study"


def test_they_are_what_rest_says(stack: Stack, terminal: Terminal) -> None:
    terminal.open("/t/ETH-USDT")
    prices = terminal.value("CV.app.chart.view.height")
    add(terminal, "bollinger")
    assert terminal.value("CV.app.chart.view.height") == prices, "it lies over the candles"
    add(terminal, "rsi")
    assert terminal.value("CV.app.chart.view.height") < prices, "it has a pane of its own"
    for name, column in (("bollinger", "upper_band"), ("rsi", "value")):
        rows = stack.api(f"indicators/{name}", symbol="ETH/USDT", interval="1m", limit=40)[5:]
        shown = terminal.value(f"{[row['time'] for row in rows]}.map((t) => {study(name)}.at(Date.parse(t)).{column})")
        assert shown == pytest.approx([row[column] for row in rows], rel=1e-9)


def test_the_forming_bar_has_its_figure_too(terminal: Terminal) -> None:
    terminal.open("/t/BTC-USDT")
    add(terminal, "ema")
    terminal.until(f"{study('ema')}.at(CV.app.series.last.t) !== undefined")
    before = terminal.value(f"{study('ema')}.at(CV.app.series.last.t).value")
    terminal.until(f"{study('ema')}.at(CV.app.series.last.t)?.value !== {before}")


def test_parameters_last_and_it_goes_by_one_click(stack: Stack, terminal: Terminal) -> None:
    terminal.open("/t/BTC-USDT")
    add(terminal, "rsi")
    terminal.page.click("[data-study=rsi] .study-name")
    terminal.page.fill("[data-study=rsi] input[name=length]", "21")
    terminal.page.keyboard.press("Enter")
    terminal.until(f"{study('rsi')}.figures.size > 50")
    assert terminal.text("[data-study=rsi] .study-name") == "RSI 21"
    row = stack.api("indicators/rsi", symbol="BTC/USDT", interval="1m", limit=5, length=21)[-1]
    shown = terminal.value(f"{study('rsi')}.at(Date.parse('{row['time']}')).value")
    assert shown == pytest.approx(row["value"], rel=1e-9)

    terminal.page.reload()
    terminal.ready()
    terminal.page.click("[data-timeframe='5m']")
    terminal.page.wait_for_selector("[data-study=rsi]")
    assert terminal.text("[data-study=rsi] .study-name") == "RSI 21"
    terminal.page.click("[data-study=rsi] .study-remove")
    assert terminal.page.locator(".study").count() == 0
    assert terminal.value("localStorage.getItem('cryptoviz.studies')") == "[]"


def test_any_of_the_library(terminal: Terminal) -> None:
    terminal.open("/t/BTC-USDT")
    add(terminal, "aroon")
    assert terminal.page.locator("[data-study=aroon] b").count() >= 2
    terminal.until(
        "[...document.querySelectorAll('[data-study=aroon] b')].every((cell) => /[0-9]/.test(cell.textContent))"
    )
