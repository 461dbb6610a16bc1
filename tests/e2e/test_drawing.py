"""Ways to draw prices, scales, and what users draw themselves."""

from collections.abc import Iterator

import pytest

from tests.browser import Terminal

pytestmark = pytest.mark.e2e

#: Shapes that are not what Heikin-Ashi is defined as.
WRONG = """(() => {
  const { bars } = CV.app.series;
  const shapes = CV.app.chart.shapes.of(CV.app.series);
  const near = (a, b) => Math.abs(a - b) < 1e-9 * Math.abs(b);
  return shapes.filter((s, i) => i && !(near(s.c, (bars[i].o + bars[i].h + bars[i].l + bars[i].c) / 4)
    && near(s.o, (shapes[i - 1].o + shapes[i - 1].c) / 2)
    && s.h >= Math.max(s.o, s.c, bars[i].h) && s.l <= Math.min(s.o, s.c, bars[i].l))).length;
})()"""
INK = """(() => {
  const canvas = document.querySelector('.chart-over');
  const { data } = canvas.getContext('2d').getImageData(0, 60, CV.app.chart.view.width - 80, CV.app.chart.view.height - 120);
  let n = 0;
  for (let i = 3; i < data.length; i += 4) n += data[i] > 0;
  return n;
})()"""


@pytest.fixture
def chart(terminal: Terminal) -> Iterator[Terminal]:
    terminal.open("/t/BTC-USDT")
    terminal.drawn()
    yield terminal
    terminal.page.evaluate("localStorage.removeItem('cryptoviz.drawings')")


def test_types(chart: Terminal) -> None:
    for kind in ("heikin", "bars", "area", "line", "candles"):
        chart.page.click(f"#toolbar [data-type={kind}]")
        chart.until(f"CV.app.chart.type === '{kind}' && CV.app.chart.plot.to !== null")
        assert chart.page.get_attribute(f"#toolbar [data-type={kind}]", "aria-pressed") == "true"
        assert (f"type={kind}" in chart.page.url) == (kind != "candles")
        own = kind in ("heikin", "bars", "area")
        # What Plotly does not draw is on the canvas: many more pixels than the forming bar's.
        chart.until(f"{INK} > {3000 if own else 50}")
        assert chart.value("CV.app.chart.plot.element.data.length") == (1 if own else 2)
        if kind == "heikin":
            assert chart.value(WRONG) == 0
    # Looking at the pixels that often is ours, and Chromium has an opinion on it.
    chart.problems[:] = [one for one in chart.problems if "willReadFrequently" not in one]


def test_scales(chart: Terminal) -> None:
    chart.page.click("#toolbar [data-scale=log]")
    chart.until("CV.app.chart.view.log")
    chart.page.wait_for_timeout(300)
    # Equal ratios are equally far, and a price comes back from its pixel.
    even = chart.value(
        """(() => {
          const { view } = CV.app.chart;
          const [a, b, c] = [view.low, Math.sqrt(view.low * view.high), view.high].map((p) => view.y(p));
          return Math.abs((a - b) - (b - c)) < 1e-6 && Math.abs(view.price(view.y(view.low * 1.001)) / (view.low * 1.001) - 1) < 1e-9;
        })()"""
    )
    assert even
    chart.page.click("#toolbar [data-scale=percent]")
    chart.until("!CV.app.chart.view.log && CV.app.chart.scale === 'percent'")
    assert "scale=percent" in chart.page.url
    chart.page.reload()
    chart.ready()
    assert chart.value("CV.app.chart.scale") == "percent"


def drawings(chart: Terminal) -> list[dict[str, object]]:
    return list(chart.value("CV.app.chart.drawings.kept"))


