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
        "markets": "#markets .ag-row", "settings": "#settings .appearance[data-state=live]",
    }.items():  # fmt: skip
        page.goto(f"{french.url}/{path}")
        page.wait_for_selector(done)
        left |= set(french.value("CV.texts.missing()"))
    assert [text for text in sorted(left) if ENGLISH.search(text)] == []
    # What others wrote stays what they wrote.
    page.goto(f"{french.url}/news")
    page.wait_for_selector("#news .headline >> text=Bitcoin surges to new all-time high")
    assert page.get_attribute("#news .filters input", "placeholder") == "Chercher dans les titres"


#: Questions that the server refuses, each for another reason.
REFUSED = (
    "crypto/data", "crypto/data?symbol=?!", "crypto/data?symbol=BTC/USDT&interval=2m", "crypto/data?symbol=BTC/USDT&limit=x",
    "crypto/data?symbol=BTC/USDT&start_time=then", "crypto/data?symbol=BTC/USDT&cursor=!", "crypto/data?symbol=BTC/USDT&order=up",
    "crypto/data?symbol=BTC/USDT&start_time=2026-02-01&end_time=2026-01-01", "crypto/latest?symbol=NO/NE", "book?symbol=NO/NE",
    "markets/tickers?symbols=?", "news?min_score=2", "news?min_score=1&max_score=-1", "news?q=a+b+c+d+e+f+g+h+i+j+k", "news/explain",
    "news/explain?url=https://nowhere.example", "news?symbol=?!", "indicators/none?symbol=BTC/USDT", "sentiment?interval=1y",
    "sentiment/study?days=0", "export/nothing", "export/candles", "export/candles?symbol=BTC/USDT&format=pdf", "export/jobs/none",
    "nowhere", "crypto/data?symbol=BTC/USDT&exchange=!",
)  # fmt: skip


def test_what_the_server_refuses_is_said_in_french(french: Terminal) -> None:
    """Every sentence of an error, and those of a socket, as the page would show them."""
    french.page.goto(french.url + "/settings")
    french.page.wait_for_selector("#settings >> text=Apparence")
    found = french.page.evaluate(
        """async (paths) => {
          const said = [];
          for (const path of paths) {
            const body = await (await fetch(`/api/v1/${path}`)).json();
            said.push([path, body.error || '', CV.texts.of(`News cannot be loaded: ${body.error}. Trying again by itself.`)]);
          }
          const ws = new WebSocket(`ws://${location.host}/ws/crypto`);
          await new Promise((done) => (ws.onopen = done));
          const wrong = [{ action: 'dance' }, { action: 'subscribe', type: 'x' }, { action: 'subscribe', type: 'trade', symbol: '?' }];
          for (const text of ['?', ...wrong.map((one) => JSON.stringify(one))]) {
            const answer = new Promise((done) => (ws.onmessage = ({ data }) => done(JSON.parse(data).data.message)));
            ws.send(text);
            said.push([text, await answer, CV.texts.of(await answer)]);
          }
          ws.close();
          return said;
        }""",
        list(REFUSED),
    )
    french.problems.clear()  # the browser notes each 400 and 404
    assert [path for path, english, _ in found if not english] == []
    assert [(path, other) for path, english, other in found if other == english or ENGLISH.search(other)] == []


def test_the_state_of_a_part_is_said_in_french(french: Terminal) -> None:
    """What workers say of themselves when they are held up, as the pages show it."""

    def troubled(route: Any) -> None:
        answer = route.fetch()
        body = answer.json()
        workers = body["data"]["workers"]
        workers["writer"] |= {"state": "waiting", "detail": "no progress for 12 s: writing to the database"}
        workers["bridge"] |= {"state": "waiting", "detail": "no word for 31 s; before: running"}
        workers["collector"] |= {
            "state": "waiting",
            "detail": "nothing from the exchange for 40 s: connected, but silent",
        }
        route.fulfill(response=answer, json=body)

    page = french.page
    page.route("**/api/v1/status", troubled)
    page.goto(french.url + "/data")
    page.wait_for_selector("#data .parts >> text=pas de progrès depuis 12 s : écriture dans la base")
    page.wait_for_selector("#data .parts >> text=pas un mot depuis 31 s ; avant : en marche")
    page.wait_for_selector("#data .parts >> text=rien de la bourse depuis 40 s : connecté, mais silencieux")
    page.goto(french.url + "/news")
    page.wait_for_selector("#news .sources >> text=adresses sur 1 échouent")


def test_chosen_in_the_settings(french: Terminal) -> None:
    page = french.page
    page.goto(french.url + "/settings")
    page.wait_for_selector("#settings >> text=Apparence")
    page.get_by_label("Langue").select_option("en")
    page.wait_for_selector("#settings >> text=Appearance")
    page.get_by_label("Language").select_option("")
    page.wait_for_selector("#settings >> text=Apparence")
