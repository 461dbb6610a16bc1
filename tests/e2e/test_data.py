"""The data page: the ledger, hour by hour, and the parts."""

import json
from pathlib import Path

import pytest

from tests.browser import Terminal
from tests.e2e.conftest import Stack
from tests.stack import eventually

pytestmark = pytest.mark.e2e


def test_the_ledger_and_the_parts(stack: Stack, terminal: Terminal) -> None:
    assert eventually(lambda: len({row["symbol"] for row in stack.api("quality")}) == 3, 60)
    terminal.page.goto(stack.url + "/data")
    terminal.page.wait_for_selector("#data .summary[data-state=whole]")
    assert terminal.text("#data .verdict") == "Nothing is missing"
    rows = terminal.page.locator("#data .ledger tbody tr")
    assert rows.count() == 3
    stored = sum(row["trades_stored"] for row in stack.api("quality", symbol="BTC/USDT"))
    shown = int(rows.nth(0).locator("td").nth(1).inner_text().replace("\u202f", ""))
    assert 0 < shown <= stored, "the ledger only grows, and the page was filled before it was asked"
    assert rows.nth(0).locator(".hour[data-kind=whole]").count() >= 1
    assert "whole: " in (rows.nth(0).locator(".hour").last.get_attribute("title") or "")
    names = terminal.page.locator("#data .parts b").all_inner_texts()
    assert {"collector", "candles", "writer", "bridge", "web"} <= set(names)


def test_what_lies_where_and_who_is_behind(stack: Stack, terminal: Terminal) -> None:
    terminal.page.goto(stack.url + "/data")
    terminal.page.wait_for_selector("#data .storage[data-state=live] tbody tr")
    shown = terminal.page.locator("#data .storage tbody tr").all_inner_texts()
    stored = {(one["dataset"], one["tier"]) for one in stack.api("quality/storage")}
    assert {("candles", "hot"), ("trades", "hot")} <= stored and len(shown) == len(stored)
    assert all(" MB" in line or " GB" in line for line in shown)
    terminal.page.wait_for_selector("#data .parts .line:has-text('writer') >> text=/messages? behind/")
    terminal.page.wait_for_selector("#data .parts .line:has-text('collector') >> text=/s behind the exchange/")


def test_a_missing_trade_is_said(stack: Stack, terminal: Terminal) -> None:
    def missing(route: object) -> None:
        answer = route.fetch()  # type: ignore[attr-defined]
        body = answer.json()
        body["data"][0] |= {"trades_missing": 7, "trades_expected": body["data"][0]["trades_stored"] + 7}
        route.fulfill(response=answer, json=body)  # type: ignore[attr-defined]

    assert eventually(lambda: stack.api("quality"), 60)
    terminal.page.route("**/api/v1/quality?*", missing)
    terminal.page.goto(stack.url + "/data")
    terminal.page.wait_for_selector("#data .summary[data-state=missing]")
    assert terminal.text("#data .verdict") == "7 trades missing"
    assert terminal.page.locator("#data .hour[data-kind=missing]").count() == 1
    assert terminal.page.locator("#data td[data-alarm=true]").count() == 1


def test_from_page_to_page(terminal: Terminal) -> None:
    terminal.open()
    terminal.page.click("#header .pages >> text=Data")
    terminal.page.wait_for_selector("#data .summary:not([data-state=loading])")
    assert terminal.page.url.endswith("/data")
    assert terminal.text("#data .pages [aria-current=page]") == "Data"
    assert not terminal.page.is_visible("#terminal")
    terminal.page.click("#data .ledger a >> nth=1")
    terminal.ready()
    assert terminal.page.url.endswith("/t/DOGE-USDT")


def test_an_export_downloads(stack: Stack, terminal: Terminal) -> None:
    terminal.page.goto(stack.url + "/data")
    form = terminal.page.locator("#data .export-form")
    form.get_by_label("Symbol").select_option("ETH/USDT")
    form.get_by_label("Timeframe").select_option("1h")
    form.get_by_label("As").select_option("jsonl")
    with terminal.page.expect_download() as found:
        form.get_by_text("Download").click()
    assert found.value.suggested_filename == "ETH-USDT_candles_1h.jsonl"
    lines = [json.loads(line) for line in Path(found.value.path()).read_text().splitlines()]
    assert len(lines) >= 100
    assert {line["symbol"] for line in lines} == {"ETH/USDT"}
    form.get_by_label("What").select_option("trades")
    assert form.get_by_label("Timeframe").is_disabled()


def test_an_export_in_the_background(stack: Stack, terminal: Terminal) -> None:
    terminal.page.goto(stack.url + "/data")
    terminal.page.locator("#data .export-form").get_by_label("Timeframe").select_option("1h")
    terminal.page.click("text=Make in the background")
    line = terminal.page.locator("#data .jobs .line")
    line.get_by_text("Download").wait_for()
    with terminal.page.expect_download() as found:
        line.get_by_text("Download").click()
    assert found.value.suggested_filename == "BTC-USDT_candles_1h.csv"
    assert len(Path(found.value.path()).read_text().splitlines()) > 100
    line.get_by_text("Remove").click()
    line.wait_for(state="detached")
    assert stack.api("export/jobs") == []
