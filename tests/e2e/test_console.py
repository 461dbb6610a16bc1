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
    page.locator("#console .ask").get_by_label("Type").select_option("trade")
    page.locator("#console .ask").get_by_label("Symbol").fill("eth/usdt")
    page.click("#console .ask >> text=Subscribe")
    page.wait_for_selector("#console .frame[data-kind=received] >> text=subscribed")
    page.wait_for_selector("#console .frame[data-kind=received] >> text=ETH/USDT")
    terminal.until("/frames.*trade/.test(document.querySelector('#console .counts').textContent)")
    page.fill("#console .raw input", "nonsense")
    page.click("#console .raw >> text=Send")
    page.wait_for_selector("#console .frame[data-kind=received] >> text=error")
    page.click("#console .pause")
    page.click("#console .clear")
    page.wait_for_timeout(1_000)
    assert page.locator("#console .frame").count() == 0
    page.click("#console .connect")
    page.wait_for_selector("#console .frame[data-kind=note] >> text=closed")
    assert terminal.text("#console .connection") == "closed"


def test_rest_by_hand(stack: Stack, terminal: Terminal) -> None:
    page = terminal.page
    page.goto(stack.url + "/console")
    rest = page.locator("#console .rest")
    rest.get_by_label("Route").select_option("/crypto/latest")
    rest.get_by_label("interval").select_option("1h")
    assert rest.locator(".call").inner_text() == "/api/v1/crypto/latest?symbol=BTC%2FUSDT&interval=1h"
    rest.get_by_text("Send").click()
    page.wait_for_selector("#console .answer[data-kind=good] >> text=window_start")
    rest.get_by_label("symbol").fill("?")
    rest.get_by_text("Send").click()
    terminal.problems.clear()  # a 400 is what was asked for
    page.wait_for_selector("#console .answer[data-kind=bad] >> text=INVALID_SYMBOL")
    terminal.problems.clear()
    rest.get_by_label("Route").select_option("/indicators/{type}")
    assert rest.locator(".call").inner_text().startswith("/api/v1/indicators/rsi?")
