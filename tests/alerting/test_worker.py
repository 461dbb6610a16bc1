"""The worker between a real bus, a real database and a real Redis: told once, over kills, several processes and changed rules."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import redis

from pipeline import bus as buses
from pipeline.alerting.changes import changed
from pipeline.alerting.rules import Condition
from pipeline.bus.topics import NEWS, TOPICS, TRADES, bars, indicators
from pipeline.clock import now_ms
from pipeline.live import LiveReader, channel
from pipeline.model import Article, Candle, Indicator, Trade
from pipeline.settings import Settings
from pipeline.store.alerts import AlertRow, Alerts
from pipeline.store.migrate import migrate
from pipeline.store.session import Session
from pipeline.store.write import Store
from pipeline.timeframes import TIMEFRAMES
from pipeline.wire import article_record, bar_record, indicator_record, trade_record
from tests.line import Line
from tests.stack import eventually

SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "BNB/USDT")


class Bench:
    def __init__(self, settings: Settings, folder: Path) -> None:
        self.line = Line(settings, folder)
        self.session = Session(settings.database_url)
        self.alerts = Alerts(self.session)
        self.bus = buses.connect(settings)
        self.bus.ensure_topics(TOPICS)
        self.redis = redis.Redis.from_url(settings.redis_url)
        self.live = LiveReader(self.redis)
        self.made = 0
        self.prices: dict[str, list[Trade]] = {}

    def ask(self, symbol: str = "BTC/USDT", **asked: Any) -> AlertRow:
        known: dict[str, Any] = {
            "kind": "price",
            "direction": "cross",
            "value": Decimal(100),
            "repeat": "every",
            "cooldown": 0,
        }
        made = self.alerts.add(None, Condition(symbol=symbol, **known | asked), False, 1000)
        assert made is not None
        changed(self.redis)
        return made

    def trade(self, price: str, symbol: str = "BTC/USDT") -> None:
        self.made += 1
        trade = Trade("BINANCE", symbol, now_ms(), Decimal(price), Decimal(1), "buy", str(10_000_000 + self.made))
        self.prices.setdefault(symbol, []).append(trade)
        self.bus.publish(TRADES, [trade_record(trade)])

    def fired(self) -> list[tuple[int | None, Decimal]]:
        return [(one.alert_id, one.value) for one in self.alerts.firings(None, 500)][::-1]

    def told(self, symbol: str = "BTC/USDT") -> list[bytes]:
        return [data for _, data in self.live.since(channel("alert", symbol, "0"), 0, self.live.newest("")[0]).messages]

    def close(self) -> None:
        self.line.close()
        self.bus.close()
        self.session.close()
        self.redis.close()


@pytest.fixture
def bench(settings: Callable[..., Settings], tmp_path: Path) -> Iterator[Bench]:
    made = settings(exchange="binance")
    migrate(made.database_url)
    bench = Bench(made, tmp_path)
    yield bench
    bench.close()


def _running(bench: Bench, rules: int) -> bool:
    said = bench.line.said("alerts")
    return said.state == "running" and said.facts.get("rules") == rules


def test_kills_and_a_second_process_lose_and_double_nothing(bench: Bench) -> None:
    """Prices go up and down through a level of each symbol while whoever watches is killed again and again."""
    ids = {bench.ask(symbol).id: symbol for symbol in SYMBOLS}
    first, second = bench.line.start("alerts"), bench.line.start("alerts")
    assert eventually(lambda: _running(bench, len(ids)), 60), bench.line.logs()
    for n in range(120):
        for symbol in SYMBOLS:
            bench.trade("99" if n % 2 else "101", symbol)
        if n == 40:
            first.kill()
            bench.line.start("alerts")
        if n == 80:
            second.kill()
    # Of every symbol each price but the first crosses.
    wanted = 119 * len(SYMBOLS)
    assert eventually(lambda: len(bench.fired()) >= wanted, 60), f"{len(bench.fired())}\n{bench.line.logs()}"
    events = bench.fired()
    assert len(events) == wanted
    for alert_id, symbol in ids.items():
        assert [value for one, value in events if one == alert_id] == [t.price for t in bench.prices[symbol][1:]]
    assert eventually(lambda: all(len(bench.told(symbol)) >= 119 for symbol in SYMBOLS), 30)
    assert [len(bench.told(symbol)) for symbol in SYMBOLS] == [119] * len(SYMBOLS)


def test_every_kind_and_what_changes_meanwhile(bench: Bench, settings: Callable[..., Settings]) -> None:
    """Rules come, change and go while it runs; what was not told before a kill is told after."""
    bench.line.start("alerts")
    assert eventually(lambda: _running(bench, 0), 60), bench.line.logs()
    bench.trade("99")
    once = bench.ask(repeat="once", note="to the moon")
    assert eventually(lambda: _running(bench, 1), 5), "within a second or so"
    bench.trade("100.5")
    assert eventually(lambda: bench.fired() == [(once.id, Decimal("100.5"))], 10), bench.line.logs()
    found = bench.alerts.get(None, once.id)
    assert found is not None
    assert (found.state, found.fired_count) == ("fired", 1)
    assert eventually(bench.told, 10)
    [data] = bench.told()
    assert b'"value":100.5,"alert":{"symbol":"BTC/USDT","kind":"price"' in data
    assert b'"note":"to the moon"' in data
    # Fired once; asked again it waits again; paused it does not.
    bench.trade("99")
    assert bench.alerts.put(
        None, once.id, Condition(symbol="BTC/USDT", kind="price", direction="above", value=Decimal(101)), True
    )
    changed(bench.redis)
    rsi = bench.ask(
        kind="indicator", direction="above", value=Decimal(70), timeframe="5s", indicator="rsi", figure="value"
    )
    loud = bench.ask(kind="volume", direction="above", value=Decimal(3), timeframe="5s")
    news = bench.ask(kind="news", direction="below", value=Decimal("-0.5"))
    assert eventually(lambda: _running(bench, 3), 5)
    bench.trade("105")
    # A bar that closes after the alerts were made, and those before it.
    length = TIMEFRAMES["5s"]
    start = now_ms() // length * length
    store = Store(settings().database_url)
    price = Decimal(100)
    candles = [
        Candle("BINANCE", "BTC/USDT", "5s", start - n * length, start - (n - 1) * length, price, price, price, price, Decimal(10), 5, True)
        for n in range(1, 21)
    ]  # fmt: skip
    store.write([], candles, [Indicator(start - length, "BTC/USDT", "5s", "rsi", value=65.0)])
    store.close()
    closed = Candle(
        "BINANCE", "BTC/USDT", "5s", start, start + length, price, price, price, price, Decimal(31), 5, True
    )
    article = Article(now_ms(), "Wire", "https://a.example/1", "Exchange hacked", "", -0.8, ("btc",))
    for _ in range(2):
        bench.bus.publish(bars("5s"), [bar_record(closed)])
        bench.bus.publish(indicators("rsi"), [indicator_record(Indicator(start, "BTC/USDT", "5s", "rsi", value=71.5))])
        bench.bus.publish(NEWS, [article_record(article)])
    expected = {
        (once.id, Decimal("100.5")), (news.id, Decimal("-0.8")), (rsi.id, Decimal("71.5")), (loud.id, Decimal("3.10")),
    }  # fmt: skip
    assert eventually(lambda: set(bench.fired()) == expected, 15), f"{bench.fired()}\n{bench.line.logs()}"
    assert len(bench.fired()) == len(expected)
    assert bench.alerts.remove(None, once.id)
    assert (None, Decimal("100.5")) in bench.fired(), "what was told stays, also of an alert that is gone"


def test_what_was_stored_and_not_told_is_told_at_the_start(bench: Bench) -> None:
    one = bench.ask()
    with bench.session.transaction() as cursor:
        for n in range(2):
            cursor.execute(
                "INSERT INTO alert_firings (alert_id, event, partition, symbol, time, value, alert) "
                "SELECT id, %s, %s, symbol, now(), 100, to_jsonb(alerts) FROM alerts WHERE id = %s",
                (f"trade {n}", n, one.id),
            )
    program = bench.line.start("alerts")
    assert eventually(lambda: len(bench.told()) == 2, 60), bench.line.logs()
    program.kill()
    bench.line.start("alerts")
    assert eventually(lambda: _running(bench, 1), 60)
    bench.trade("99")
    bench.trade("101")
    assert eventually(lambda: len(bench.told()) >= 3, 30)
    assert len(bench.told()) == 3, "and not told again"
