"""The terminal page in a browser, on the running stack."""

import re
import time
from typing import Any

import pytest

from tests.browser import Terminal
from tests.e2e.conftest import Stack
from tests.stack import eventually

pytestmark = pytest.mark.e2e

FRAMES = {"5s": 5, "1m": 60, "5m": 300, "15m": 900, "1h": 3600, "4h": 14400, "1d": 86400}
OVERLAY = "document.querySelector('.chart-over').toDataURL()"
LAST = "CV.app.series.last"


def test_candles_are_there_within_ten_seconds(stack: Stack, terminal: Terminal) -> None:
    begun = time.monotonic()
    terminal.open()
    assert time.monotonic() - begun < 10, "slower than a user waits"
    terminal.drawn()
    assert terminal.value("document.querySelectorAll('.chart-plot .boxlayer path.box').length") > 50
    assert terminal.value("document.querySelectorAll('.chart-plot .barlayer .point').length") > 50
    shown = terminal.value("CV.app.series.bars.slice(-30, -5).map((b) => [b.o, b.h, b.l, b.c, b.v])")
    rows = stack.api("crypto/data", symbol="BTC/USDT", interval="1m", limit=60)
    stored = [[row[key] for key in ("open", "high", "low", "close", "volume")] for row in rows]
    assert all(candle in stored for candle in shown)


def test_a_trade_moves_the_last_candle_and_the_price(stack: Stack, terminal: Terminal) -> None:
    terminal.open()
    terminal.until("CV.paints.length > 0")
    stack.control(action="pause")
    try:
        terminal.page.wait_for_timeout(1_000)  # what is under way arrives
        # The trade itself moves it, not the server's candle that follows within 250 ms.
        terminal.value("void (CV.app.series.applyCandle = () => {})")
        before, picture = terminal.value(LAST), terminal.value(OVERLAY)
        price = round(before["h"] * 1.001, 2)
        trade = stack.control(action="trade", symbol="BTC/USDT", price=f"{price:.2f}", amount="0.125")
        terminal.until(f"CV.paints.some((one) => one.tradeId === '{trade['id']}')")
        painted = terminal.value(f"CV.paints.find((one) => one.tradeId === '{trade['id']}').ts")
        after = terminal.value(LAST)
        assert after["c"] == after["h"] == price
        assert painted - trade["sent_ns"] / 1e6 < 5_000
        assert terminal.value(OVERLAY) != picture
        assert terminal.text("#price") == _number(price)
        assert _number(price) in terminal.text("#tape .trade >> nth=0")
    finally:
        stack.control(action="resume")


def test_another_symbol(stack: Stack, terminal: Terminal) -> None:
    terminal.open()
    terminal.page.click("#strip [data-symbol='ETH/USDT']")
    terminal.ready()
    latest = stack.api("crypto/latest", symbol="ETH/USDT", interval="1m")["close"]
    assert terminal.value(f"{LAST}.c") == pytest.approx(latest, rel=0.1)
    assert terminal.text("#symbol-name") == "ETH/USDT"
    assert terminal.page.url.endswith("/t/ETH-USDT")
    terminal.until("CV.app.book.book && CV.app.book.book.symbol === 'ETH/USDT'")
    terminal.until("CV.app.tape.trades.length > 10")
    assert terminal.value("CV.app.tape.trades[0].price") == pytest.approx(latest, rel=0.1)

    terminal.page.go_back()
    terminal.until("CV.app.symbol === 'BTC/USDT'")
    terminal.ready()
    assert terminal.value(f"{LAST}.c") > latest * 2


def test_a_symbol_by_keyboard(terminal: Terminal) -> None:
    terminal.open()
    terminal.page.keyboard.press("Control+k")
    terminal.page.keyboard.type("doge")
    terminal.page.keyboard.press("Enter")
    terminal.until("CV.app.symbol === 'DOGE/USDT'")
    terminal.ready()
    assert not terminal.page.is_visible("#picker")
    # As many digits as the market's tick size has.
    terminal.until("CV.app.markets.get('DOGE/USDT').decimals === 5")
    terminal.until(r"/^0\.\d{5}$/.test(document.querySelector('#price').textContent)")


