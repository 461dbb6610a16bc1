"""Traces as a receiver of OTLP gets them: one from the exchange's trade over Kafka and Redis to the socket."""

import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import structlog
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from websockets.sync.client import connect

from pipeline import tracing
from pipeline.bus.base import Message, Record
from pipeline.errors import SetupError
from pipeline.settings import load
from pipeline.store.migrate import migrate
from tests.stack import Market, Program, eventually, free_port


class Span(NamedTuple):
    trace: str
    id: str
    parent: str
    name: str
    service: str
    links: tuple[str, ...] = ()


class Receiver:
    """Takes what exporters post to `/v1/traces`."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                assert self.path == "/v1/traces"
                receiver.take(ExportTraceServiceRequest.FromString(body))
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, request: ExportTraceServiceRequest) -> None:
        for resource in request.resource_spans:
            (service,) = (one.value.string_value for one in resource.resource.attributes if one.key == "service.name")
            for scope in resource.scope_spans:
                for one in scope.spans:
                    links = tuple(link.trace_id.hex() for link in one.links)
                    ids = one.trace_id.hex(), one.span_id.hex(), one.parent_span_id.hex()
                    self.spans.append(Span(*ids, one.name, service, links))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
    receiver = Receiver()
    yield receiver
    receiver.close()


def whole(spans: list[Span]) -> list[tuple[Span, ...]]:
    """(collector, candles, writer, bridge, socket) of traces in which each goes on with the one before it."""
    found = []
    for start in [span for span in spans if span.name == "collector" and not span.parent]:
        own = [span for span in spans if span.trace == start.trace]
        after = {(span.parent, span.name): span for span in own}
        chain = [start, *(after.get((start.id, name)) for name in ("candles", "writer", "bridge"))]
        bridge = chain[-1]
        chain.append(after.get((bridge.id, "socket")) if bridge is not None else None)
        if all(span is not None for span in chain):
            found.append(tuple(span for span in chain if span is not None))
    return found


@pytest.mark.timeout(180)
def closed(spans: list[Span]) -> bool:
    """Whether the bridge went on with the trace of a candle that closed."""
    candles = {span.id for span in spans if span.name == "candles"}
    return any(span.name == "bridge" and span.parent in candles for span in spans)


def test_one_trace_from_the_trade_to_the_socket(
    receiver: Receiver, kafka_brokers: str, redis_url: str, database_url: str, tmp_path: Path
) -> None:
    migrate(database_url)
    # Slow, so that a candle is with the bridge before the next trade is: of a batch the last one is gone on with.
    market, port, programs = Market(tmp_path, 20, "BTC/USDT"), free_port(), []
    env = market.env | {
        "CRYPTOVIZ_BUS": "kafka", "CRYPTOVIZ_KAFKA_BROKERS": kafka_brokers, "CRYPTOVIZ_REDIS_URL": redis_url,
        "CRYPTOVIZ_DATABASE_URL": database_url, "CRYPTOVIZ_SYMBOLS": "BTC/USDT", "CRYPTOVIZ_EXCHANGE": "binance",
        "CRYPTOVIZ_TRACE_URL": receiver.url, "CRYPTOVIZ_TRACE_SHARE": "1", "CRYPTOVIZ_LOG_FORMAT": "json",
    }  # fmt: skip
    try:
        for name in ("candles", "writer", "bridge", "collector"):
            programs.append(Program(name, log=tmp_path / f"{name}.log", **env))
        programs.append(Program("web", "--port", str(port), log=tmp_path / "web.log", **env))
        said = lambda: "\n".join(path.read_text()[-1500:] for path in tmp_path.glob("*.log"))  # noqa: E731

        def ready() -> bool:
            try:
                return httpx.get(f"http://127.0.0.1:{port}/ready").status_code == 200
            except httpx.TransportError:
                return False

        assert eventually(ready, 60), said()
        with connect(f"ws://127.0.0.1:{port}/ws/crypto") as socket:
            socket.send(json.dumps({"action": "subscribe", "type": "trade", "symbol": "BTC/USDT"}))
            assert eventually(lambda: json.loads(socket.recv(60))["type"] == "trade", 60), said()
            assert eventually(lambda: whole(list(receiver.spans)), 60, every=0.5), said()
        chain = whole(list(receiver.spans))[0]
        assert [span.service for span in chain] == [
            f"cryptoviz-{name}" for name in ("collector", "candles", "writer", "bridge", "web")
        ]
        # A candle that closes goes on with the trace of the trade or ticker that closed it.
        assert eventually(lambda: closed(list(receiver.spans)), 60, every=0.5), said()
        assert eventually(lambda: any(s.name == "GET /ready" and not s.parent for s in list(receiver.spans)), 10)
    finally:
        for program in programs:
            program.kill()
        market.close()


def message(headers: dict[str, str]) -> Message:
    return Message("t", 0, "1", b"k", b"v", headers)


def test_spans_follow_link_and_say_their_trace(receiver: Receiver) -> None:
    traces = tracing.connect(load(_env_file=None, trace_url=receiver.url, trace_share=1), "writer")
    with traces.begin("one") as one, traces.begin("other") as other:
        assert structlog.contextvars.get_contextvars()["trace"] == other.split("-")[1]
    assert "trace" not in structlog.contextvars.get_contextvars()
    first, last = tracing.marked([Record(b"a", b"1", {"type": "trade"}), Record(b"b", b"2", {"type": "trade"})], other)
    assert (first.headers, last.headers) == ({"type": "trade"}, {"type": "trade", "traceparent": other})
    with traces.follow("both", [message({"traceparent": one}), message({}), message(dict(last.headers))]) as on:
        assert on.split("-")[1] == other.split("-")[1] != one.split("-")[1]
    # What strangers write is no trace, and what nobody traces begins none.
    for headers in ({"traceparent": "x"}, {"traceparent": "00-" + "0" * 32 + "-" + "0" * 16 + "-01"}, {}):
        with traces.follow("none", [message(headers)]) as on:
            assert on == ""
    assert eventually(lambda: len(receiver.spans) == 3, 10)
    by_name = {span.name: span for span in receiver.spans}
    assert by_name["both"].parent == by_name["other"].id and by_name["both"].links == (by_name["one"].trace,)


def test_off_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    program = """
import sys
from pipeline import tracing
from pipeline.settings import load
import dashboard.app, pipeline.workers.collector, pipeline.workers.writer
traces = tracing.connect(load(_env_file=None), "writer")
with traces.begin("x") as trace:
    assert trace == ""
# (redis-py imports the SDK itself where it is installed)
assert not [name for name in sys.modules if name.startswith(("opentelemetry.exporter", "google.protobuf"))]
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SetupError, match=r"cryptoviz\[tracing\]"):
        tracing.connect(load(_env_file=None, trace_url="http://127.0.0.1:4318"), "writer")
