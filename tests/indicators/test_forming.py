"""Indicators of forming candles, listened to on a real bridge."""

from decimal import Decimal
from functools import partial
from typing import Any

import redis
import structlog

from pipeline.indicators.forming import Forming
from pipeline.live import LivePublisher, channel
from pipeline.live_messages import candle_data
from pipeline.model import Candle
from tests.stack import eventually


def test_a_message_may_come_in_pieces(redis_url: str) -> None:
    """Larger than any buffer between us: what has come of it first is no error, and costs no connection."""
    client = redis.Redis.from_url(redis_url, socket_timeout=5.0)
    one = Decimal(1)
    candle = Candle("BINANCE", "BTC/USDT", "1m", 60_000, 120_000, one, one, one, one, one, trade_count=1, closed=False)
    large = candle_data(candle)[:-1] + b',"more":"' + b"x" * 10_000_000 + b'"}'
    asked: list[str] = []

    def series(exchange: str, symbol: str, timeframe: str) -> Any:
        asked.append(symbol)

    forming = Forming(client)

    def heard(times: int) -> bool:
        forming.show(series)
        return len(asked) >= times

    with structlog.testing.capture_logs() as logs:
        forming.show(series)
        for n in range(1, 4):
            LivePublisher(client).forming({channel("candle", "BTC/USDT", "1m"): large})
            assert eventually(partial(heard, n), 10, every=0.001)
    forming.close()
    client.close()
    assert logs == []
