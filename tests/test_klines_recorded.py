"""Kline frames of recorded sessions, each against the candle we make of the trades that the same session captured."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pipeline.candles import Series
from pipeline.exchanges.binance_frames import FrameReader
from pipeline.exchanges.recording import read_frames
from pipeline.model import Candle, Trade

MINUTE = 60_000


def test_candles_of_captured_trades_are_those_of_the_kline_frames(recordings: Path) -> None:
    found = {}
    for path in sorted(recordings.glob("cryptofeed_binance_*")):
        trades, klines = session(path)
        inside = [k for k in klines if covered(k, trades.get(k["s"], []))]
        for kline in inside:
            assert ours(kline, trades[kline["s"]]) == theirs(kline), f"{path.name}: {kline}"
        if klines:
            found[path.name] = len(inside)
    # As many as the recordings' README found to refer to captured trades only.
    known = {
        "cryptofeed_binance_spot_20210404_btc_eth_dot.txt.gz": 51,
        "cryptofeed_binance_usdm_20210722.jsonl.gz": 15,
        "cryptofeed_binance_spot_20211012.jsonl.gz": 1,
    }
    assert {name: found.get(name) for name in known if name in found} == {n: c for n, c in known.items() if n in found}
    assert sum(found.values()) > 0


def session(path: Path) -> tuple[dict[str, list[tuple[int, int, Trade]]], list[dict[str, Any]]]:
    """Aggregate trades by market (first and last id of each), and the klines, in the order they came."""
    reader = FrameReader("BINANCE")
    trades: dict[str, list[tuple[int, int, Trade]]] = {}
    klines = []
    for frame in read_frames(path):
        body = json.loads(frame.data)
        body = body.get("data", body)
        if body.get("e") == "aggTrade":
            trade = reader.read(frame.data)
            assert isinstance(trade, Trade)
            trades.setdefault(body["s"], []).append((body["f"], body["l"], trade))
        elif body.get("e") == "kline":
            klines.append(body["k"])
    return trades, klines


def covered(kline: dict[str, Any], trades: list[tuple[int, int, Trade]]) -> bool:
    """An aggregate that goes on past the last id of a kline says nothing of it."""
    return any(0 <= first == kline["f"] for first, _, _ in trades) and any(last == kline["L"] for _, last, _ in trades)


def ours(kline: dict[str, Any], trades: list[tuple[int, int, Trade]]) -> tuple[Any, ...]:
    series = Series("BINANCE", "ANY/USDT")
    for first, last, trade in trades:
        if kline["f"] <= first and last <= kline["L"]:
            series.add(trade)
    (candle,) = [
        c for c in (*series.closed(), *series.forming()) if (c.timeframe, c.window_start) == ("1m", kline["t"])
    ]
    return figures(candle)


def figures(candle: Candle) -> tuple[Any, ...]:
    return candle.open, candle.high, candle.low, candle.close, candle.volume, candle.trade_count


def theirs(kline: dict[str, Any]) -> tuple[Any, ...]:
    return (*(Decimal(kline[name]) for name in "ohlcv"), kline["n"])


@pytest.mark.parametrize("digits", [13, 16])
def test_the_unit_of_the_times_does_not_matter(digits: int) -> None:
    frame = {
        "e": "aggTrade", "E": 1_617_566_592_000, "s": "BTCUSDT", "a": 7, "p": "58000.10", "q": "0.5", "f": 10, "l": 12,
        "T": int("1617566591999123"[:digits]), "m": True,
    }  # fmt: skip
    trade = FrameReader("BINANCE").read(json.dumps(frame).encode())
    assert isinstance(trade, Trade)
    assert trade.ts == 1_617_566_591_999
    assert trade.count == 3
