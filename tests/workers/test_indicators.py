"""The indicators worker as a process meets it: candles on a real bus in, indicators out, over restarts, mended candles and history."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from decimal import Decimal

import pytest
import redis

from pipeline import bus as buses
from pipeline.bus.topics import INDICATOR_TYPES, INDICATORS, bars
from pipeline.clock import now_ms
from pipeline.indicators.bar import Bar
from pipeline.indicators.incremental import over
from pipeline.live import PREFIX, LivePublisher, channel, unpack
from pipeline.live_messages import candle_data
from pipeline.model import Candle, Indicator
from pipeline.settings import Settings
from pipeline.store.migrate import migrate
from pipeline.store.write import Store
from pipeline.wire import bar_record, read, read_indicator
from pipeline.workers import indicators
from tests.indicators.market import walk
from tests.stack import eventually
from tests.workers.refusing import Refusing
from tests.workers.running import running

STEP = 60_000


def market(count: int) -> list[Bar]:
    """The last `count` minutes, without gaps."""
    end = now_ms() // STEP * STEP
    return [b._replace(time=end - (count - n) * STEP) for n, b in enumerate(walk(11, count))]


def candle(b: Bar, source: str = "live", closed: bool = True) -> Candle:
    numbers = (Decimal(repr(x)) for x in b[1:])
    return Candle(
        "BINANCE", "BTC/USDT", "1m", b.time, b.time + STEP, *numbers, trade_count=1, closed=closed, source=source,  # type: ignore[arg-type]
    )  # fmt: skip


class Bench:
    """A worker on a thread of its own, and what it has published."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.bus = buses.connect(settings)
        self.bus.ensure_topics([bars("1m"), *INDICATORS])
        self.published = self.bus.subscribe("test", INDICATORS)
        self.seen: dict[tuple[str, int], Indicator] = {}
        self.count = 0

    def worker(self) -> AbstractContextManager[None]:
        return running(indicators.run, self.settings)

    def give(self, candles: list[Candle]) -> None:
        self.bus.publish(bars("1m"), [bar_record(c) for c in candles])

    def rsi(self) -> dict[int, float | None]:
        for message in self.published.poll(0.2):
            model = read(message)
            assert isinstance(model, Indicator)
            self.seen[model.indicator_type, model.time] = model
            self.count += 1
        return {time: model.value for (type_, time), model in self.seen.items() if type_ == "rsi"}

    def close(self) -> None:
        self.published.close()
        self.bus.close()


@pytest.fixture
def bench(settings: Callable[..., Settings]) -> Iterator[Bench]:
    made = settings()
    migrate(made.database_url)
    bench = Bench(made)
    yield bench
    bench.close()


def test_an_end_in_the_middle_of_a_batch_loses_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    every = market(40)
    expected = {time: figures["value"] for time, figures in over("rsi", every)}
    refusing, refused = threading.Event(), threading.Event()
    real = buses.connect
    monkeypatch.setattr(buses, "connect", lambda settings: Refusing(real(settings), INDICATORS, refusing, refused))
    refusing.set()
    bench.give([candle(b) for b in every])
    with bench.worker():
        assert refused.wait(30)
    assert bench.rsi() == {}
    refusing.clear()
    with bench.worker():
        assert eventually(lambda: len(bench.rsi()) >= len(expected), 30)
    assert bench.rsi() == expected


def test_closes_history_restart_and_repair(bench: Bench) -> None:
    every = market(130)
    stored, live, later = every[:100], every[100:120], every[120:]
    expected = {time: figures["value"] for time, figures in over("rsi", every)}
    # History that only the database has.
    store = Store(bench.settings.database_url)
    store.write([], [candle(b, "historical") for b in stored])
    store.close()
    with bench.worker():
        bench.give([candle(b) for b in live])
        assert eventually(lambda: len(bench.rsi()) >= 20, 30)
    assert bench.rsi() == {b.time: expected[b.time] for b in live}
    assert {type_ for type_, _ in bench.seen} >= set(INDICATOR_TYPES) - {"vwap"}
    obv = bench.seen["obv", live[-1].time].value
    assert obv is not None
    # Down, and meanwhile candles close; one of them must be mended afterwards.
    wrong = later[3]._replace(close=later[3].low)
    bench.give([candle(wrong if b is later[3] else b) for b in later[:-1]])
    with bench.worker():
        assert eventually(lambda: later[-2].time in bench.rsi(), 30)
        assert bench.rsi()[later[2].time] == expected[later[2].time], "goes on where it stopped"
        assert bench.rsi()[later[3].time] != expected[later[3].time]
        bench.give([candle(later[3], "historical")])
        assert eventually(lambda: bench.rsi()[later[-2].time] == expected[later[-2].time], 30)
        bench.give([candle(later[-1])])
        assert eventually(lambda: later[-1].time in bench.rsi(), 30)
    assert bench.rsi() == {b.time: expected[b.time] for b in every[100:]}
    change = dict(over("obv", every))
    moved = change[later[-1].time]["value"] - change[live[-1].time]["value"]
    now = bench.seen["obv", later[-1].time].value
    assert now is not None
    assert now - obv == pytest.approx(moved), "the level of a series outlives the worker"


def test_of_fresh_history_only_the_newest_bars_are_stored(bench: Bench) -> None:
    every = market(300)
    with bench.worker():
        bench.give([candle(b, "historical") for b in every])
        assert eventually(lambda: every[-1].time in bench.rsi(), 30)
    assert 40 <= len(bench.rsi()) <= 55
    assert bench.rsi()[every[-1].time] == dict(over("rsi", every))[every[-1].time]["value"]


def test_forming_candles_are_shown_live(bench: Bench) -> None:
    every = market(40)
    forming = every[-1]._replace(time=every[-1].time + STEP)
    client = redis.Redis.from_url(bench.settings.redis_url)
    listening = client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
    listening.subscribe(f"{PREFIX}{channel('indicator', 'BTC/USDT', '1m')}")
    with bench.worker():
        bench.give([candle(b) for b in every])
        assert eventually(lambda: every[-1].time in bench.rsi(), 30)
        before = bench.count

        def shown() -> list[Indicator]:
            LivePublisher(client).forming(
                {channel("candle", "BTC/USDT", "1m"): candle_data(candle(forming, closed=False))}
            )
            message = listening.get_message(timeout=0.3)
            if message is None:
                return []
            payload = unpack(message["data"])
            assert payload.forming
            assert all(b'"closed":false' in data for data in payload.messages)
            return [read_indicator(data) for data in payload.messages]

        rows = eventually(shown, 30)
    assert rows
    values = {row.indicator_type: row.value for row in rows}
    assert {row.time for row in rows} == {forming.time}
    assert values["rsi"] == dict(over("rsi", [*every, forming]))[forming.time]["value"]
    bench.rsi()
    assert bench.count == before, "a forming bar is stored nowhere"
    listening.close()
    client.close()
