"""The chart in headless Chromium beside lightweight-charts (npm), fed with the same candles in the same run.

Live: 600 bars in view, four panes (prices with volume, RSI, MACD, ADX), 20 updates a second. Of each: the time from its message on the
socket (of the other, from the call that is given it) until the last bar is painted, the wait for the frame included; and the main
thread's work in that frame. Pan: the chart is dragged back and forth. Of both: all that the main thread does (`TaskDuration` of Chrome's
own metrics: script, layout, painting, the socket). The terminal is the whole page: book, tape, strip and header move beside its chart;
the other is a chart alone. Load: an empty cache, until candles move on the chart. Heap: what a busy hour (60 trades a second) leaves
behind, sent in four minutes; garbage is collected before each look, so that what is left is held by somebody.
"""

import json
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, Page

from tests.bench.figure import Figure
from tests.browser import DESKTOP, Terminal, chromium
from tests.stack import Up, eventually

SECONDS = 15
RATE = 20
BARS = 600
HEAP_RATE = 1000
HEAP_SECONDS = 3600
PANES = ("rsi", "macd", "adx")
_LIVE, _DRAGGED = f"at {RATE} updates/s, {BARS} bars in view, four panes", "while it is dragged"
# [time of the frame, ms of it] of every callback, newest last.
_WATCH = """
window.__frames = [];
const ask = window.requestAnimationFrame.bind(window);
window.requestAnimationFrame = (job) => ask((t) => {
  const begun = performance.now();
  job(t);
  window.__frames.push([t, performance.now() - begun]);
});
"""
#: When the message with each trade was there: id → Unix ms. First of all listeners, so before the page begins with it.
_HEARD = """
window.__heard = new Map();
window.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    this.addEventListener('message', ({ data }) => {
      const now = performance.timeOrigin + performance.now();
      for (const one of [JSON.parse(data)].flat()) if (one.type === 'trade') __heard.set(one.data.trade_id, now);
    });
  }
};
"""
_WAITS = "CV.paints.filter(({ tradeId }) => __heard.has(tradeId)).map(({ tradeId, ts }) => ts - __heard.get(tradeId))"
_OTHER = """
<body style="margin:0;background:#0b0e11"><div id="chart" style="width:1140px;height:740px"></div></body>
"""
_FILL = """
([bars, panes]) => {
  const { createChart, CandlestickSeries, HistogramSeries, LineSeries } = LightweightCharts;
  const chart = createChart(document.getElementById('chart'), { width: 1140, height: 740, timeScale: { minBarSpacing: 0.5 } });
  const candles = chart.addSeries(CandlestickSeries);
  const volume = chart.addSeries(HistogramSeries, { priceScaleId: '' });
  candles.setData(bars);
  volume.setData(bars.map(({ time, volume }) => ({ time, value: volume })));
  const lines = panes.map((pane, i) => {
    const line = chart.addSeries(LineSeries, {}, i + 1);
    line.setData(pane);
    return line;
  });
  chart.timeScale().fitContent();
  const last = { ...bars[bars.length - 1] };
  window.__waits = [];
  window.__update = () => {
    const begun = performance.now();
    last.close *= 1 + (Math.random() - 0.5) / 5000;
    last.high = Math.max(last.high, last.close);
    last.low = Math.min(last.low, last.close);
    candles.update(last);
    volume.update({ time: last.time, value: (last.volume += 1) });
    lines.forEach((line, i) => line.update({ time: last.time, value: panes[i][panes[i].length - 1].value * (1 + Math.random() / 100) }));
    // In the frame that the library has just asked for; what is posted from a frame comes once that is painted.
    requestAnimationFrame(() => {
      const painted = new MessageChannel();
      painted.port1.onmessage = () => window.__waits.push(performance.now() - begun);
      painted.port2.postMessage(null);
    });
  };
}
"""


