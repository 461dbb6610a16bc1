"""The console page: the WebSocket by hand."""

import pytest

from tests.browser import Terminal
from tests.e2e.conftest import Stack

pytestmark = pytest.mark.e2e


def test_ask_see_stop(stack: Stack, terminal: Terminal) -> None:
    page = terminal.page
    page.goto(stack.url + "/console")
    page.click("#console .connect")
    page.wait_for_selector("#console .connection[data-state=open]")
    page.locator("#console").get_by_label("Type").select_option("trade")
    page.locator("#console").get_by_label("Symbol").fill("eth/usdt")
    page.click("#console .ask >> text=Subscribe")
    page.wait_for_selector("#console .frame[data-kind=received] >> text=subscribed")
    page.wait_for_selector('#console .frame[data-kind=received] >> text=ETH/USDT')
    terminal.until("/frames.*trade/.test(document.querySelector('#console .counts').textContent)")
    page.fill("#console .raw input", "nonsense")
    page.click("#console .raw >> text=Send")
    page.wait_for_selector('#console .frame[data-kind=received] >> text=error')
    page.click("#console .pause")
    page.click("#console .clear")
    page.wait_for_timeout(1_000)
    assert page.locator("#console .frame").count() == 0
    page.click("#console .connect")
    page.wait_for_selector("#console .frame[data-kind=note] >> text=closed")
    assert terminal.text("#console .connection") == "closed"
