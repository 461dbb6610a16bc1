"""Downloads over REST."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from decimal import Decimal

import pyarrow.parquet as pq
import pytest
from flask.testing import FlaskClient

from dashboard.api import export as module
from pipeline.exports.datasets import DATASETS
from pipeline.exports.writers import FORMATS
from pipeline.store.write import Store
from tests.dashboard.conftest import candle, trade


@pytest.fixture(autouse=True)
def stored(store: Store) -> Iterator[None]:
    store.write([trade(n) for n in range(25)], [candle(n) for n in range(25)])
    store.write([trade(n, symbol="ETH/USDT") for n in range(3)], [])
    yield
    assert module._running.counter == module._AT_ONCE, "every place was given back"


def test_candles_as_csv_and_parquet(web: FlaskClient) -> None:
    answer = web.get("/api/v1/export/candles?symbol=BTC-USDT&interval=1m&start_time=2024-08-08T12:20:00Z")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == 'attachment; filename="BTC-USDT_candles_1m.csv"'
    assert answer.mimetype == "text/csv"
    found = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["window_start"] for row in found] == [f"2024-08-08T12:2{n}:00Z" for n in range(5)]
    parquet = web.get("/api/v1/export/candles?symbol=BTC-USDT&format=parquet")
    assert pq.read_table(io.BytesIO(parquet.data)).num_rows == 25


def test_trades_of_several_symbols(web: FlaskClient) -> None:
    answer = web.get("/api/v1/export/trades?symbol=BTC/USDT,ETH/USDT&format=jsonl")
    lines = [json.loads(line, parse_float=Decimal) for line in answer.text.splitlines()]
    assert len(lines) == 28
    assert str(lines[0]["amount"]) == "0.00000100"


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("candles", 400, "MISSING_PARAMETER"),
        ("candles?symbol=?", 400, "INVALID_SYMBOL"),
        ("candles?symbol=BTC/USDT&format=doc", 400, "INVALID_BODY"),
        ("candles?symbol=BTC/USDT&interval=2m", 400, "INVALID_INTERVAL"),
        ("candles?symbol=BTC/USDT&start_time=soon", 400, "INVALID_TIME"),
        ("secrets?symbol=BTC/USDT", 404, "NOT_FOUND"),
    ],
)
def test_mistakes(web: FlaskClient, query: str, status: int, code: str) -> None:
    answer = web.get(f"/api/v1/export/{query}")
    assert (answer.status_code, answer.json["code"]) == (status, code)


def test_no_more_at_once_than_there_are_cores_for(web: FlaskClient) -> None:
    held = [web.get("/api/v1/export/news", buffered=False) for _ in range(2)]
    answer = web.get("/api/v1/export/news")
    assert (answer.status_code, answer.json["code"]) == (429, "RATE_LIMITED")
    assert int(answer.headers["Retry-After"]) > 0
    for one in held:
        one.close()
    assert web.get("/api/v1/export/news").status_code == 200


def test_every_dataset_and_format_has_a_route(web: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(module.FORMATS) == list(FORMATS)
    asked: list[Callable[[], object]] = []

    def made(wanted: object) -> list[bytes]:
        asked.append(wanted)  # type: ignore[arg-type]
        module._running.release()
        return [b"x"]

    monkeypatch.setattr(module, "_made", made)
    for dataset in DATASETS:
        for format_ in FORMATS:
            assert web.get(f"/api/v1/export/{dataset}?symbol=BTC/USDT&format={format_}").data == b"x"
    assert len(asked) == len(DATASETS) * len(FORMATS)