def test_a_symbol_nobody_follows(terminal: Terminal) -> None:
    terminal.page.goto(terminal.url + "/t/NOPE-USDT")
    terminal.page.wait_for_selector("#terminal:is([data-chart=empty], [data-chart=error])")
    assert terminal.text("#chart-message").startswith("NOPE/USDT is not followed here")
    terminal.problems.clear()  # the server's refusals are what it is about


def test_every_timeframe(stack: Stack, terminal: Terminal) -> None:
    terminal.open()
    for name, seconds in FRAMES.items():
        terminal.page.click(f"[data-timeframe='{name}']")
        terminal.until(f"CV.app.series.timeframe === '{name}'")
        terminal.ready()
        assert terminal.page.get_attribute(f"[data-timeframe='{name}']", "aria-pressed") == "true"
        starts = terminal.value("CV.app.series.bars.map((bar) => bar.t)")
        assert len(starts) >= 100
        assert all(start % (seconds * 1000) == 0 for start in starts)
        assert starts == sorted(set(starts))


def test_as_a_line(terminal: Terminal) -> None:
    terminal.open()
    terminal.drawn()
    terminal.page.click("[data-type=line]")
    terminal.until("document.querySelector('.chart-plot .scatterlayer .js-line')")
    assert terminal.value("document.querySelectorAll('.chart-plot .boxlayer path.box').length") == 0
    assert "type=line" in terminal.page.url
    terminal.page.click("[data-type=candles]")
    terminal.until("document.querySelectorAll('.chart-plot .boxlayer path.box').length > 50")


def test_older_candles_load_when_panned_to(terminal: Terminal) -> None:
    terminal.open()
    count, first = terminal.value("[CV.app.series.bars.length, CV.app.series.bars[0].t]")
    for _ in range(12):
        if terminal.value("CV.app.series.bars[0].t") < first:
            break
        _drag(terminal, 260, 1060)
        terminal.page.wait_for_timeout(100)
    terminal.until(f"CV.app.series.bars.length > {count + 300}")
    starts = terminal.value("CV.app.series.bars.map((bar) => bar.t)")
    assert starts[0] < first
    assert starts == sorted(set(starts))
    # The way back: one button.
    assert terminal.page.is_visible("#chart-latest")
    terminal.page.click("#chart-latest")
    terminal.until("CV.app.chart.view.following")
    assert not terminal.page.is_visible("#chart-latest")


def test_a_closed_candle_is_appended(stack: Stack, terminal: Terminal) -> None:
    terminal.open("/t/BTC-USDT?tf=5s")
    start, count = terminal.value("[CV.app.series.last.t, CV.app.series.bars.length]")
    at = f"CV.app.series.bars.find((bar) => bar.t === {start})"
    terminal.until(f"CV.app.series.last.t > {start} && {at}.closed")
    assert terminal.value("CV.app.series.bars.length") > count
    shown = terminal.value(at)

    def stored() -> Any:
        rows = stack.api("crypto/data", symbol="BTC/USDT", interval="5s", limit=20)
        return [row for row in rows if row["closed"] and row["open"] == shown["o"] and row["volume"] == shown["v"]]

    rows = eventually(stored, 10)
    assert [[row["high"], row["low"], row["close"]] for row in rows] == [[shown["h"], shown["l"], shown["c"]]]


def test_zoom_and_pan_survive_trades_and_new_candles(terminal: Terminal) -> None:
    terminal.open("/t/BTC-USDT?tf=5s")
    terminal.drawn()
    box = terminal.page.locator(".chart-over").bounding_box()
    assert box is not None
    terminal.page.mouse.move(box["x"] + 500, box["y"] + 300)
    for _ in range(3):
        terminal.page.mouse.wheel(0, -200)
    _drag(terminal, 300, 900)
    terminal.page.wait_for_timeout(500)
    view = "[CV.app.chart.view.spacing, CV.app.chart.view.right, CV.app.chart.view.following]"
    begun, bars = terminal.value(view), terminal.value("CV.app.series.bars.length")
    assert begun[0] > 8
    assert begun[2] is False
    painted = terminal.value("CV.paints[CV.paints.length - 1].ts")
    for _ in range(14):
        terminal.page.wait_for_timeout(1_000)
        assert terminal.value(view) == begun
        assert terminal.value("document.querySelector('.chart-plot').style.visibility") == ""
    assert terminal.value("CV.app.series.bars.length") >= bars + 2
    assert terminal.value("CV.paints[CV.paints.length - 1].ts") > painted + 11_000
    # The zoom is kept when the newest is followed, too.
    terminal.page.click("#chart-latest")
    terminal.until("CV.app.chart.view.following")
    right = terminal.value("CV.app.chart.view.right")
    terminal.until(f"CV.app.chart.view.right > {right}")
    assert terminal.value("CV.app.chart.view.spacing") == begun[0]


