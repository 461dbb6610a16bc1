"""The news page: articles from a source to the screen, live, filtered, and never as markup."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.browser import Terminal
from tests.e2e.conftest import Feed, Stack
from tests.stack import eventually

pytestmark = pytest.mark.e2e


@pytest.fixture
def news(stack: Stack, terminal: Terminal) -> Terminal:
    """The page with its first articles."""
    assert eventually(lambda: len(stack.api("news")) >= 2, 60)
    terminal.page.goto(stack.url + "/news")
    terminal.page.wait_for_selector("#news .article >> nth=1")
    return terminal


def test_articles_with_score_coins_and_source(news: Terminal) -> None:
    good = news.page.locator("#news .article", has_text="all-time high")
    assert good.locator(".score").get_attribute("data-direction") == "1"
    assert good.locator(".score").inner_text().startswith("▲ +0.")
    assert good.locator(".headline").get_attribute("href") == "https://news.example/ath"
    assert "noopener" in (good.locator(".headline").get_attribute("rel") or "")
    assert good.locator("a.coin").get_attribute("href") == "/t/BTC-USDT"
    bad = news.page.locator("#news .article", has_text="hacked")
    assert bad.locator(".score").get_attribute("data-direction") == "-1"
    assert bad.locator(".teaser").inner_text() == "Millions gone."
    assert news.page.locator("#news .articles img").count() == 0
    news.page.wait_for_selector("#news .sources [data-kind=good] >> text=Local Wire")


def test_filters(news: Terminal) -> None:
    news.page.click("#news [data-coin=eth]")
    news.until("[...document.querySelectorAll('#news .headline')].every((one) => one.textContent.includes('Ethereum'))")
    news.page.wait_for_selector("#news .article")
    news.page.click("#news [data-mood=bad]")
    news.until("[...document.querySelectorAll('#news .score')].every((one) => one.dataset.direction === '-1')")
    news.page.wait_for_selector("#news .article >> text=funds drained")
    news.page.fill("#news .filters input", "surges")
    news.page.wait_for_selector("#news .feed[data-state=empty]")
    assert news.text("#news .feed .panel-said p") == "No article matches. Widen the filters."
    news.page.click("#news [data-mood='']")
    news.page.click("#news [data-coin='']")
    news.until("document.querySelectorAll('#news .article').length === 1")
    assert "all-time high" in news.text("#news .article")


def test_older_articles_come_through_the_filters(feed: Feed, stack: Stack, news: Terminal) -> None:
    """Search, coin, score and source are the server's, so that what is not on the page yet is found as well."""
    page = news.page
    for n in range(60):
        # Older than what other tests look for on the first page.
        at = datetime.now(UTC) - timedelta(days=2, minutes=n)
        feed.add(f"Ethereum upgrade number {n} delayed again", f"https://news.example/delay/{n}", at=at)
    assert eventually(lambda: len(stack.api("news", symbol="eth", q="delayed", limit=100)) == 60, 60)
    page.reload()
    page.wait_for_selector("#news .sources >> text=Local Wire")
    page.get_by_label("Source", exact=True).select_option("Silent Herald")
    page.wait_for_selector("#news .feed[data-state=empty]")
    page.get_by_label("Source", exact=True).select_option("Local Wire")
    page.click("#news [data-coin=eth]")
    page.fill("#news .filters input", "delayed upgrade")
    news.until("CV.page.filter.q && document.querySelectorAll('#news .article').length === 50")
    page.click("#news .older")
    news.until("document.querySelectorAll('#news .article').length === 60")
    page.fill("#news .filters input", "")
    page.click("#news .article .score >> nth=0")
    page.wait_for_selector("#news .reasons li")


def test_a_new_article_appears_by_itself(feed: Feed, news: Terminal) -> None:
    feed.add("Dogecoin <b>approved</b> for spot trading", "javascript:alert(1)")
    feed.add("Dogecoin <b>approved</b> as legal tender", "https://news.example/doge")
    news.page.wait_for_selector("#news .article >> text=legal tender")
    first = news.page.locator("#news .article").first
    assert first.locator(".headline").inner_text() == "Dogecoin approved as legal tender"
    assert first.locator("a.coin").inner_text() == "DOGE"
    assert news.page.locator("#news .articles a[href^='javascript']").count() == 0


def test_mood_and_what_came_after(news: Terminal) -> None:
    news.page.wait_for_selector("#news .dial[data-state=live] .needle", state="attached")
    value = int(news.text("#news .dial .figure strong"))
    assert 0 <= value <= 100
    assert {"volatility", "volume"} <= set(news.page.locator("#news .dial .part span").all_text_contents())
    news.page.wait_for_selector("#news .mood-series[data-state=live] rect", state="attached")
    assert "articles" in news.text("#news .mood-series .legend")
    news.page.wait_for_selector("#news .after[data-state=live] td")
    assert news.page.locator("#news .after tbody tr").count() == 3
    news.page.click("#news [data-days='30']")
    news.page.wait_for_selector("#news .mood-series[data-state=live] rect", state="attached")
    assert news.value("CV.page.mood.interval") == "4h"
    news.page.click("#news [data-coin=eth]")
    news.until("document.querySelector('#news .of-price').textContent === 'ETH/USDT close'")
