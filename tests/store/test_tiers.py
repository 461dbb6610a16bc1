"""Hot and cold: nothing changes for who reads, nothing is lost on the way. A folder, and a real S3 server."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import psycopg2
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

from dashboard.app import create_app
from dashboard.services import services
from pipeline.errors import ColdUnavailable
from pipeline.exports.files import Request, export
from pipeline.keeping.tiers_command import run as command
from pipeline.keeping.upkeep import Upkeep
from pipeline.model import Candle, Trade
from pipeline.settings import Settings
from pipeline.store import parts
from pipeline.store.engine import dsn
from pipeline.store.migrate import migrate
from pipeline.store.objects import Objects
from pipeline.store.read import Reader, TradeKey, open_reader
from pipeline.store.session import at, ms
from pipeline.store.tiers import Tiers
from pipeline.store.write import Store

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NOW = datetime.now(UTC)
TODAY = ms(NOW.replace(hour=0, minute=0, second=0, microsecond=0))


def trade(number: int, ts: int, symbol: str = "BTC/USDT", price: str = "61837.50") -> Trade:
    return Trade(
        "BINANCE",
        symbol,
        ts,
        Decimal(price),
        Decimal(f"0.{number % 997:05}0"),
        "buy" if number % 3 else "sell",
        str(number),
    )


def candle(start: int, close: str = "3.50", **more: Any) -> Candle:
    return Candle(
        "BINANCE",
        "BTC/USDT",
        "1m",
        start,
        start + MINUTE,
        *map(Decimal, ("2", "5.0", "1.00", close, "7.12345")),
        9,
        True,
        **more,
    )


def query(url: str, text: str, *values: object) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(dsn(url), options="-c timezone=UTC")
    with connection, connection.cursor() as cursor:
        cursor.execute(text, values)
        found = cursor.fetchall() if cursor.description else []
    connection.close()
    return found


@pytest.fixture
def url(database_url: str) -> str:
    """A hundred days: 60 trades each on every fifth, a 1m candle every hour."""
    migrate(database_url)
    store = Store(database_url)
    trades = [
        trade(day * 1000 + n, TODAY - day * DAY + n // 2 * MINUTE, name, "0.00000812" if n % 2 else "61837.50")
        for day in range(80, -1, -5)
        for n in range(60)
        for name in ("BTC/USDT", "ETH/USDT")
    ]
    store.write(trades, [candle(TODAY - n * HOUR, f"3.{n % 100}") for n in range(100 * 24)])
    store.close()
    return database_url


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    before = {name: os.environ.get(name) for name in keys}
    os.environ.update(keys)
    yield f"{host}:{port}"
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def cold(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place for the cold tier."""
    if request.param == "folder":
        return str(tmp_path / "cold")
    address = request.getfixturevalue("s3_server")
    name = f"bucket-{os.urandom(4).hex()}"
    boto3.client("s3", endpoint_url=f"http://{address}").create_bucket(Bucket=name)
    return f"s3://{name}/old?scheme=http&endpoint_override={address}&region=us-east-1"


def everything(reader: Reader) -> dict[str, Any]:
    """Pages and ranges of all kinds, across where the tiers meet."""
    edge = TODAY - 35 * DAY
    out: dict[str, Any] = {}
    for ascending in (True, False):
        for limit in (7, 100, 5000):
            about: dict[str, Any] = {"limit": limit, "ascending": ascending}
            for name, start, end in (
                ("all", None, None), ("old", None, at(edge - 10 * DAY)), ("across", at(edge - 9 * DAY), at(edge + 9 * DAY)),
                ("new", at(TODAY - DAY), None),
            ):  # fmt: skip
                out[f"candles {name} {about}"] = reader.candles(
                    "BINANCE", "BTC/USDT", "1m", start=start, end=end, **about
                )
                out[f"trades {name} {about}"] = reader.trades("BINANCE", "ETH/USDT", start=start, end=end, **about)
            found: list[Any] = []
            after: TradeKey | None = None
            while page := reader.trades("BINANCE", "BTC/USDT", after=after, **about):
                found += page
                after = TradeKey(page[-1].event_ts, page[-1].trade_id)
            out[f"trades paged {about}"] = found
            after_candle = at(edge + 2 * HOUR if not ascending else edge - 2 * HOUR)
            out[f"candles after {about}"] = reader.candles("BINANCE", "BTC/USDT", "1m", after=after_candle, **about)
    return out


