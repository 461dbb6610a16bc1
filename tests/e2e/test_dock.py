"""Below the chart: news of the coin and their marks, depth, statistics; and the picture of the chart."""

import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.browser import Terminal
from tests.e2e.conftest import Feed, Stack
from tests.stack import eventually

pytestmark = pytest.mark.e2e

MARKS = "#news-marks .news-mark:not([hidden])"


def _open(terminal: Terminal, panel: str) -> None:
    """Whatever an earlier page left open."""
    if terminal.page.get_attribute("#dock", "data-open") != panel:
        terminal.page.click(f"[data-dock={panel}]")


def left(terminal: Terminal) -> float:
    """Where the chart begins on the page."""
    return float(terminal.value("document.querySelector('#chart').getBoundingClientRect().left"))


def test_news_of_the_coin_and_their_marks(stack: Stack, terminal: Terminal, feed: Feed) -> None:
    page = terminal.open("/t/ETH-USDT").page
    feed.add("Ethereum upgrade goes live", "https://news.example/upgrade", "All nodes follow.")
    feed.add("Dogecoin to the moon", "https://news.example/moon")
    _open(terminal, "headlines")
    page.wait_for_selector("#dock .article >> text=Ethereum upgrade goes live")
    assert page.locator("#dock .article >> text=Dogecoin").count() == 0
    assert "Local Wire" in terminal.text("#dock .article >> nth=0")
    page.wait_for_selector(f"{MARKS}[title='Local Wire: Ethereum upgrade goes live']")
    mark = page.locator(f"{MARKS}[title='Local Wire: Ethereum upgrade goes live']")
    assert mark.get_attribute("href") == "https://news.example/upgrade"
    assert mark.get_attribute("rel") == "noopener noreferrer nofollow"
    # It stands where its time is: at the newest candle, and out of view with it.
    terminal.value("CV.app.chart.act.pan(300, 0)")
    mark.wait_for(state="detached")
    terminal.value("CV.app.chart.act.reset()")
    mark.wait_for(state="visible")
    x = left(terminal) + terminal.value("CV.app.chart.view.x(CV.app.series.last.t)")
    box = mark.bounding_box()
    assert box is not None
    assert abs(box["x"] + 5 - x) < 3 * terminal.value("CV.app.chart.view.spacing")
    # What is open stays open, for the next symbol and the next visit.
    terminal.value("CV.app.go({symbol: 'DOGE/USDT'})")
    page.wait_for_selector("#dock .article >> text=Dogecoin to the moon")
    page.reload()
    page.wait_for_selector("#dock .article >> text=Dogecoin to the moon")
    # Its name closes it, and what made a score is one click away.
    page.click("#dock .article button.score >> nth=0")
    page.wait_for_selector("#dock .article .reasons li")
    page.click("[data-dock=headlines]")
    assert not page.is_visible("#dock .articles")
    page.click("[data-dock=headlines]")
    assert page.is_visible("#dock .articles")


def test_where_trades_are_missing(terminal: Terminal) -> None:
    at = datetime.now(UTC) - timedelta(minutes=20)
    gap = {
        "time": at.isoformat(), "exchange": "binance", "symbol": "BTC/USDT", "first_id": "100", "last_id": "141",
        "starts_at": at.isoformat(), "ends_at": (at + timedelta(minutes=3)).isoformat(), "reason": "test",
    }  # fmt: skip
    body = {"status": "ok", "data": [gap]}
    terminal.page.route("**/api/v1/quality/gaps?*", lambda route: route.fulfill(json=body))
    page = terminal.open("/t/BTC-USDT").page
    mark = page.locator("#gap-marks .gap-mark")
    mark.wait_for(state="visible")
    assert "42 of them" in (mark.get_attribute("title") or "")
    spacing = terminal.value("CV.app.chart.view.spacing")
    box = mark.bounding_box()
    assert box is not None
    assert box["width"] == pytest.approx(4 * spacing, abs=2)
    assert box["x"] == pytest.approx(
        left(terminal) + terminal.value(f"CV.app.chart.view.x({at.timestamp() * 1000})") - spacing / 2, abs=3
    )
    terminal.value("CV.app.go({symbol: 'ETH/USDT'})")
    # Its candles put the chart at the newest; before them there is nothing to be moved.
    terminal.until("CV.app.series.symbol === 'ETH/USDT' && CV.app.series.bars.length > 0")
    terminal.value("CV.app.chart.act.pan(3000, 0)")
    mark.wait_for(state="hidden")


