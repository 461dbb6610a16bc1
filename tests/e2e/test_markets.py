"""The markets page: live, sorted, screened, starred."""

import pytest

from tests.browser import Terminal
from tests.e2e.conftest import Stack
from tests.stack import eventually

pytestmark = pytest.mark.e2e


@pytest.fixture
def markets(stack: Stack, terminal: Terminal) -> Terminal:
    """The page with every symbol's figures."""
    terminal.page.goto(stack.url + "/markets")
    terminal.until(
        "[...document.querySelectorAll('#markets tbody .rsi')].length > 1"
        " && [...document.querySelectorAll('#markets .markets-table tbody tr')].every((row) =>"
        " ['rsi', 'change', 'volume'].every((name) => !['', '–'].includes(row.querySelector('.' + name).textContent)))"
    )
    return terminal


def column(markets: Terminal, name: str) -> list[str]:
    return markets.page.locator(f"#markets .markets-table tbody tr:not([hidden]) .{name}").all_inner_texts()


def number(text: str) -> float:
    for unit, factor in {"K": 1e3, "M": 1e6, "B": 1e9}.items():
        if text.endswith(unit):
            return float(text[:-1]) * factor
    return float(text.replace("−", "-").replace("+", "").replace("%", "").replace("\u202f", ""))


def test_sorted_by_what_is_clicked(stack: Stack, markets: Terminal) -> None:
    def falls(name: str) -> bool:
        found = [number(text) for text in column(markets, name)]
        return found == sorted(found, reverse=True)

    # Figures move between two looks at the order, which are a second apart.
    assert eventually(lambda: falls("volume"), 10)
    assert len(column(markets, "volume")) == len(stack.api("crypto/symbols")["symbols"])
    markets.page.click("#markets th[data-field=change] button")
    assert eventually(lambda: falls("change"), 10)
    assert markets.page.get_attribute("#markets th[data-field=change]", "aria-sort") == "descending"
    markets.page.click("#markets th[data-field=symbol] button")
    names = markets.page.locator("#markets .markets-table tbody th a").all_inner_texts()
    assert names == sorted(names)


def test_the_price_follows_trades(stack: Stack, markets: Terminal) -> None:
    row = "#markets .markets-table tr:has(a[href='/t/ETH-USDT'])"
    before = markets.text(f"{row} .last")
    markets.until(f"document.querySelector(\"{row} .last\").textContent !== '{before}'")
    shown = [text for text in column(markets, "trend") if text != "–"]
    assert shown, "the price stands against its mean"


def test_screens_favourites_and_search(markets: Terminal) -> None:
    page = markets.page
    total = len(column(markets, "last"))
    page.click("#markets [data-screen=up]")
    gainers = column(markets, "change")
    page.click("#markets [data-screen=down]")
    losers = column(markets, "change")
    assert all(text.startswith("+") for text in gainers) and all(text.startswith("−") for text in losers)
    assert len(gainers) + len(losers) <= total
    page.click("#markets [data-screen='']")
    page.click("#markets tr:has(a[href='/t/ETH-USDT']) .star")
    page.click("#markets [data-screen=starred]")
    assert page.locator("#markets .markets-table tbody tr:not([hidden]) a").all_inner_texts() == ["ETH/USDT"]
    page.reload()
    page.wait_for_selector("#markets tr:has(a[href='/t/ETH-USDT']) .star[aria-pressed=true]")
    page.fill("#markets .filters input", "btc-u")
    assert page.locator("#markets .markets-table tbody tr:not([hidden]) a").all_inner_texts() == ["BTC/USDT"]
    page.fill("#markets .filters input", "nothing like it")
    page.wait_for_selector("#markets .markets-table[data-state=empty]")


def test_the_map_and_what_moves_together(markets: Terminal) -> None:
    page = markets.page
    page.wait_for_selector("#markets .map[data-state=ready] .tile")
    box = page.locator("#markets .tiles").bounding_box()
    tiles = [tile.bounding_box() for tile in page.locator("#markets .tile").all()]
    assert box is not None
    covered = sum(tile["width"] * tile["height"] for tile in tiles if tile)
    assert covered == pytest.approx(box["width"] * box["height"], rel=0.02)
    page.wait_for_selector("#markets .together[data-state=ready] td")
    matrix = [
        [float(text.replace("−", "-")) for text in row.locator("td").all_inner_texts()]
        for row in page.locator("#markets .together tr:has(td)").all()
    ]
    assert all(matrix[n][n] == 1 for n in range(len(matrix)))
    assert all(matrix[a][b] == matrix[b][a] for a in range(len(matrix)) for b in range(a))
    page.locator("#markets .tile").first.click()
    markets.ready()
