"""Other symbols over the chart."""

import re

import pytest

from tests.browser import Terminal
from tests.e2e.conftest import Stack

pytestmark = pytest.mark.e2e


def _figure(text: str) -> float:
    match = re.search(r"([+\u2212]?)([\d.]+)\s*%", text)
    assert match, text
    return float(match[2]) * (-1 if match[1] == "\u2212" else 1)


def test_compared_from_the_first_bar_in_view(stack: Stack, terminal: Terminal) -> None:
    page = terminal.open("/t/BTC-USDT?tf=1d").page
    page.click("#compare-button")
    page.keyboard.type("eth")
    page.keyboard.press("Enter")
    page.wait_for_selector("#compare .compared >> text=ETH/USDT")
    assert "compare=ETH-USDT" in page.url
    assert terminal.value("CV.app.scale") == "percent"
    terminal.until("CV.app.compare.lines[0].series.bars.length > 100")
    first = terminal.value("new Date(CV.app.series.bars[CV.app.chart.visible()[0]].t).toISOString()")
    closes = {row["window_start"]: row["close"] for row in stack.api(
        "crypto/data", symbol="ETH/USDT", interval="1d", limit=1000
    )}  # fmt: skip
    begun = next(close for at, close in closes.items() if at[:10] == first[:10])
    terminal.until("document.querySelector('.compared b').textContent.includes('%')")
    now = stack.api("crypto/data", symbol="ETH/USDT", interval="1d", limit=1)[0]["close"]
    assert _figure(terminal.text(".compared b")) == pytest.approx((now / begun - 1) * 100, abs=1)
    # Both lines are in view.
    low, high = terminal.value("CV.app.compare.range(CV.app.chart.view, CV.app.series.bars[CV.app.chart.visible()[0]])")
    assert terminal.value("CV.app.chart.view.low") <= low < high <= terminal.value("CV.app.chart.view.high")
    # The link brings it back; a second one joins it, one click takes it away.
    page.reload()
    page.wait_for_selector("#compare .compared >> text=ETH/USDT")
    page.click("#compare-button")
    page.keyboard.type("doge")
    page.keyboard.press("Enter")
    page.wait_for_selector("#compare .compared >> text=DOGE/USDT")
    page.click("#compare [aria-label='Remove ETH/USDT']")
    page.wait_for_selector("#compare .compared >> text=ETH/USDT", state="detached")
    assert terminal.value("CV.app.compare.lines.length") == 1
