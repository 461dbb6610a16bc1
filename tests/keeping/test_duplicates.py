"""Trades that the exchange sent twice are in the books while the collector runs, not only once it has ended well."""

import threading
from contextlib import closing

import redis

from pipeline.collecting.duplicates import noted
from pipeline.exchanges.simulator import Simulator
from pipeline.settings import Settings
from pipeline.workers import collector
from tests.stack import eventually


def test_duplicates_are_noted_at_once(ready: Settings, market: Simulator) -> None:
    settings = ready.model_copy(
        update={
            "exchange": "simulator", "binance_ws_url": market.ws_url, "binance_rest_url": market.rest_url,
            "symbols": ("BTC/USDT",), "seed_candles": 0,
        }
    )  # fmt: skip
    stop = threading.Event()
    thread = threading.Thread(target=collector.run, args=(settings, stop))
    thread.start()
    try:
        with closing(redis.Redis.from_url(ready.redis_url)) as client:
            assert eventually(lambda: client.hlen("collector:last_trade"))
            market.control("duplicate", count=5, symbol="BTC/USDT")
            assert eventually(lambda: sum(noted(client).values()) >= 5)
    finally:
        stop.set()
        thread.join(30)
