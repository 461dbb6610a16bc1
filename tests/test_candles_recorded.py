"""Two and a half days of a thin market, against the candles that another program made of the same trades."""

import csv
import gzip
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pipeline.candles import Series
from pipeline.model import Candle, Trade


def _rows(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def made(data_dir: Path) -> dict[tuple[str, int], Candle]:
    """The newest version of every closed candle, by timeframe and start."""
    series = Series("BINANCE", "XRP/ETH")
    out: dict[tuple[str, int], Candle] = {}
    for path in sorted((data_dir / "trades_klines").glob("*XRPETH_aggtrades*.csv.gz")):
        for row in _rows(path):
            series.add(
                Trade(
                    "BINANCE", "XRP/ETH", int(row["time_ms"]), Decimal(row["price"]), Decimal(row["quantity"]),
                    "sell" if row["is_buyer_maker"].lower() == "true" else "buy", row["agg_trade_id"],
                    int(row["last_trade_id"]) - int(row["first_trade_id"]) + 1,
                )
            )  # fmt: skip
            for candle in series.closed():
                out[candle.timeframe, candle.window_start] = candle
    assert out
    return out


def _figures(row: dict[str, Any]) -> tuple[Decimal, ...]:
    return tuple(Decimal(row[name]) for name in ("open", "high", "low", "close"))


@pytest.mark.parametrize("timeframe", ["1m", "5m"])
def test_every_candle_of_a_thin_market(made: dict[tuple[str, int], Candle], data_dir: Path, timeframe: str) -> None:
    (path,) = (data_dir / "trades_klines").glob(f"*XRPETH_{timeframe}_from_trades*.csv.gz")
    theirs = {int(row["open_time_ms"]): row for row in _rows(path)}
    ours = {start: candle for (name, start), candle in made.items() if name == timeframe}
    newest = max(theirs)
    # The window in which the recording ends never closes.
    assert ours.keys() == theirs.keys() - {newest}
    for start, candle in ours.items():
        assert (candle.open, candle.high, candle.low, candle.close) == _figures(theirs[start]), start
        # Theirs were summed as floats.
        assert abs(candle.volume - Decimal(theirs[start]["volume"])) < Decimal("1e-6"), start


def test_minutes_without_a_trade_have_no_candle(made: dict[tuple[str, int], Candle]) -> None:
    minutes = [start for name, start in made if name == "1m"]
    assert len(minutes) < (max(minutes) - min(minutes)) // 60_000


def test_trade_counts_are_of_the_trades_behind_the_aggregates(made: dict[tuple[str, int], Candle]) -> None:
    coarse = [candle for (name, _), candle in made.items() if name == "1d"]
    for day in coarse:
        inside = [
            c.trade_count
            for (name, start), c in made.items()
            if name == "1m" and day.window_start <= start < day.window_end
        ]
        assert sum(inside) == day.trade_count
