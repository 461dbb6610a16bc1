"""What Prometheus hears: of a worker's own server, who may ask it, and of the figures themselves."""

import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from dashboard.app import create_app
from dashboard.services import services
from pipeline import bus as buses
from pipeline import metrics
from pipeline.bus.base import Message, Record
from pipeline.bus.topics import DEADLETTER, TRADES
from pipeline.clock import now_ms
from pipeline.errors import SetupError
from pipeline.exposition import check
from pipeline.model import Trade
from pipeline.settings import Settings
from pipeline.store.migrate import migrate
from pipeline.wire import trade_record
from tests.stack import Program, eventually, free_port
from tests.tools import REPOSITORY

TOKEN = "m" * 40


def made(count: int, at: int) -> list[Record]:
    one = Decimal(1)
    return [trade_record(Trade("BINANCE", "BTC/USDT", at, one, one, "buy", str(n + 1))) for n in range(count)]


def read(text: str) -> dict[tuple[str, str], float]:
    """(sample, its label beside the worker's) → value."""
    out = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            assert sample.labels.pop("worker", "writer") == "writer"
            out[sample.name, ",".join(sample.labels.values())] = sample.value
    return out


def test_a_worker_tells_what_it_did(settings: Callable[..., Settings], tmp_path: Path) -> None:
    given = settings()
    migrate(given.database_url)
    bus, port = buses.connect(given), free_port()
    bus.ensure_topics([TRADES, DEADLETTER])
    writer = Program(
        "writer", log=tmp_path / "writer.log", CRYPTOVIZ_REDIS_URL=given.redis_url, CRYPTOVIZ_DATABASE_URL=given.database_url,
        CRYPTOVIZ_METRICS_PORT=str(port), CRYPTOVIZ_METRICS_TOKEN=TOKEN,
    )  # fmt: skip
    url, bearer = f"http://127.0.0.1:{port}/metrics", {"Authorization": f"Bearer {TOKEN}"}

    def told() -> dict[tuple[str, str], float]:
        try:
            return read(httpx.get(url, headers=bearer).text)
        except httpx.TransportError:
            return {}

    try:
        # Before anything happened: 0, not nothing, or Prometheus would see no increase.
        assert eventually(lambda: ("cryptoviz_dead_letters_total", "") in told()), writer.log.read_text()
        assert told()["cryptoviz_dead_letters_total", ""] == told()["cryptoviz_messages_in_total", "trade"] == 0
        bus.publish(TRADES, [*made(50, now_ms() - 2_000), Record(b"BINANCE|BTCUSDT", b"{", {})])
        assert eventually(lambda: told().get(("cryptoviz_exchange_to_stored_seconds_count", "")) == 50), told()
        assert eventually(lambda: told().get(("cryptoviz_lag_messages", "")) == 0), told()
        figures = told()
        assert figures["cryptoviz_messages_in_total", "trade"] == 51
        assert figures["cryptoviz_messages_out_total", "trade"] == 50
        assert figures["cryptoviz_dead_letters_total", ""] == 1
        assert figures["cryptoviz_exchange_to_stored_seconds_bucket", "1.0"] == 0
        assert figures["cryptoviz_exchange_to_stored_seconds_bucket", "+Inf"] == 50
        assert 2 <= figures["cryptoviz_exchange_to_stored_seconds_sum", ""] / 50 < 60
        assert figures["cryptoviz_database_query_seconds_count", "write"] == 1
        assert figures["cryptoviz_lag_seconds", ""] == 0
        assert abs(time.time() - figures["cryptoviz_progress_timestamp_seconds", ""]) < 10
        assert figures["process_resident_memory_bytes", ""] > 1e7

        assert httpx.get(url).status_code == 401
        assert httpx.get(url, headers={"Authorization": "Bearer guess"}).status_code == 401
        assert httpx.get(url.replace("metrics", "other"), headers=bearer).status_code == 404
    finally:
        bus.close()
        assert writer.stop() == 0


def test_strangers_cannot_ask_without_a_token(tmp_path: Path) -> None:
    open_ = {"CRYPTOVIZ_METRICS_PORT": str(free_port()), "CRYPTOVIZ_METRICS_HOST": "0.0.0.0"}
    program = Program("bridge", log=tmp_path / "bridge.log", **open_)
    assert program.process.wait(30) == 2
    assert "CRYPTOVIZ_METRICS_TOKEN" in program.log.read_text()
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        with pytest.raises(SetupError):
            check(Settings(_env_file=None, metrics_port=9100, metrics_host=host))
    check(Settings(_env_file=None, metrics_port=9100))


def test_how_late_a_worker_is() -> None:
    reading = metrics.Reading(TRADES)

    def seconds() -> float:
        return dict(metrics.LAG_SECONDS.samples())[()]

    def message(at: int) -> Message:
        [record] = made(1, at)
        return Message(TRADES, 0, "1", record.key, record.value, {})

    assert seconds() == 0
    # While it works on a batch, however long that takes, it is as late as the newest in it.
    reading.took([message(now_ms() - 90_000), message(now_ms() - 60_000)])
    assert 59 < seconds() < 70
    reading.left(3)
    reading.took([])
    assert 59 < seconds() < 70
    # Nothing in hand, nothing left: a quiet market is not late.
    reading.left(0)
    assert seconds() == 0


def test_a_large_batch_is_told_by_a_hundred_of_its_trades() -> None:
    def counted() -> float:
        return sum(sum(counts) for _, (counts, _) in metrics.STORED.samples())

    before = counted()
    metrics.stored([Message(TRADES, 0, "1", one.key, one.value, {}) for one in made(1_000, now_ms())])
    assert counted() - before == 1_000


@pytest.fixture
def families(settings: Callable[..., Settings]) -> dict[str, str]:
    """Metric → its kind, of everything we serve: the web server lists what workers have, too."""
    server = create_app(settings())
    with server.test_client() as client:
        text = client.get("/metrics").text
    services(server).redis.close()
    return {
        family.name + ("_total" if family.type == "counter" else ""): family.type
        for family in text_string_to_metric_families(text)
    }


def test_every_metric_is_in_the_docs_and_none_is_made_up(families: dict[str, str]) -> None:
    text = (REPOSITORY / "docs" / "metrics.md").read_text()
    named = {
        cells[0].strip(" `"): cells[1].strip()
        for line in text.splitlines()
        if line.startswith("| `") and len(cells := line.strip("|").split("|")) == 4
    }
    ours = {name: kind for name, kind in families.items() if name.startswith("cryptoviz_")}
    assert len(ours) > 40
    assert named == ours


def test_labels_are_bounded() -> None:
    known = {"type", "server", "kind", "state", "exchange", "source", "outcome", "code"}
    assert {label for one in metrics.Metric.every for label in one.labels} <= known
    names = [one.name for one in metrics.Metric.every]
    assert len(names) == len(set(names))
    for one in metrics.Metric.every:
        assert one.name.endswith("_total") == isinstance(one, metrics.Counter), one.name
        assert one.words.endswith("."), one.name
