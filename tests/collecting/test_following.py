"""The collector against a market whose symbols come and go: what stays followed loses nothing."""

import threading
from collections.abc import Callable, Iterator

import pytest
import redis

from pipeline import bus as buses
from pipeline import followed, status
from pipeline.bus.topics import TRADES
from pipeline.exchanges.simulator import Simulator
from pipeline.model import Trade
from pipeline.settings import Settings
from pipeline.wire import read_trade
from pipeline.workers import collector
from tests.stack import eventually


@pytest.fixture
def sim() -> Iterator[Simulator]:
    symbols = ["BTC/USDT", "ETH/USDT", "SOL/USDT", "BNB/USDT"]
    with Simulator(seed=5, rate=200, symbols=symbols, process=True) as sim:
        yield sim


def test_symbols_come_and_go(
    sim: Simulator, settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "EVERY", 0.5)
    mine = settings(
        symbols="BTC/USDT", quotes="USDT", max_symbols=3, exchange="simulator", seed_candles=5,
        binance_ws_url=sim.ws_url, binance_rest_url=sim.rest_url,
    )  # fmt: skip
    client = redis.Redis.from_url(mine.redis_url)
    bus = buses.connect(mine)
    bus.ensure_topics([TRADES])
    reading = bus.subscribe("test", [TRADES])
    trades: dict[str, list[Trade]] = {}

    def heard(symbol: str, after: int = 0) -> bool:
        for message in reading.poll(0.2):
            trade = read_trade(message.value)
            trades.setdefault(trade.symbol, []).append(trade)
        return any(int(trade.trade_id) > after for trade in trades.get(symbol, ()))

    def following(*symbols: str) -> Callable[[], bool]:
        return lambda: followed.read(client, mine).symbols == symbols

    stop = threading.Event()
    thread = threading.Thread(target=collector.run, args=(mine, stop))
    thread.start()
    try:
        assert eventually(following("BTC/USDT", "ETH/USDT", "SOL/USDT"), 30)
        assert eventually(lambda: heard("BTC/USDT") and heard("ETH/USDT") and heard("SOL/USDT"), 30)

        sim.control("delist", symbol="ETH/USDT")
        assert eventually(following("BTC/USDT", "SOL/USDT", "BNB/USDT"), 30)
        assert eventually(lambda: heard("BNB/USDT"), 30)

        sim.control("halt", symbol="SOL/USDT")
        assert eventually(lambda: followed.read(client, mine).halted == ("SOL/USDT",), 30)
        assert followed.read(client, mine).symbols == ("BTC/USDT", "SOL/USDT", "BNB/USDT")
        newest = int(trades["BTC/USDT"][-1].trade_id)
        assert eventually(lambda: heard("BTC/USDT", newest + 50), 30)
        # A halt is no trouble.
        assert eventually(lambda: status.read_all(client)["collector"].facts.get("halted") == "SOL/USDT", 30)
        assert status.read_all(client)["collector"].state == "running"
    finally:
        stop.set()
        thread.join(30)
        reading.close()
        bus.close()
        client.close()
    assert not thread.is_alive()
    for symbol in ("BTC/USDT", "BNB/USDT"):
        numbers = [int(trade.trade_id) for trade in trades[symbol]]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), f"{symbol}: a hole, or one twice"