def test_live_and_its_lag(terminal: Terminal) -> None:
    terminal.open()
    terminal.page.wait_for_selector("#terminal[data-connection=live]")
    assert re.fullmatch(r"Live (<1|\d+) ms", terminal.text("#connection"))


def test_a_candle_whose_close_was_missed_is_asked_for(terminal: Terminal) -> None:
    """As when it closed between the page's first request and its subscription."""
    terminal.open("/t/BTC-USDT?tf=5s")
    terminal.until("CV.app.series.bars.at(-4).closed")
    start, volume = terminal.value("((bar) => [bar.t, bar.v])(CV.app.series.bars.at(-4))")
    terminal.value(
        f"void Object.assign(CV.app.series.bars.find((bar) => bar.t === {start}), {{ closed: false, v: -1 }})"
    )
    terminal.until(f"((bar) => bar.closed && bar.v === {volume})(CV.app.series.bars.find((bar) => bar.t === {start}))")


def test_the_banner_says_that_the_market_is_simulated(terminal: Terminal) -> None:
    terminal.open()
    assert "Simulated market" in terminal.text("#banner")
    assert terminal.page.locator("#banner").bounding_box()["height"] >= 24  # type: ignore[index]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"exchange": {"source": "replay"}, "workers": {}}, "A recording is playing"),
        (
            {"exchange": {"source": "binance"}, "workers": {"writer": {"state": "failing", "detail": "disk full"}}},
            "disk full",
        ),
        ({"exchange": {"source": "binance"}, "workers": {"writer": {"state": "running", "detail": ""}}}, ""),
    ],
)
def test_the_banner_says_what_else_there_is_to_know(terminal: Terminal, status: Any, words: str) -> None:
    terminal.page.route("**/api/v1/status", lambda route: route.fulfill(json={"success": True, "data": status}))
    terminal.open()
    shown = terminal.text("#banner")
    assert words in shown if words else shown == ""


def test_dark_and_light(stack: Stack, browser: Any) -> None:
    context = browser.new_context(color_scheme="dark")
    terminal = Terminal(context, stack.url).open()
    background = "getComputedStyle(document.querySelector('#header')).backgroundColor"
    assert terminal.value(background) == "rgb(18, 22, 28)"
    picture = terminal.value(OVERLAY)
    terminal.page.click("#header .theme")
    assert terminal.value(background) == "rgb(255, 255, 255)"
    terminal.until(f"{OVERLAY} !== {picture!r}")
    terminal.open()
    assert terminal.value(background) == "rgb(255, 255, 255)"
    context.close()
    assert terminal.problems == []


def test_on_a_phone_nothing_is_too_wide_or_too_small(phone: Terminal) -> None:
    wide = "[document.scrollingElement.scrollWidth, document.scrollingElement.scrollHeight]"
    small = """[...document.querySelectorAll('button')].filter((b) => b.checkVisibility({visibilityProperty: true})).map((b) => {
      const r = b.getBoundingClientRect();
      return [b.id || b.textContent || b.title, Math.round(r.width), Math.round(r.height), Math.round(r.left), Math.round(r.right)];
    }).filter(([, w, h, left, right]) => w < 40 || h < 40 || left < 0 || right > 390)"""
    for pane in ("book", "tape", "headlines", "sentiment", "statistics", "watchlist", "readings"):
        if pane in ("watchlist", "readings"):
            phone.page.tap("#tabs [aria-label='More panels']")
            phone.page.tap(f"#menu >> text={'Watchlist' if pane == 'watchlist' else 'Indicators'}")
        else:
            phone.page.tap(f"[data-pane={pane}]")
        assert phone.page.is_visible(f"#{pane} .panel-body")
        assert phone.value(wide) == [390, 844]
        assert phone.value(small) == []
    assert phone.value("document.querySelector('#chart').clientHeight") == pytest.approx(844 / 2, abs=2)
    # What the bottom bar has no room for.
    phone.page.tap("#terminal .bottom-more")
    assert phone.page.get_attribute("#menu >> text=Settings", "href") == "/settings"
    phone.page.keyboard.press("Escape")
    phone.page.tap("#wide")
    phone.until("document.querySelector('#chart').clientHeight > 640")
    assert phone.value(wide) == [390, 844]


