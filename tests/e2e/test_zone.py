"""The clock that times are read on: axis, crosshair, trades and dates follow it, candles do not."""

import itertools
import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.browser import Terminal

pytestmark = pytest.mark.e2e

HOUR = 3_600_000
#: Clocks are put back and on between; half and quarter hours, and a place whose day is another.
ZONES = (
    "Europe/Paris",
    "America/New_York",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Pacific/Auckland",
    "Australia/Lord_Howe",
)


def _ms(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc,arg-type]


def test_ticks_stand_at_round_readings_through_changed_clocks(terminal: Terminal) -> None:
    terminal.open("/t/BTC-USDT")
    changes = (_ms(2026, 3, 6), _ms(2026, 3, 27), _ms(2026, 4, 3), _ms(2026, 10, 23))
    for name, begin in itertools.product(ZONES, changes):
        terminal.value(f"CV.zone.name() === '{name}' || CV.zone.choose('{name}')")
        zone = ZoneInfo(name)
        end = begin + 96 * HOUR
        step, ticks = terminal.value(
            f"(({{step, values}}) => [step, values])(CV.ticks.times({begin}, {end}, 1400, 92, '1h'))"
        )
        read = [datetime.fromtimestamp(t / 1000, zone).replace(tzinfo=None) for t in ticks]
        assert all(moment.replace(tzinfo=UTC).timestamp() * 1000 % step == 0 for moment in read)
        assert ticks == sorted(set(ticks))
        # Every round reading there is has one, but for the hours that a clock leaves out or has twice.
        assert abs(len(ticks) - 96 * HOUR / step) <= 1
        days = {
            moment.strftime("%-d %b") for moment in read if not moment.hour and not moment.minute and moment.day > 1
        }
        said = terminal.value(f"{ticks}.map((t) => CV.format.tick(t, '1h', {step}))")
        assert days <= set(said)
        # Back and forth between moment and reading.
        assert terminal.value(f"{ticks}.map((t) => CV.zone.at(t + CV.zone.shift(t)))") == ticks
    # Candles of a day are UTC's days whoever reads them.
    assert terminal.value(f"CV.format.moment({_ms(2026, 3, 29)}, '1d')").startswith("Sun 29 Mar")
    terminal.page.evaluate("localStorage.removeItem('cryptoviz.timezone')")


def test_it_is_chosen_in_the_corner_and_kept(terminal: Terminal) -> None:
    page = terminal.open("/t/BTC-USDT").page
    page.click("#zone-button")
    page.keyboard.type("kolkata")
    page.keyboard.press("Enter")
    assert not page.is_visible("#zones")
    assert terminal.text("#zone-button") == "UTC+5:30"
    terminal.until("CV.app.tape.trades.length > 0")
    terminal.until(
        "((cell) => cell && CV.app.tape.trades.some((trade) => CV.format.clock(trade.ts) === cell.textContent))"
        "(document.querySelector('#tape .trade-time'))"
    )
    shown = re.search(r"\d\d:\d\d:\d\d", terminal.text("#tape .trade >> nth=0"))
    assert shown
    wall = datetime.now(ZoneInfo("Asia/Kolkata"))
    then = wall.replace(**dict(zip(("hour", "minute", "second"), map(int, shown[0].split(":")), strict=True)))
    assert abs((wall - then).total_seconds()) < 60
    page.reload()
    terminal.ready()
    assert terminal.text("#zone-button") == "UTC+5:30"
    # A date that is typed is read on the same clock.
    wanted = _ms(2026, 1, 2, 3, 30)
    page.keyboard.press("g")
    page.fill("#dates input", "2026-01-02T09:00")
    assert terminal.value("CV.format.zoneTime('1m', document.querySelector('#dates input').valueAsNumber)") == wanted
    page.keyboard.press("Escape")
    page.click("#zone-button")
    page.click("[data-zone=UTC]")
    assert terminal.text("#zone-button") == "UTC"
    page.evaluate("localStorage.removeItem('cryptoviz.timezone')")