def _library(folder: Path) -> Path:
    """The chart library's one script, from npm."""
    subprocess.run(["npm", "pack", "lightweight-charts@5", "--silent"], cwd=folder, check=True, capture_output=True)
    [packed] = folder.glob("lightweight-charts-*.tgz")
    with tarfile.open(packed) as files:
        files.extractall(folder, filter="data")
    return folder / "package" / "dist" / "lightweight-charts.standalone.production.js"


class Watch:
    """What a page's main thread does while this is open."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._devtools = page.context.new_cdp_session(page)
        self._devtools.send("Performance.enable")
        self.waits: list[float] = []

    def _busy(self) -> float:
        told = self._devtools.send("Performance.getMetrics")["metrics"]
        return float(next(one["value"] for one in told if one["name"] == "TaskDuration"))

    def __enter__(self) -> "Watch":
        self._page.evaluate("__frames.length = 0")
        self._begun, self._before = time.monotonic(), self._busy()
        return self

    def __exit__(self, *_: object) -> None:
        self.busy = (self._busy() - self._before) / (time.monotonic() - self._begun)
        frames: dict[float, float] = {}
        for at, took in self._page.evaluate("__frames"):
            frames[at] = frames.get(at, 0.0) + took
        self.frames = sorted(frames.values())

    def at(self, share: float) -> float:
        """ms that a frame of so many takes at most."""
        return _at(self.frames, share)

    def waited(self, waits: list[float]) -> None:
        """ms from each update's message until it was painted."""
        self.waits = sorted(waits)


def _at(sorted_ms: list[float], share: float) -> float:
    return sorted_ms[int(len(sorted_ms) * share)]


def _pan(page: Page, x: float, y: float) -> Watch:
    watch = Watch(page)
    page.mouse.move(x, y)
    page.mouse.down()
    with watch:
        for step in range(240):
            page.mouse.move(x + 4 * abs(step % 120 - 60) - 240, y)
            page.wait_for_timeout(8)
    page.mouse.up()
    return watch


def _terminal(browser: Browser, up: Up) -> list[tuple[str, Watch]]:
    context = browser.new_context(**DESKTOP)  # type: ignore[arg-type]
    studies = json.dumps([{"name": name, "params": {}} for name in PANES])
    context.add_init_script(f"localStorage.setItem('cryptoviz.studies', {json.dumps(studies)});{_WATCH}{_HEARD}")
    terminal = Terminal(context, up.url).open()
    terminal.drawn()
    terminal.until(f"CV.app.studies.panes.length === {len(PANES)}")
    terminal.value("CV.app.chart.act.fit()")
    terminal.page.wait_for_timeout(3_000)
    live = Watch(terminal.page)
    terminal.value("void CV.paints.splice(0)")
    with live:
        terminal.page.wait_for_timeout(SECONDS * 1000)
    live.waited(terminal.value(_WAITS))
    box: Any = terminal.page.locator("#chart").bounding_box()
    found = [(_LIVE, live), (_DRAGGED, _pan(terminal.page, box["x"] + 500, box["y"] + 200))]
    context.close()
    return found


