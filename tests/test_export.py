"""Exports as a script uses them."""

import csv
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.exports import files as module
from pipeline.exports.files import Request, export, last_time
from pipeline.store.engine import engine
from pipeline.store.migrate import migrate
from pipeline.store.quality import Hour, Ledger
from pipeline.store.read import Reader
from pipeline.store.session import Session
from pipeline.store.write import Store
from tests.dashboard.conftest import NOON, candle, trade


@pytest.fixture
def reader(database_url: str) -> Iterator[Reader]:
    migrate(database_url)
    store = Store(database_url)
    store.write([trade(n) for n in range(25)], [candle(n) for n in range(25)])
    store.write([trade(n, symbol="ETH/USDT") for n in range(3)], [])
    store.close()
    reader = Reader(engine(database_url))
    yield reader
    reader.close()


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAGE", 10)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_candles_to_csv_with_every_digit_and_a_manifest(reader: Reader, tmp_path: Path) -> None:
    target = tmp_path / "btc.csv"
    assert export(reader, Request("candles", ["BTC/USDT"]), str(target)) == 25
    found = rows(target)
    assert len(found) == 25
    assert found[0]["open"] == "60000.00000000"
    assert found[0]["volume"] == "1.00000001"
    assert found[0]["window_start"] == "2024-08-08T12:00:00Z"
    assert [row["window_start"] for row in found] == sorted(row["window_start"] for row in found)
    manifest = json.loads((tmp_path / "btc.csv.manifest.json").read_text())
    assert manifest["rows"] == 25
    assert manifest["sha256"] == hashlib.sha256(target.read_bytes()).hexdigest()
    assert manifest["bytes"] == target.stat().st_size
    assert (manifest["first"], manifest["last"]) == ("2024-08-08T12:00:00Z", "2024-08-08T12:24:00Z")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["btc.csv", "btc.csv.manifest.json"]


def test_the_manifest_says_what_is_missing(reader: Reader, database_url: str, tmp_path: Path) -> None:
    session = Session(database_url)
    target = tmp_path / "btc.csv"

    def quality() -> dict[str, Any]:
        export(reader, Request("trades", ["BTC/USDT"]), str(target))
        (found,) = json.loads((tmp_path / "btc.csv.manifest.json").read_text())["quality"]
        return dict(found)

    try:
        assert quality()["complete"] is None, "the ledger has not counted yet"
        hour = Hour(datetime(2024, 8, 8, 12, tzinfo=UTC), "BINANCE", "BTC/USDT", 25, 25, 0, 0, 0, 3, 0, 5, 9)
        Ledger(session).write([hour])
        assert quality() | {"gaps": []} == quality()
        assert (quality()["complete"], quality()["trades_missing"], quality()["candles_checked"]) == (True, 0, 3)
        Ledger(session).write([hour._replace(expected=27)])
        assert (quality()["complete"], quality()["trades_missing"]) == (False, 2)
    finally:
        session.close()


def test_trades_of_several_symbols_to_jsonl(reader: Reader, tmp_path: Path) -> None:
    target = tmp_path / "t.jsonl"
    assert export(reader, Request("trades", ["BTC/USDT", "ETH/USDT"], format="jsonl"), str(target)) == 28
    lines = [json.loads(line, parse_float=Decimal) for line in target.read_text().splitlines()]
    assert [line["trade_id"] for line in lines[:25]] == [str(n) for n in range(25)]
    assert {line["symbol"] for line in lines[25:]} == {"ETH/USDT"}
    assert str(lines[0]["amount"]) == "0.00000100"


def test_ranges_and_going_on(reader: Reader, tmp_path: Path) -> None:
    target = tmp_path / "part.csv"
    start, end = (datetime.fromtimestamp((NOON + n * 60_000) / 1000, UTC) for n in (5, 9))
    assert last_time(str(target)) is None
    assert export(reader, Request("candles", ["BTC/USDT"], start=start, end=end), str(target)) == 5
    assert last_time(str(target)) == end


def test_a_file_that_cannot_be_written_leaves_nothing(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_csv", broken)
    target = tmp_path / "full.csv"
    with pytest.raises(module.SetupError, match="No space left"):
        export(reader, Request("candles", ["BTC/USDT"]), str(target))
    assert list(tmp_path.iterdir()) == []


def test_a_text_that_would_be_a_formula_is_not_one() -> None:
    assert module._cell("=HYPERLINK(1)") == "'=HYPERLINK(1)"
    assert module._cell(Decimal("-1.50")) == "-1.50"


def test_the_command(reader: Reader, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRYPTOVIZ_DATABASE_URL", database_url)
    monkeypatch.setenv("CRYPTOVIZ_DATA", str(tmp_path / "none"))
    target = tmp_path / "c.csv"
    runner = CliRunner()
    call = ["export", "candles", "--symbol", "BTCUSDT", "--start", "2024-08-08T12:20:00Z", "-o", str(target)]
    assert runner.invoke(app, call).exit_code == 0
    assert len(rows(target)) == 5
    assert runner.invoke(app, [*call[:4], "--since", "last", "-o", str(target)]).exit_code == 0
    assert len(rows(target)) == 1, "the last candle again: it may have been open"
    piped = runner.invoke(app, ["export", "trades", "--symbol", "ETH-USDT", "--format", "jsonl", "-o", "-"])
    assert piped.exit_code == 0
    assert len(piped.stdout.splitlines()) == 3
    for wrong in (
        ["--symbol", "?"],
        ["--symbol", "BTCUSDT", "--timeframe", "2m"],
        ["--symbol", "BTCUSDT", "--start", "soon"],
    ):
        assert runner.invoke(app, ["export", "candles", *wrong, "-o", "-"]).exit_code != 0