def test_readers_notice_nothing(url: str, cold: str) -> None:
    reader = open_reader(url, cold)
    before = everything(reader)
    moved = Tiers(url, cold, 35).move(NOW)
    assert moved.failed == 0 and moved.parts > 15
    assert moved.rows == sum(row[0] for row in query(url, "SELECT row_count FROM cold_parts"))
    # Whole days before the limit are gone from the tables, and nothing else is.
    assert query(url, "SELECT min(event_ts) FROM trades")[0][0] >= at(TODAY - 36 * DAY)
    assert query(url, "SELECT count(*) FROM candles")[0][0] < 70 * 24
    after = everything(reader)
    assert after == before
    # Every digit, and as many of them.
    spelled = [[str(row.price) for row in rows] for name, rows in after.items() if name.startswith("trades")]
    assert spelled == [[str(row.price) for row in rows] for name, rows in before.items() if name.startswith("trades")]
    assert Tiers(url, cold, 35).move(NOW).parts == 0
    reader.close()


def test_what_comes_late_counts(url: str, cold: str) -> None:
    tiers = Tiers(url, cold, 35)
    tiers.move(NOW)
    old = TODAY - 80 * DAY
    store = Store(url)
    store.write([trade(80_000, old), trade(5, old + 1)], [candle(old, "999", source="historical")])
    store.close()
    reader = open_reader(url, cold)

    def seen() -> tuple[list[str], list[Decimal]]:
        trades = reader.trades("BINANCE", "BTC/USDT", limit=3, ascending=True, start=at(old))
        return [row.trade_id for row in trades], [
            row.close for row in reader.candles("BINANCE", "BTC/USDT", "1m", limit=1, ascending=True, start=at(old))
        ]

    assert seen() == (["80000", "80001", "5"], [Decimal(999)])
    # Moved in their turn, as a newer file of the same range.
    assert tiers.move(NOW).parts == 2
    assert seen() == (["80000", "80001", "5"], [Decimal(999)])
    assert query(url, "SELECT max(generation) FROM cold_parts") == [(2,)]
    reader.close()


