"""The terminal in French."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser import DESKTOP, Terminal
from tests.e2e.conftest import Stack

pytestmark = pytest.mark.e2e

#: Words that no French text has, and every second English one.
ENGLISH = re.compile(r"\b(the|of|and|is|was|no|not|to|from|with|are|by|it|this|yet|has|have|for)\b")


@pytest.fixture
def french(stack: Stack, browser: Any) -> Iterator[Terminal]:
    context = browser.new_context(**DESKTOP, locale="fr-FR")
    terminal = Terminal(context, stack.url)
    yield terminal
    context.close()
    assert terminal.problems == []


def test_nothing_is_left_in_english(french: Terminal) -> None:
    page = french.open().page
    page.wait_for_selector("#header >> text=Actualités")
    assert page.get_attribute("html", "lang") == "fr"
    for key in ("?", "g"):
        page.keyboard.press(key)
        page.keyboard.press("Escape")
    page.click("#layout-button")
    page.keyboard.press("Escape")
    for name in ("sentiment", "readings", "statistics", "depth", "headlines"):
        page.click(f"[data-dock={name}]")
        page.wait_for_selector(f"#{name}:not([data-state=loading])")
        page.click("#dock .panel:not(.hidden) .panel-more")
        page.keyboard.press("Escape")
    french.until("document.querySelector('#connection-text').textContent.startsWith('En direct')")
    left = set(french.value("CV.texts.missing()"))
    for path, done in {
        "news": "#news .articles .article", "data": "#data .summary:not([data-state=loading])",
        "markets": "#markets .ag-row", "settings": "#settings .appearance[data-state=ready]",
    }.items():  # fmt: skip
        page.goto(f"{french.url}/{path}")
        page.wait_for_selector(done)
        left |= set(french.value("CV.texts.missing()"))
    assert [text for text in sorted(left) if ENGLISH.search(text)] == []
    # What others wrote stays what they wrote.
    page.goto(f"{french.url}/news")
    page.wait_for_selector("#news .headline >> text=Bitcoin surges to new all-time high")
    assert page.get_attribute("#news .filters input", "placeholder") == "Chercher dans les titres"


def test_chosen_in_the_settings(french: Terminal) -> None:
    page = french.page
    page.goto(french.url + "/settings")
    page.wait_for_selector("#settings >> text=Apparence")
    page.get_by_label("Langue").select_option("en")
    page.wait_for_selector("#settings >> text=Appearance")
    page.get_by_label("Language").select_option("")
    page.wait_for_selector("#settings >> text=Apparence")
