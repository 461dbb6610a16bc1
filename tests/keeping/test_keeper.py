"""The keeper as a whole, beside the collector: history, checks and ledger come by themselves."""

import threading

import pytest
import redis

from pipeline import status
from pipeline.exchanges.simulator import Simulator
from pipeline.settings import Settings
from pipeline.workers import collector, keeper
from tests.keeping.conftest import rows
from tests.stack import eventually


def test_history_and_ledger_come_by_themselves(
    market: Simulator, ready: Settings, writing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("FIRST", 0.0), ("PAUSE", 0.01), ("COUNT", 0.5), ("CHECK", 0.5)):
        monkeypatch.setattr(keeper, name, seconds)
    mine = ready.model_copy(
        update={
            "binance_ws_url": market.ws_url, "binance_rest_url": market.rest_url, "exchange": "simulator", "backfill_days": 1,
            "seed_candles": 0, "symbols": ("BTC/USDT", "NOPE/USDT"),
        }
    )  # fmt: skip
    stop = threading.Event()
    threads = [threading.Thread(target=worker.run, args=(mine, stop)) for worker in (collector, keeper)]
    for thread in threads:
        thread.start()
    client = redis.Redis.from_url(ready.redis_url)
    try:
        filled = "SELECT timeframe FROM backfill_progress WHERE symbol = 'BTC/USDT' ORDER BY timeframe"
        wanted = [("15m",), ("1d",), ("1h",), ("1m",), ("4h",), ("5m",)]
        assert eventually(lambda: rows(ready, filled) == wanted, 60), rows(ready, filled)
        ledger = "SELECT sum(trades_expected) - sum(trades_stored), sum(trades_stored) > 20 FROM quality"
        assert eventually(lambda: rows(ready, ledger) == [(0, True)], 30), rows(ready, ledger)
        assert status.read_all(client)["keeper"].facts["backfill_failed"] == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert status.read_all(client)["keeper"].state == "stopped"
    client.close()


def test_a_replay_has_no_history_to_keep(ready: Settings) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=keeper.run, args=(ready.model_copy(update={"exchange": "replay:gone"}), stop))
    thread.start()
    client = redis.Redis.from_url(ready.redis_url)
    assert eventually(lambda: status.read_all(client).get("keeper", status.Status("starting")).state == "running")
    stop.set()
    thread.join(30)
    client.close()
    assert not thread.is_alive()
