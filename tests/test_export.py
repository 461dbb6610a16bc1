"""Exports as a script uses them."""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.exports import files as module
from pipeline.exports.files import Request, export, last_time
from pipeline.exports.writers import FORMATS, cell
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

    monkeypatch.setattr(module, "_copy", broken)
    target = tmp_path / "full.csv"
    with pytest.raises(module.SetupError, match="No space left"):
        export(reader, Request("candles", ["BTC/USDT"]), str(target))
    assert list(tmp_path.iterdir()) == []


def test_a_text_that_would_be_a_formula_is_not_one() -> None:
    assert cell("=HYPERLINK(1)") == "'=HYPERLINK(1)"
    assert cell(Decimal("-1.50")) == "-1.50"


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


def test_every_format_says_the_same(reader: Reader, tmp_path: Path) -> None:
    for format_ in FORMATS:
        assert export(reader, Request("candles", ["BTC/USDT"], format=format_), str(tmp_path / f"c.{format_}")) == 25
    lines = [json.loads(line, parse_float=Decimal) for line in (tmp_path / "c.jsonl").read_text().splitlines()]
    columns = pq.read_table(tmp_path / "c.parquet").to_pylist()
    sheet = cells_of(tmp_path / "c.xlsx")
    assert sheet[0] == list(lines[0])
    for n, row in enumerate(rows(tmp_path / "c.csv")):
        assert row["open"] == str(lines[n]["open"])
        assert Decimal(row["volume"]) == columns[n]["volume"]
        at = datetime.fromisoformat(row["window_start"])
        assert at == datetime.fromisoformat(lines[n]["window_start"]) == columns[n]["window_start"]
        assert (row["closed"], row["source"]) == (str(columns[n]["closed"]).lower(), columns[n]["source"])
        assert float(sheet[n + 1][5]) == float(row["open"])


def cells_of(path: Path) -> list[list[str]]:
    """A workbook's first sheet, as its file has it."""
    names = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    with zipfile.ZipFile(path) as book:
        root = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
        assert not root.findall(".//m:f", names), "no formula"
    return [
        [(one.findtext("m:v", "", names) or "".join(one.itertext())) for one in row.findall("m:c", names)]
        for row in root.findall(".//m:row", names)
    ]


def test_the_fast_way_writes_what_the_slow_one_does(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def both(request: Request) -> list[bytes]:
        found = []
        for cold in (False, True):
            monkeypatch.setattr(Reader, "has_cold", lambda *_, cold=cold: cold)
            export(reader, request, str(tmp_path / "x"))
            found.append((tmp_path / "x").read_bytes())
        return found

    for dataset in ("candles", "trades"):
        fast, slow = both(Request(dataset, ["BTC/USDT"]))
        assert fast == slow
        fast, slow = both(Request(dataset, ["BTC/USDT", "ETH/USDT"], format="parquet"))
        assert pq.read_table(io.BytesIO(fast)).equals(pq.read_table(io.BytesIO(slow)))


def test_news_indicators_and_quality(reader: Reader, database_url: str, tmp_path: Path) -> None:
    connection = engine(database_url)
    with connection.begin() as begun:
        begun.execute(text(
            "INSERT INTO news (time, source, url, title, content, sentiment_score, symbols) VALUES "
            "('2024-08-08 12:00+00', 'Wire', 'https://a.example/1', '=cmd()', 'a \"quoted\", text', -0.5, '[\"btc\", \"eth\"]'), "
            "('2024-08-08 13:00:00.5+00', 'Wire', 'https://a.example/2', 'Nobody', '', NULL, '[]')"
        ))  # fmt: skip
        begun.execute(text(
            "INSERT INTO indicators (time, exchange, symbol, timeframe, indicator_type, value) VALUES "
            "('2024-08-08 12:00+00', 'BINANCE', 'BTC/USDT', '1m', 'rsi', 55.5), "
            "('2024-08-08 12:00+00', 'BINANCE', 'BTC/USDT', '1m', 'ema', 1e-9)"
        ))  # fmt: skip
    connection.dispose()
    target = tmp_path / "out.csv"
    assert export(reader, Request("news"), str(target)) == 2
    first, second = rows(target)
    assert (first["title"], first["symbols"], first["content"]) == ("'=cmd()", "btc eth", 'a "quoted", text')
    assert (second["time"], second["sentiment_score"]) == ("2024-08-08T13:00:00.5Z", "")
    assert export(reader, Request("news", ["ETH/USDT"]), str(target)) == 1
    for format_ in ("jsonl", "parquet"):
        export(reader, Request("news", format=format_), str(tmp_path / f"news.{format_}"))
    assert json.loads((tmp_path / "news.jsonl").read_text().splitlines()[0])["symbols"] == ["btc", "eth"]
    assert pq.read_table(tmp_path / "news.parquet").to_pylist()[0]["title"] == "=cmd()", "Parquet runs nothing"
    assert export(reader, Request("indicators", ["BTC/USDT"]), str(target)) == 2
    assert [(row["indicator_type"], float(row["value"])) for row in rows(target)] == [("ema", 1e-9), ("rsi", 55.5)]
    export(reader, Request("indicators", ["BTC/USDT"], format="jsonl"), str(target))
    assert "upper_band" not in target.read_text()
    assert export(reader, Request("quality", ["BTC/USDT"]), str(target)) == 0
    assert target.read_text().startswith("hour,exchange,symbol,trades_expected")


def test_a_folder_gets_a_file_for_each_symbol(reader: Reader, tmp_path: Path) -> None:
    shares: list[float] = []
    folder = tmp_path / "out"
    assert (
        export(
            reader,
            Request("trades", ["BTC/USDT", "ETH/USDT"], format="parquet"),
            f"{folder}/",
            lambda _, share: shares.append(share),
        )
        == 28
    )
    assert sorted(one.name for one in folder.glob("*.parquet")) == [
        "BTC-USDT_trades.parquet",
        "ETH-USDT_trades.parquet",
    ]
    assert shares == sorted(shares) and shares[-1] <= 1


def test_more_digits_than_parquet_has_are_refused(reader: Reader, database_url: str, tmp_path: Path) -> None:
    store = Store(database_url)
    store.write([msgspec.structs.replace(trade(99), price=Decimal("0." + "1" * 25))], [])
    store.close()
    with pytest.raises(module.SetupError, match="more digits than Parquet"):
        export(reader, Request("trades", ["BTC/USDT"], format="parquet"), str(tmp_path / "t.parquet"))
    assert list(tmp_path.iterdir()) == []
    export(reader, Request("trades", ["BTC/USDT"]), str(tmp_path / "t.csv"))
    assert "0." + "1" * 25 in (tmp_path / "t.csv").read_text()
    export(reader, Request("trades", ["BTC/USDT"], format="xlsx"), str(tmp_path / "t.xlsx"))
    assert "0." + "1" * 25 in [one[4] for one in cells_of(tmp_path / "t.xlsx")]
