"""kill -9 of every worker in turn under load: afterwards nothing is missing, nothing is double, every candle is right."""

import json
import os
import signal
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import httpx
import psycopg2
import pytest

from pipeline.store.engine import dsn
from pipeline.timeframes import TIMEFRAMES
from tests.stack import Market, Up, eventually

SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
RATE = 5000
WORKERS = ("collector", "candles", "writer", "bridge", "web")


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    market = Market(tmp_path, RATE, ",".join(SYMBOLS))
    yield market
    market.close()


@pytest.fixture
def up(tmp_path: Path, market: Market) -> Iterator[Up]:
    up = Up(tmp_path, "--exchange", "binance", "--symbols", ",".join(SYMBOLS), **market.env)
    yield up
    up.close()


@pytest.mark.e2e
def test_no_kill_loses_doubles_or_bends_anything(market: Market, up: Up) -> None:
    up.ready()
    connection = psycopg2.connect(dsn(up.setting("database_url")))
    connection.autocommit = True
    cursor = connection.cursor()

    def value(query: str, *parameters: object) -> int:
        cursor.execute(query, parameters)
        row = cursor.fetchone()
        return int(row[0] or 0) if row else 0

    assert eventually(lambda: value("SELECT count(*) FROM (SELECT FROM trades LIMIT 1000) AS t") == 1000), up.said()
    for worker in WORKERS:
        pid = up.pid(worker)
        assert pid is not None, f"{worker} does not run\n{up.said()}"
        os.kill(pid, signal.SIGKILL)
        assert eventually(lambda w=worker, p=pid: up.pid(w) not in (None, p), 15), (
            f"{worker} was not started again\n{up.said()}"
        )
        time.sleep(2)
    market.control(action="pause")
    truth = {symbol: _truth(market, symbol) for symbol in SYMBOLS}

    for symbol, trades in truth.items():
        ids = sorted(trades)
        first = value("SELECT min(trade_id::bigint) FROM trades WHERE symbol = %s", symbol)
        wanted = ids[-1] - first + 1
        count = "SELECT count(*) FROM trades WHERE symbol = %s"
        assert eventually(lambda c=count, s=symbol, w=wanted: value(c, s) >= w, 60), (
            f"{value(count, symbol)} of {wanted} {symbol}\n{up.said()}"
        )
        assert value(count, symbol) == wanted
        assert value("SELECT count(DISTINCT trade_id) FROM trades WHERE symbol = %s", symbol) == wanted
        cursor.execute(
            "SELECT trade_id::bigint, price, amount, (extract(epoch FROM event_ts) * 1000)::bigint FROM trades WHERE symbol = %s",
            [symbol],
        )
        assert all(trades[order] == (ts, price, amount) for order, price, amount, ts in cursor.fetchall())
        expected = _candles({order: t for order, t in trades.items() if order >= first})
        assert expected

        def stored(s: str = symbol) -> dict[tuple[str, int], tuple[Decimal, ...]]:
            cursor.execute(
                "SELECT timeframe, (extract(epoch FROM window_start) * 1000)::bigint, open, high, low, close, volume, trade_count "
                "FROM candles WHERE symbol = %s AND closed AND complete",
                [s],
            )
            return {(row[0], row[1]): row[2:] for row in cursor.fetchall()}

        eventually(lambda e=expected: e.keys() <= stored().keys(), 30)
        found = stored()
        wrong = {key: (found.get(key), candle) for key, candle in expected.items() if found.get(key) != candle}
        assert not wrong, f"{len(wrong)} of {len(expected)} {symbol} candles, such as {next(iter(wrong.items()))}"
    connection.close()
    assert up.program.stop() == 0


def _truth(market: Market, symbol: str) -> dict[int, tuple[int, Decimal, Decimal]]:
    """Everything the market sent: id → time, price, amount."""
    answer = httpx.get(f"{market.url}/control/truth", params={"symbol": symbol.replace("/", "")}, timeout=60)
    lines = (json.loads(line) for line in answer.text.splitlines())
    return {t["id"]: (t["time"], Decimal(t["price"]), Decimal(t["qty"])) for t in lines}


def _candles(trades: dict[int, tuple[int, Decimal, Decimal]]) -> dict[tuple[str, int], tuple[Decimal, ...]]:
    """The closed candles of the windows that these trades cover whole, the obvious way."""
    ordered = sorted((ts, order, price, amount) for order, (ts, price, amount) in trades.items())
    begin, end = ordered[0][0], ordered[-1][0]
    out: dict[tuple[str, int], tuple[Decimal, ...]] = {}
    for name, length in TIMEFRAMES.items():
        windows: dict[int, list[tuple[Decimal, Decimal]]] = {}
        for ts, _, price, amount in ordered:
            windows.setdefault(ts - ts % length, []).append((price, amount))
        for start, inside in windows.items():
            if begin < start and start + length <= end:
                prices = [price for price, _ in inside]
                volume = sum((amount for _, amount in inside), Decimal(0))
                out[name, start] = (prices[0], max(prices), min(prices), prices[-1], volume, len(inside))  # type: ignore[assignment]
    return out