def test_a_trend_line_is_drawn_moved_kept_and_removed(chart: Terminal) -> None:
    page = chart.page
    box = page.locator(".chart-over").bounding_box()
    assert box is not None
    x, y = box["x"], box["y"]
    page.click("#draw-button")
    page.click("#tools [aria-label='Trend line']")
    page.mouse.click(x + 200, y + 200)
    page.mouse.move(x + 300, y + 250)
    page.mouse.click(x + 400, y + 300)
    (line,) = drawings(chart)
    assert line["kind"] == "trend"
    before = chart.value("CV.app.chart.drawings.kept[0].points.map((one) => CV.app.chart.view.y(one.p))")
    assert before == pytest.approx([200, 300], abs=2)
    right = chart.value("CV.app.chart.view.right")
    page.mouse.move(x + 300, y + 250)
    page.mouse.down()
    page.mouse.move(x + 300, y + 290, steps=4)
    page.mouse.up()
    after = chart.value("CV.app.chart.drawings.kept[0].points.map((one) => CV.app.chart.view.y(one.p))")
    assert after == pytest.approx([240, 340], abs=4)
    assert chart.value("CV.app.chart.view.right") - right < 120_000, "the chart stayed where it was"
    page.reload()
    chart.ready()
    assert len(drawings(chart)) == 1
    page.click("#strip [data-symbol='ETH/USDT']")
    chart.until("CV.app.series.symbol === 'ETH/USDT'")
    assert drawings(chart) == []
    page.click("#strip [data-symbol='BTC/USDT']")
    chart.until("CV.app.chart.drawings.kept.length === 1")
    chart.drawn()
    page.evaluate("CV.app.chart.drawings.chosen = CV.app.chart.drawings.kept[0]")
    page.keyboard.press("Delete")
    assert drawings(chart) == []


def test_every_tool(chart: Terminal) -> None:
    page = chart.page
    box = page.locator(".chart-over").bounding_box()
    assert box is not None
    x, y = box["x"], box["y"]
    page.click("#draw-button")
    for n, name in enumerate(("Rectangle", "Fibonacci retracement", "Measure")):
        page.click(f"#tools [aria-label='{name}']")
        page.mouse.move(x + 150 + 60 * n, y + 150)
        page.mouse.down()
        page.mouse.move(x + 350 + 60 * n, y + 300, steps=5)
        page.mouse.up()
    page.click("#tools [aria-label='Horizontal line']")
    page.mouse.click(x + 500, y + 310)
    page.click("#tools [aria-label='Text']")
    page.mouse.click(x + 420, y + 120)
    page.wait_for_selector(".note-input:focus")
    page.keyboard.type("<b>resistance</b>")
    page.keyboard.press("Enter")
    kinds = [one["kind"] for one in drawings(chart)]
    assert kinds == ["box", "fib", "level", "note"], "a measure goes with the next tool"
    page.wait_for_timeout(300)
    page.keyboard.press("Escape")
    page.mouse.click(x + 620, y + 80)
    page.click("#tools [aria-label^='Remove']")
    assert drawings(chart) == []


def test_steps_are_undone_colours_kept_and_points_drawn_to_candles(chart: Terminal) -> None:
    page = chart.page
    box = page.locator(".chart-over").bounding_box()
    assert box is not None
    page.click("#draw-button")
    page.click("#tools [aria-label^='Magnet']")
    page.click("#tools [aria-label='Colour 3']")
    page.keyboard.press("Alt+h")
    # A little off the high of a candle: the line is at the high.
    t, high, x, y = chart.value(
        "(({ chart, series }) => ((bar) => [bar.t, bar.h, chart.view.x(bar.t), chart.view.y(bar.h)])(series.bars.at(-30)))(CV.app)"
    )
    page.mouse.click(box["x"] + x, box["y"] + y - 9)
    assert drawings(chart) == [{"kind": "level", "points": [{"t": t, "p": high}], "colour": 2}]
    page.click("#tools [aria-label='Colour 1']")
    assert drawings(chart)[0]["colour"] is None
    page.keyboard.press("Control+z")
    assert drawings(chart)[0]["colour"] == 2
    page.keyboard.press("Control+z")
    assert drawings(chart) == []
    page.keyboard.press("Control+Shift+z")
    page.reload()
    chart.ready()
    assert [one["colour"] for one in drawings(chart)] == [2]
    assert chart.value("CV.app.chart.drawings.attracting")
    page.evaluate("localStorage.removeItem('cryptoviz.magnet')")


def test_fit(chart: Terminal) -> None:
    chart.value("CV.app.chart.act.scalePrice(3)")
    chart.value("CV.app.chart.act.pan(3000, 0)")
    chart.page.click("#fit")
    chart.until("CV.app.chart.view.following && !CV.app.chart.view.manual")
    from_, to = chart.value("CV.app.chart.visible()")
    assert to - from_ > 300
    spacing = chart.value("CV.app.chart.view.spacing")
    chart.value("CV.app.chart.act.zoom(4, 500)")
    chart.page.keyboard.press("f")
    assert chart.value("CV.app.chart.view.spacing") == spacing


def test_the_sheet_of_keys(chart: Terminal) -> None:
    chart.page.keyboard.press("?")
    chart.page.wait_for_selector("#help[open]")
    assert "Choose a symbol" in chart.text("#help")
    chart.page.click("#help button")
    assert not chart.page.is_visible("#help")