def _other(browser: Browser, up: Up, script: Path) -> list[tuple[str, Watch]]:
    def rows(path: str, **query: Any) -> list[dict[str, Any]]:
        asked = {"symbol": "BTC/USDT", "interval": "1m", "limit": BARS} | query
        return list(httpx.get(f"{up.url}/api/v1/{path}", params=asked).json()["data"])

    def at(text: str) -> int:
        return int(time.mktime(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")))

    bars = [
        {"time": at(row["window_start"]), **{key: row[key] for key in ("open", "high", "low", "close", "volume")}}
        for row in reversed(rows("crypto/data"))
    ]
    panes = []
    for name in PANES:
        told = sorted(rows(f"indicators/{name}"), key=lambda row: row["time"])
        column = next(key for key, value in told[-1].items() if isinstance(value, float))
        panes.append([{"time": at(row["time"]), "value": row[column]} for row in told if row[column] is not None])
    context = browser.new_context(**DESKTOP)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_content(_OTHER)
    page.evaluate(_WATCH)
    page.add_script_tag(path=script)
    page.evaluate(_FILL, [bars, panes])
    page.wait_for_timeout(1_000)
    live = Watch(page)
    page.evaluate(f"void (window.__timer = setInterval(__update, {1000 // RATE}))")
    with live:
        page.wait_for_timeout(SECONDS * 1000)
    live.waited(page.evaluate("__waits"))
    found = [(_LIVE, live), (_DRAGGED, _pan(page, 500, 200))]
    context.close()
    return found


def _load(browser: Browser, up: Up) -> tuple[float, float, float]:
    """Seconds until the chart is live, MB moved until then, and MB in all."""
    context = browser.new_context(**DESKTOP)  # type: ignore[arg-type]
    terminal = Terminal(context, up.url)
    devtools = context.new_cdp_session(terminal.page)
    devtools.send("Network.enable")
    moved = [0.0]
    devtools.on("Network.loadingFinished", lambda said: moved.append(said["encodedDataLength"]))
    begun = time.monotonic()
    terminal.page.goto(up.url, wait_until="commit")
    terminal.until("window.CV && CV.paints && CV.paints.length > 0")
    took, first = time.monotonic() - begun, sum(moved)
    terminal.drawn()
    terminal.page.wait_for_timeout(1_000)
    context.close()
    return took, first / 1e6, sum(moved) / 1e6


def _heap(browser: Browser, up: Up) -> tuple[float, float]:
    """MB of live objects on the page a tenth into it, and at its end."""
    context = browser.new_context(**DESKTOP)  # type: ignore[arg-type]
    terminal = Terminal(context, up.url).open("/t/BTC-USDT?tf=5s")
    terminal.drawn()
    devtools = context.new_cdp_session(terminal.page)
    market = up.setting("binance_rest_url")
    httpx.post(f"{market}/control", json={"action": "rate", "rate": HEAP_RATE}).raise_for_status()

    def held() -> float:
        devtools.send("HeapProfiler.collectGarbage")
        return float(devtools.send("Runtime.getHeapUsage")["usedSize"]) / 1e6

    whole = 60 * HEAP_SECONDS / HEAP_RATE
    terminal.page.wait_for_timeout(whole * 100)
    early = held()
    terminal.page.wait_for_timeout(whole * 900)
    late = held()
    context.close()
    return early, late


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        script = _library(folder)
        up = Up(
            folder, "--exchange", "simulator", "--rate", str(RATE), "--symbols", "BTC/USDT",
            CRYPTOVIZ_SEED_CANDLES="1500",
        )  # fmt: skip
        try:
            up.ready()
            daily = {"symbol": "BTC/USDT", "interval": "1d", "limit": 1}
            eventually(lambda: httpx.get(f"{up.url}/api/v1/crypto/data", params=daily).json()["data"], 60)
            time.sleep(5)
            with chromium() as browser:
                loads = [_load(browser, up) for _ in range(3)]
                took, first, whole = sorted(loads)[1]
                yield Figure(
                    "an empty cache to a live chart",
                    took,
                    "s",
                    note=f"{first:.2f} MB until then, {whole:.2f} MB in all",
                )
                ours, others = _terminal(browser, up), _other(browser, up, script)
            for (words, mine), (_, theirs) in zip(ours, others, strict=True):
                busy = f"main thread {mine.busy:.0%} busy beside {theirs.busy:.0%}, of {len(mine.frames)} frames"
                for name, share in (("p50", 0.5), ("p95", 0.95)):
                    yield Figure(
                        f"a frame of the chart {words}, {name}", mine.at(share), "ms", "lightweight-charts", theirs.at(share), busy
                    )  # fmt: skip
                    if mine.waits:
                        yield Figure(
                            f"message to painted last bar {words}, {name}", _at(mine.waits, share), "ms",
                            "lightweight-charts", _at(theirs.waits, share), "the wait for the frame included",
                        )  # fmt: skip
            with chromium() as browser:
                early, late = _heap(browser, up)
            yield Figure(
                "live objects on the page after an hour of 60 trades/s", late, "MB", "after a tenth of it", early
            )
        finally:
            up.close()