def test_a_finger_pans_the_chart(phone: Terminal) -> None:
    right = phone.value("CV.app.chart.view.right")
    session = phone.page.context.new_cdp_session(phone.page)
    touch = lambda kind, *points: session.send(  # noqa: E731
        "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": 300} for x in points]}
    )
    touch("touchStart", 100)
    for x in range(110, 310, 20):
        touch("touchMove", x)
    touch("touchEnd")
    assert phone.value("CV.app.chart.view.right") < right
    spacing = phone.value("CV.app.chart.view.spacing")
    touch("touchStart", 150, 200)
    for apart in range(0, 60, 10):
        touch("touchMove", 150 - apart, 200 + apart)
    touch("touchEnd")
    assert phone.value("CV.app.chart.view.spacing") > spacing * 1.3


#: Every text on the page with its colour and the colours that lie under it, innermost first.
_TEXTS = """(() => {
  const colour = (text) => text.match(/[\\d.]+/g).map(Number);
  const texts = [];
  const walker = document.createTreeWalker(document.getElementById('terminal'), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !node.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    const under = [];
    for (let at = node; at; at = at.parentElement) {
      const before = getComputedStyle(at, '::before');
      if (before.content !== 'none') under.push(colour(before.backgroundColor));
      under.push(colour(getComputedStyle(at).backgroundColor));
    }
    texts.push([walker.currentNode.data.trim().slice(0, 30), colour(getComputedStyle(node).color), under]);
  }
  return texts;
})()"""


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_every_text_is_readable(stack: Stack, browser: Any, theme: str) -> None:
    context = browser.new_context(color_scheme=theme, viewport={"width": 1440, "height": 900})
    terminal = Terminal(context, stack.url).open()
    terminal.until("document.querySelectorAll('.level:not(.blank)').length === 24")
    texts = terminal.value(_TEXTS)
    token = lambda name: _hex(terminal.value(f"getComputedStyle(document.documentElement).getPropertyValue('{name}')"))  # noqa: E731
    # What the canvas writes.
    texts += [[f"axis {name}", token(name), [token("--bg-app")]] for name in ("--text", "--text-2")]
    texts += [[f"tag {name}", token("--on-tag"), [token(name)]] for name in ("--up-text", "--down-text")]
    context.close()
    assert len(texts) > 80
    poor = {text: round(ratio, 2) for text, front, under in texts if (ratio := _contrast(front, under)) < 4.5}
    assert poor == {}


def _contrast(front: list[float], under: list[list[float]]) -> float:
    """WCAG contrast of a colour on layers, innermost first, each [r, g, b] or [r, g, b, opacity]."""
    back = [0.0, 0.0, 0.0]
    for layer in reversed(under):
        opacity = layer[3] if len(layer) > 3 else 1
        back = [a * opacity + b * (1 - opacity) for a, b in zip(layer[:3], back, strict=True)]
    light, dark = sorted((_luminance(front), _luminance(back)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: list[float]) -> float:
    shares = [c / 255 for c in colour[:3]]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _hex(text: str) -> list[float]:
    return [int(text.strip()[i : i + 2], 16) for i in (1, 3, 5)]


def _number(value: float) -> str:
    """As the terminal writes a price of two digits."""
    return f"{value:,.2f}".replace(",", "\u202f")


def _drag(terminal: Terminal, start: int, end: int) -> None:
    """Drag the chart sideways."""
    terminal.page.mouse.move(start, 400)
    terminal.page.mouse.down()
    terminal.page.mouse.move(end, 400, steps=8)
    terminal.page.mouse.up()