def test_depth(terminal: Terminal) -> None:
    page = terminal.open("/t/BTC-USDT").page
    _open(terminal, "depth")
    page.wait_for_selector("#dock #depth[data-state=live]")
    painted = """(() => {
      const canvas = document.querySelector('#depth canvas');
      const copy = Object.assign(document.createElement('canvas'), { width: canvas.width, height: canvas.height });
      const ctx = copy.getContext('2d', { willReadFrequently: true });
      ctx.drawImage(canvas, 0, 0);
      const { data } = ctx.getImageData(0, 0, copy.width, copy.height);
      let [up, down] = [0, 0];
      for (let i = 0; i < data.length; i += 4) {
        if (data[i + 3] > 20 && data[i + 1] > data[i]) up++;
        else if (data[i + 3] > 20 && data[i] > data[i + 1] + 30) down++;
      }
      return Math.min(up, down);
    })()"""
    assert eventually(lambda: terminal.value(painted) > 1000)


def test_statistics_and_the_converter(stack: Stack, terminal: Terminal) -> None:
    page = terminal.open("/t/DOGE-USDT").page
    _open(terminal, "statistics")
    page.wait_for_selector("#dock .performance >> text=1 year")
    rows = stack.api("crypto/data", symbol="DOGE/USDT", interval="1d", limit=366)
    change = (rows[0]["close"] / rows[365]["close"] - 1) * 100

    def shown() -> float:
        text = terminal.text("#dock .performance div:has-text('1 year') dd")
        return float(text.replace("\u2212", "-").replace("\u202f", "").rstrip("%"))

    assert eventually(lambda: abs(shown() - change) < 1), (shown(), change)
    assert page.locator("#dock .performance >> text=1-year high").count() == 1
    base, quote = page.get_by_label("DOGE", exact=True), page.get_by_label("USDT", exact=True)
    base.fill("1000")
    assert eventually(
        lambda: (
            abs(float(quote.input_value()) / (1000 * terminal.value("CV.app.markets.get('DOGE/USDT').last")) - 1) < 0.01
        )
    )
    quote.fill("50")
    assert eventually(
        lambda: abs(float(base.input_value()) * terminal.value("CV.app.markets.get('DOGE/USDT').last") / 50 - 1) < 0.01
    )


def test_indicators_and_what_they_say(stack: Stack, terminal: Terminal) -> None:
    page = terminal.open("/t/ETH-USDT?tf=1h").page
    _open(terminal, "readings")
    page.wait_for_selector("#readings [data-name=rsi]")
    [row] = [one for one in stack.api("indicators", symbol="ETH/USDT", interval="1h") if one["indicator_type"] == "rsi"]
    # The figure moves with the forming candle: what it is read as is checked on the figure that is shown.
    shown = float(terminal.text("#readings [data-name=rsi] b").replace("\u2212", "-"))
    assert shown == pytest.approx(row["value"], abs=15)
    said = terminal.text("#readings [data-name=rsi] .reading-said")
    assert said == ("Overbought" if shown > 70 else "Oversold" if shown < 30 else "In between")
    terminal.value("CV.app.studies.use([])")
    page.click("#readings [data-name=ema] button")
    page.wait_for_selector("#studies [data-study=ema]")
    page.click("#studies [data-study=ema] .study-remove")


def test_sentiment_of_the_coin(stack: Stack, terminal: Terminal) -> None:
    page = terminal.open("/t/BTC-USDT").page
    page.wait_for_selector("#mood-chip[data-state=live]")
    gauge = stack.api("sentiment/gauge", symbol="btc")
    assert abs(int(terminal.text("#mood-chip b")) - gauge["value"]) < 5
    page.click("#mood-chip")
    page.wait_for_selector("#sentiment .dial[data-state=live]")
    assert terminal.text("#sentiment .dial strong") == terminal.text("#mood-chip b")


def test_a_picture_of_the_chart(terminal: Terminal) -> None:
    page = terminal.open("/t/BTC-USDT").page
    terminal.drawn()
    with page.expect_download() as found:
        page.click("#camera")
    assert found.value.suggested_filename == "BTC-USDT_1m.png"
    data = Path(found.value.path()).read_bytes()
    assert data.startswith(b"\x89PNG")
    width, height = struct.unpack("!II", data[16:24])
    box = page.locator("#chart").bounding_box()
    assert box is not None
    assert (width, height) == (round(box["width"]), round(box["height"]) + 32)
    assert len(data) > 10_000, "there is something on it"
