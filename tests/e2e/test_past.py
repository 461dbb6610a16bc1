"""Going to a date and coming back, and the past played again."""

import itertools
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.browser import Terminal
from tests.e2e.conftest import Stack

pytestmark = pytest.mark.e2e

MINUTE = 60_000
SHOWN = "CV.app.series.bars.filter((bar) => bar.closed).map((bar) => [bar.t, bar.o, bar.h, bar.l, bar.c])"


def _stored(stack: Stack, symbol: str) -> dict[int, list[float]]:
    rows = stack.api("crypto/data", symbol=symbol, interval="1m", limit=2000)
    return {
        int(datetime.fromisoformat(row["window_start"]).timestamp() * 1000): [
            row[key] for key in ("open", "high", "low", "close")
        ]
        for row in rows
    }


def _agree(shown: list[list[Any]], stored: dict[int, list[float]]) -> None:
    """Each candle is the stored one, and none is left out between them."""
    assert [[t, *stored[int(t)]] for t, *_ in shown] == shown
    assert {b[0] - a[0] for a, b in itertools.pairwise(shown)} == {MINUTE}


def _told(stack: Stack, terminal: Terminal, clock: int) -> None:
    """The tape shows the trades that are stored up to the replay's clock, and none after it."""
    until = datetime.fromtimestamp(clock / 1000, UTC).isoformat()
    rows = stack.api("crypto/trades", symbol="BTC/USDT", limit=120, end_time=until, order="desc")
    terminal.page.wait_for_selector("#tape[data-state=live]" if rows else "#tape[data-state=empty]")
    terminal.until(f"CV.app.tape.upTo === {clock}")
    ids = json.dumps([row["trade_id"] for row in rows], separators=(",", ":"))
    terminal.until(f"JSON.stringify(CV.app.tape.trades.map(({{ id }}) => id)) === '{ids}'")


