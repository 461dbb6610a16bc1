"""The candles worker over an end in the middle of a batch."""

import threading
from collections.abc import Callable
from decimal import Decimal

import pytest

from pipeline import bus as buses
from pipeline.bus.topics import BARS, TICKER, TRADES, bars
from pipeline.clock import now_ms
from pipeline.model import Candle, Trade
from pipeline.settings import Settings
from pipeline.store.migrate import migrate
from pipeline.wire import read, trade_record
from pipeline.workers import candles
from tests.stack import eventually
from tests.workers.refusing import Refusing
from tests.workers.running import running

MINUTE = 60_000
EACH = 20


def test_an_end_in_the_middle_of_a_batch_loses_nothing(
    settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = settings()
    migrate(made.database_url)
    refusing, refused = threading.Event(), threading.Event()
    real = buses.connect
    bus = real(made)
    bus.ensure_topics([TRADES, TICKER, *BARS])
    published = bus.subscribe("test", [bars("1m")])
    monkeypatch.setattr(buses, "connect", lambda given: Refusing(real(given), BARS, refusing, refused))
    seen: dict[int, Candle] = {}

    def closed() -> int:
        for message in published.poll(0.2):
            candle = read(message)
            assert isinstance(candle, Candle)
            if candle.closed:
                seen[candle.window_start] = candle
        return len(seen)

    # Three whole minutes, and the trade that closes the last of them.
    begin = (now_ms() // MINUTE - 5) * MINUTE
    trades = [
        Trade(
            "BINANCE", "BTC/USDT", begin + n * MINUTE // EACH, Decimal(60_000 + n), Decimal("0.125"), "buy", str(n + 1)
        )
        for n in range(3 * EACH + 1)
    ]
    refusing.set()
    bus.publish(TRADES, [trade_record(trade) for trade in trades])
    with running(candles.run, made):
        assert refused.wait(30)
    assert closed() == 0
    refusing.clear()
    with running(candles.run, made):
        assert eventually(lambda: closed() >= 3, 30)
    published.close()
    bus.close()
    told = {start: (candle.trade_count, candle.volume) for start, candle in seen.items()}
    assert told == {begin + n * MINUTE: (EACH, EACH * Decimal("0.125")) for n in range(3)}
