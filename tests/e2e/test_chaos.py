"""Whatever happens to server, connection or computer while the page is open: afterwards the chart is what is stored, without a hole.

The market goes on all the while. Every figure of the candles, of a streamed indicator and of one with parameters of its own is compared
with REST's, and the trades that are shown follow on one another.
"""

import os
import signal
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from pipeline.embedded import processes
from tests.browser import Terminal
from tests.drill.harm import children
from tests.e2e.conftest import Stack
from tests.stack import eventually

pytestmark = pytest.mark.e2e

STUDIES = '[{"name":"ema","params":{}},{"name":"rsi","params":{"length":9}}]'
FIGURES = ("open", "high", "low", "close", "volume")
#: Trades a second at which the history of Redis does not reach back over the harm: what is missed comes from REST.
BUSY = 800
USUAL = 60
SHOWN = """(since) => {
  const [ema, rsi] = ['ema', 'rsi'].map((name) => CV.app.studies.shown.find((one) => one.study.entry.name === name).study);
  return CV.app.series.bars.filter((bar) => bar.closed && bar.t >= since)
    .map((bar) => [bar.t, bar.o, bar.h, bar.l, bar.c, bar.v, ema.at(bar.t)?.value ?? null, rsi.at(bar.t)?.value ?? null]);
}"""
#: What is on screen of trades: ids of the simulator count up by one.
TAPE = "CV.app.tape.trades.slice(0, CV.app.tape.rows.length).map((trade) => Number(trade.id))"


@pytest.fixture(scope="module")
def chart(stack: Stack, desktop: Any) -> Iterator[Terminal]:
    """One page, which has to live through one thing after the other."""
    terminal = Terminal(desktop, stack.url)
    terminal.page.add_init_script(f"localStorage.setItem('cryptoviz.studies', {STUDIES!r})")
    terminal.open("/t/BTC-USDT?tf=5s")
    terminal.until("CV.app.studies.shown.length === 2")
    terminal.page.wait_for_selector("#terminal[data-connection=live]")
    yield terminal
    terminal.page.evaluate("localStorage.removeItem('cryptoviz.studies')")
    terminal.page.close()


def _wait(chart: Terminal, seconds: float) -> None:
    chart.page.wait_for_timeout(seconds * 1000)


def _kill(pid: int | None) -> None:
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def _web_server_killed(stack: Stack, chart: Terminal) -> None:
    _kill(stack.up.pid("web"))
    chart.page.wait_for_selector("#terminal[data-connection=lost]")
    assert "Prices are" in chart.text("#chart-stale")


def _network_lost(stack: Stack, chart: Terminal) -> None:
    devtools = chart.page.context.new_cdp_session(chart.page)
    off = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    devtools.send("Network.enable")
    devtools.send("Network.emulateNetworkConditions", off)
    chart.page.wait_for_selector("#terminal[data-connection=lost]")
    _wait(chart, 7)
    devtools.send("Network.emulateNetworkConditions", off | {"offline": False})


def _asleep(stack: Stack, chart: Terminal) -> None:
    """The lid is closed; meanwhile the server gives the connection up, and more trades come than it keeps for those who return."""
    devtools = chart.page.context.new_cdp_session(chart.page)
    devtools.send("Page.setWebLifecycleState", {"state": "frozen"})
    stack.control(action="rate", rate=BUSY)
    _wait(chart, 4)
    _kill(stack.up.pid("web"))
    _wait(chart, 5)
    stack.control(action="rate", rate=USUAL)
    devtools.send("Page.setWebLifecycleState", {"state": "active"})


def _redis_killed(stack: Stack, chart: Terminal) -> None:
    started = children(stack.up.program.process.pid)
    _kill(next(pid for pid in started if processes.program(pid) == "valkey-server"))
    _wait(chart, 3)


@pytest.mark.parametrize("harm", [_web_server_killed, _network_lost, _asleep, _redis_killed])
def test_no_hole(stack: Stack, chart: Terminal, harm: Callable[[Stack, Terminal], None]) -> None:
    since, newest = chart.value("[CV.app.series.bars.at(-3).t, CV.app.series.last.t]")
    harm(stack, chart)
    chart.page.wait_for_selector("#terminal[data-connection=live]")
    chart.until(f"CV.app.series.bars.filter((bar) => bar.closed && bar.t > {newest}).length >= 2")

    def different() -> list[Any]:
        shown = {row[0]: row[1:] for row in chart.page.evaluate(SHOWN, since)}
        stored = _stored(stack, since)
        # The newest may be on its way to either.
        newest = max(set(shown) & set(stored), default=since)
        return [
            (t, shown.get(t), stored.get(t))
            for t in sorted(shown.keys() | stored.keys())
            if t < newest and not _same(shown.get(t), stored.get(t))
        ]

    assert eventually(lambda: not different(), 20, 1.0), different()
    starts = chart.value("CV.app.series.bars.map((bar) => bar.t)")
    assert starts == sorted(set(starts))
    first = chart.value("CV.app.tape.trades[0].ts")
    chart.until(f"CV.app.tape.trades[0].ts > {first}")
    ids = chart.value(TAPE)
    assert ids == list(range(ids[0], ids[0] - len(ids), -1)), "trades are missing among those shown"


def _same(shown: list[Any] | None, stored: list[Any] | None) -> bool:
    """Candles to the last digit; indicators as near as docs/indicators.md promises, for REST may have computed them anew."""
    if shown is None or stored is None:
        return False
    prices = len(FIGURES)
    return shown[:prices] == stored[:prices] and shown[prices:] == [
        one if one is None else pytest.approx(one, rel=1e-9) for one in stored[prices:]
    ]


def _stored(stack: Stack, since: int) -> dict[int, list[float | None]]:
    def rows(path: str, **more: Any) -> dict[int, Any]:
        found = stack.api(path, symbol="BTC/USDT", interval="5s", limit=60, **more)
        return {_ms(row.get("window_start") or row["time"]): row for row in found}

    ema, rsi = rows("indicators/ema"), rows("indicators/rsi", length=9)
    return {
        t: [*(row[key] for key in FIGURES), *(one[t]["value"] if t in one else None for one in (ema, rsi))]
        for t, row in rows("crypto/data").items()
        if row["closed"] and t >= since
    }


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)