def test_a_date_and_back_to_now(stack: Stack, terminal: Terminal) -> None:
    page = terminal.open("/t/BTC-USDT").page
    wanted = int(time.time() // 60 - 1200) * MINUTE
    page.keyboard.press("g")
    page.fill("#dates input", datetime.fromtimestamp(wanted / 1000, UTC).strftime("%Y-%m-%dT%H:%M"))
    page.click("#dates >> text=Show")
    terminal.until("!CV.app.series.live && !CV.app.series.loading")
    middle = terminal.value("CV.app.chart.view.time(CV.app.chart.view.width / 2)")
    assert abs(middle - wanted) < 2 * MINUTE
    assert not terminal.value("CV.app.chart.view.following")
    assert terminal.value("CV.app.series.last.t") < wanted + 600 * MINUTE
    # Panning on brings what lies after it, up to the trades of this moment.
    for _ in range(40):
        if terminal.value("CV.app.series.live"):
            break
        terminal.value("CV.app.chart.act.pan(-1500, 0)")
        page.wait_for_timeout(150)
    terminal.until("CV.app.series.live")
    terminal.until("CV.app.series.last.t + 60000 > CV.app.socket.now() - 5000")
    _agree(terminal.value(SHOWN), _stored(stack, "BTC/USDT"))
    # To the date once more, and straight back.
    page.reload()
    terminal.ready()
    terminal.value(f"CV.app.chart.goTo({wanted})")
    terminal.until("!CV.app.series.live")
    page.click("#chart-latest")
    terminal.until("CV.app.series.live && CV.app.chart.view.following")


def test_what_is_wrong_with_a_date_is_said_by_its_field(terminal: Terminal) -> None:
    page = terminal.open("/t/BTC-USDT").page
    page.click("#dates-button")
    page.fill("#dates input", "2199-01-01T00:00")
    page.click("#dates >> text=Show")
    assert page.is_visible("#dates")
    assert terminal.value("document.querySelector('#dates input').validity.rangeOverflow")
    page.keyboard.press("Escape")
    assert not page.is_visible("#dates")


def test_replay(stack: Stack, terminal: Terminal) -> None:
    page = terminal.open("/t/BTC-USDT").page
    begun = int(time.time() // 60 - 60) * MINUTE
    page.click("#dates-button")
    page.fill("#dates input", datetime.fromtimestamp(begun / 1000, UTC).strftime("%Y-%m-%dT%H:%M"))
    page.click("#dates >> text=Replay from here")
    page.wait_for_selector("#replay >> text=Replay")
    terminal.ready()
    # Nothing of what came later, nor of what is live.
    assert terminal.value("CV.app.series.last.t") == begun - MINUTE
    assert not page.is_visible("#book")
    assert not page.is_visible("#price")
    _told(stack, terminal, begun)
    page.select_option("#replay select", "100")
    page.click("#replay .play")
    terminal.until(f"CV.app.series.last.t >= {begun + 5 * MINUTE}")
    page.click("#replay .play")
    clock = terminal.value("CV.app.replay.clock")
    assert terminal.value("CV.app.series.last.t") < clock
    _agree(terminal.value(SHOWN), _stored(stack, "BTC/USDT"))
    page.click("#replay .step")
    terminal.until(f"CV.app.replay.clock === {clock - clock % MINUTE + MINUTE}")
    _told(stack, terminal, clock - clock % MINUTE + MINUTE)
    # In another timeframe it goes on from the same moment; the window that has begun is there as far as it has got.
    page.keyboard.press("3")
    terminal.ready()
    clock = terminal.value("CV.app.replay.clock")
    terminal.until(f"CV.app.series.last.t >= {clock - clock % (5 * MINUTE) - 5 * MINUTE}")
    # A link to it opens it, from the beginning.
    page.reload()
    terminal.ready()
    assert terminal.value("CV.app.replay.clock") == begun
    page.click("#replay .leave")
    page.wait_for_selector("#book")
    page.wait_for_selector("#tape[data-state=live] .trade:visible")
    terminal.until("CV.app.series.last.t + 300000 > CV.app.socket.now() - 5000")
    assert "replay" not in page.url


def test_on_a_phone_the_way_back_is_in_sight(stack: Stack, phone: Terminal) -> None:
    begun = datetime.fromtimestamp(time.time() // 60 * 60 - 600, UTC)
    phone.open(f"/t/BTC-USDT?replay={begun:%Y-%m-%dT%H:%M}:00.000Z")
    for selector in ("#replay .play", "#replay input", "#replay output", "#replay .leave", "#tape"):
        box = phone.page.locator(selector).bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390, selector
    phone.page.click("#replay .leave")
    phone.until("!CV.app.replay")


def test_trades_that_were_moved_below_the_chart(terminal: Terminal) -> None:
    begun = datetime.fromtimestamp(time.time() // 60 * 60 - 600, UTC)
    page = terminal.open(f"/t/BTC-USDT?replay={begun:%Y-%m-%dT%H:%M}:00.000Z").page
    assert not page.is_visible("#dock")
    terminal.value("CV.app.layout.move('tape', 'dock')")
    page.wait_for_selector("#dock #tape")
    assert page.locator(".dock-tabs button:visible").all_inner_texts() == ["Trades"]
    tall = page.locator("#dock").bounding_box()
    page.click("[data-dock=tape]")
    low = page.locator("#dock").bounding_box()
    assert tall is not None and low is not None and low["height"] < 40 < tall["height"]
    # What was open below the chart before is open again after it.
    terminal.value("CV.app.layout.open('depth')")
    assert page.locator("#dock").bounding_box() == low
    page.click("#replay .leave")
    page.wait_for_selector("#dock #depth")
    terminal.value("CV.app.layout.move('tape', 'right')")


def test_a_range_with_another_symbol_beside_it(stack: Stack, terminal: Terminal) -> None:
    begun = int(time.time() // 60 - 60) * MINUTE
    until = begun + 3 * MINUTE
    page = terminal.open("/t/BTC-USDT?compare=ETH-USDT").page
    page.keyboard.press("g")
    for field, at in (("Date and time", begun), ("End of the replay", until)):
        page.fill(f"#dates [aria-label='{field}']", datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M"))
    page.click("#dates >> text=Replay from here")
    terminal.ready()
    other = "CV.app.compare.lines[0].series"
    terminal.until(f"{other}.state === 'ready' && {other}.last.t === {begun - MINUTE}")
    assert terminal.value("Number(document.querySelector('#replay input').max)") == until
    page.select_option("#replay select", "50")
    page.click("#replay .play")
    page.wait_for_selector("#replay >> text=The end of the range")
    assert terminal.value("[CV.app.replay.clock, CV.app.replay.playing]") == [until, False]
    for series, symbol in (("CV.app.series", "BTC/USDT"), (other, "ETH/USDT")):
        shown = SHOWN.replace("CV.app.series", series)
        terminal.until(f"{series}.last.t === {until - MINUTE}")
        _agree(terminal.value(shown), _stored(stack, symbol))
    # Back by a pull of the slider, and the link has all of it.
    page.evaluate(
        f"((scrub) => {{ scrub.value = {begun + MINUTE}; scrub.dispatchEvent(new Event('change')); }})"
        "(document.querySelector('#replay input'))"
    )
    terminal.until(f"CV.app.series.state === 'ready' && CV.app.series.last.t === {begun}")
    page.reload()
    terminal.ready()
    assert terminal.value("[CV.app.replay.from, CV.app.replay.until]") == [begun, until]


def test_a_recording_is_steered(stack: Stack, terminal: Terminal) -> None:
    """All that it has told so far, from its first candle."""
    status = {"exchange": {"source": "replay"}, "workers": {}}
    terminal.page.route("**/api/v1/status", lambda route: route.fulfill(json={"success": True, "data": status}))
    page = terminal.open("/t/BTC-USDT?tf=5s").page
    page.click("#banner >> text=Steer it")
    first = stack.api("crypto/data", symbol="BTC/USDT", interval="5s", start_time="1970-01-01T00:00:00Z", limit=1)[0]
    begun = int(datetime.fromisoformat(first["window_start"]).timestamp() * 1000)
    terminal.until("CV.app.replay && CV.app.replay.playing")
    assert terminal.value("CV.app.replay.from") == begun
    page.select_option("#replay select", "100")
    terminal.until(f"CV.app.series.last && CV.app.series.last.t >= {begun} + 60000")
    starts = terminal.value("CV.app.series.bars.map((bar) => bar.t)")
    assert starts[0] == begun
    assert starts == sorted(set(starts))


def test_an_hour_leaves_nothing_behind(terminal: Terminal) -> None:
    """Played in 36 seconds, with indicators: what a tab holds grows by less than a tenth after the first tenth of it."""
    begun = int(time.time() // 60 - 90) * MINUTE
    end = begun + 60 * MINUTE
    at = [datetime.fromtimestamp(one / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for one in (begun, end)]
    terminal.page.add_init_script(
        """localStorage.setItem('cryptoviz.studies', '[{"name":"rsi","params":{}},{"name":"macd","params":{}}]')"""
    )
    page = terminal.open(f"/t/BTC-USDT?tf=5s&replay={at[0]}&until={at[1]}").page
    terminal.drawn()
    devtools = page.context.new_cdp_session(page)

    def held() -> float:
        devtools.send("HeapProfiler.collectGarbage")
        return float(devtools.send("Runtime.getHeapUsage")["usedSize"])

    page.select_option("#replay select", "100")
    page.click("#replay .play")
    terminal.until(f"CV.app.replay.clock >= {begun + 6 * MINUTE}", 60)
    early = held()
    terminal.until(f"CV.app.replay.clock === {end}", 120)
    # Indicators kept up with it; what is still under way is not left behind.
    terminal.until("CV.app.studies.shown.every(({ study }) => study.at(CV.app.series.bars.at(-2).t))")
    late = held()
    page.evaluate("localStorage.removeItem('cryptoviz.studies')")
    assert late < early * 1.1, f"{early / 1e6:.1f} MB grew to {late / 1e6:.1f} MB"