def test_nothing_is_dropped_that_cannot_be_read_back(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that loses the end of every file."""
    cold = str(tmp_path / "cold")
    count = query(url, "SELECT count(*) FROM trades")
    put = Objects.put

    def lossy(self: Objects, source: Path, path: str) -> None:
        source.write_bytes(source.read_bytes()[:-5])
        put(self, source, path)

    with monkeypatch.context() as patch:
        patch.setattr(Objects, "put", lossy)
        moved = Tiers(url, cold, 35).move(NOW)
    assert moved.parts == 0 and moved.failed == 1
    assert query(url, "SELECT count(*) FROM trades") == count and query(url, "SELECT * FROM cold_parts") == []
    assert list(tmp_path.rglob("*.parquet")) == []


def test_rows_that_change_meanwhile_stay(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verify = Tiers._verify

    def meanwhile(self: Tiers, part: Any, *rest: Any) -> None:
        verify(self, part, *rest)
        query(url, "UPDATE candles SET close = close + 1 WHERE window_start = %s", part.start)
        query(
            url,
            "INSERT INTO trades SELECT %s, 'BINANCE', 'BTC/USDT', 'late', 1, 1, 'buy' ON CONFLICT DO NOTHING",
            part.start,
        )

    with monkeypatch.context() as patch:
        patch.setattr(Tiers, "_verify", meanwhile)
        moved = Tiers(url, str(tmp_path / "cold"), 35).move(NOW)
    assert moved.failed > 0
    reader = open_reader(url, str(tmp_path / "cold"))
    rows = reader.trades("BINANCE", "BTC/USDT", limit=100, ascending=True, end=at(TODAY - 80 * DAY))
    assert "late" in {row.trade_id for row in rows}
    reader.close()


def test_a_store_that_is_away(url: str, s3_server: str, settings: Callable[..., Settings]) -> None:
    gone = "s3://nowhere/old?scheme=http&endpoint_override=127.0.0.1:1&region=us-east-1"
    count = query(url, "SELECT count(*) FROM trades")
    assert Tiers(url, gone, 35).move(NOW).failed == 1
    assert query(url, "SELECT count(*) FROM trades") == count
    query(
        url,
        "INSERT INTO cold_parts VALUES ('trades', 'BINANCE', 'BTC/USDT', '', '2020-01-01', '2020-01-02', 1, 'x', 1, 1, 'd')",
    )
    reader = open_reader(url, gone)
    with pytest.raises(ColdUnavailable):
        reader.trades("BINANCE", "BTC/USDT", limit=10, ascending=True)
    # What is new needs no cold tier.
    assert len(reader.trades("BINANCE", "BTC/USDT", limit=10, ascending=False, start=at(TODAY))) == 10
    reader.close()
    server = create_app(settings(cold_url=gone))
    with server.test_client() as web:
        answer = web.get("/api/v1/crypto/trades?symbol=BTC/USDT&order=asc")
        assert (answer.status_code, answer.json["code"]) == (503, "DATABASE_ERROR")
    services(server).redis.close()


def test_rest_and_exports_join_both(url: str, tmp_path: Path, settings: Callable[..., Settings]) -> None:
    cold = str(tmp_path / "cold")

    def asked() -> tuple[Any, bytes]:
        server = create_app(settings(cold_url=cold))
        with server.test_client() as web:
            rest = web.get("/api/v1/crypto/data?symbol=BTC/USDT&limit=3000&order=asc").json["data"]
        services(server).redis.close()
        services(server).reader.close()
        reader = open_reader(url, cold)
        export(reader, Request("trades", ["BTC/USDT", "ETH/USDT"]), str(tmp_path / "out.csv"))
        reader.close()
        return rest, (tmp_path / "out.csv").read_bytes()

    before = asked()
    assert len(before[0]) == 2400
    Tiers(url, cold, 35).move(NOW)
    assert asked() == before


def test_upkeep_moves_expires_and_the_command_tells(
    url: str, tmp_path: Path, settings: Callable[..., Settings]
) -> None:
    ours = settings(cold_url=str(tmp_path / "cold"))
    Upkeep(ours).look()
    said: list[str] = []
    command(ours, True, said.append)
    assert said[0].startswith("0 rows moved")
    assert [line.split()[:2] for line in said if "cold" in line][:1] == [["trades", "cold"]]
    assert any(line.startswith("candles 1m   cold") for line in said)
    # Ninety days of trades are kept: in a month most of what is cold has expired.
    files = len(list(tmp_path.rglob("*.parquet")))
    expired = Tiers(url, ours.cold_url, 35).expire(NOW + timedelta(days=30))
    assert expired > 0 and len(list(tmp_path.rglob("*.parquet"))) == files - expired
    # Without a cold tier retention takes them from the tables, and backfill is told.
    query(
        url, "INSERT INTO backfill_progress VALUES ('BINANCE', 'BTC/USDT', '5s', now() - interval '60 days', now(), 5)"
    )
    query(url, "UPDATE storage_plan SET keep = '10 days' WHERE dataset = 'trades'")
    Upkeep(settings()).look()
    assert query(url, "SELECT min(event_ts) > now() - interval '11 days' FROM trades") == [(True,)]
    assert query(url, "SELECT range_start > now() - interval '32 days' FROM backfill_progress") == [(True,)]


@given(st.lists(st.tuples(st.integers(0, 10**13), st.integers(0, 18)), min_size=1, max_size=30))
def test_any_figure_comes_back_as_it_was(figures: list[tuple[int, int]]) -> None:
    rows = [
        (
            at(TODAY + n),
            "BINANCE",
            "BTC/USDT",
            str(n),
            Decimal(number).scaleb(-scale),
            Decimal(1),
            "buy",
            "live",
            at(TODAY),
        )
        for n, (number, scale) in enumerate(figures)
    ]
    digits = {"price": (14, max(scale for _, scale in figures)), "amount": (1, 0)}
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"part-{os.getpid()}.parquet"
    with path.open("wb") as out:
        digest = parts.write(out, parts.TRADES, iter(rows), digits)
    with path.open("rb") as file:
        back = [row for group in parts.read(file, parts.TRADES) for row in group]
    assert back == rows and [str(row[4]) for row in back] == [str(row[4]) for row in rows]
    again = parts.Digest()
    again.add(back)
    assert again.hex() == digest.hex()
    # Any other program sees numbers.
    assert pq.read_table(path).column("price").to_pylist() == [row[4] for row in rows]
    path.unlink()
