"""What `pipeline.metrics` counted, as Prometheus reads it; and a worker's own small server for it."""

import hmac
import socket
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer
from typing import Final

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from pipeline import metrics
from pipeline.access.start import is_loopback
from pipeline.errors import SetupError
from pipeline.settings import Settings

#: Seconds that whoever asks may take to do so; meanwhile nobody else is answered.
_PATIENCE: Final = 5.0
_log = structlog.get_logger(__name__)


class Declared(Collector):
    """Every metric of the pipeline; one that this process never touched has no samples."""

    def collect(self) -> Iterable[Family]:
        me = (metrics.worker(),)
        for one in metrics.Metric.every:
            labels = ("worker", *one.labels)
            if isinstance(one, metrics.Histogram):
                histogram = HistogramMetricFamily(one.name, one.words, labels=labels)
                for values, (counts, total) in one.samples():
                    histogram.add_metric((*me, *values), _cumulative(one.bounds, counts), total)
                yield histogram
            elif isinstance(one, metrics.Counter):
                counter = CounterMetricFamily(one.name, one.words, labels=labels)
                for values, value in one.samples():
                    counter.add_metric((*me, *values), value)
                yield counter
            elif isinstance(one, metrics.Gauge):
                gauge = GaugeMetricFamily(one.name, one.words, labels=labels)
                for values, value in one.samples():
                    gauge.add_metric((*me, *values), value)
                yield gauge


def _cumulative(bounds: Iterable[float], counts: Iterable[int]) -> list[tuple[str, float]]:
    out, sum_ = [], 0
    for bound, count in zip((*map(float, bounds), None), counts, strict=True):
        sum_ += count
        out.append(("+Inf" if bound is None else str(bound), float(sum_)))
    return out


def registry() -> CollectorRegistry:
    """With memory, processor time and open files of this process."""
    made = CollectorRegistry()
    made.register(Declared())
    ProcessCollector(registry=made)
    return made


def check(settings: Settings) -> None:
    """Raises SetupError when strangers could read a worker's metrics."""
    if (
        settings.metrics_port
        and not is_loopback(settings.metrics_host)
        and not settings.metrics_token.get_secret_value()
    ):
        raise SetupError(
            f"Metrics are not served on {settings.metrics_host}, where others can reach them, without CRYPTOVIZ_METRICS_TOKEN. "
            "Make one with: openssl rand -hex 32"
        )


class _Server(TCPServer):
    """One question at a time: who asks often or slowly takes no more than one thread."""

    allow_reuse_address = True

    def __init__(self, host: str, port: int, handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), handler)


def serve(settings: Settings) -> TCPServer:
    """`/metrics` on a thread of its own, for as long as the process lives. Raises SetupError when the port cannot be had."""
    check(settings)
    token = settings.metrics_token.get_secret_value()
    found = registry()

    class Handler(BaseHTTPRequestHandler):
        timeout = _PATIENCE
        server_version, sys_version = "cryptoviz", ""

        def do_GET(self) -> None:
            if self.path.partition("?")[0] != "/metrics":
                self._answer(404, b"Only /metrics is here.\n", "text/plain")
            elif token and not hmac.compare_digest(
                self.headers.get("Authorization", "").encode(), f"Bearer {token}".encode()
            ):
                self._answer(401, b"This needs the metrics token: Authorization: Bearer ...\n", "text/plain")
            else:
                self._answer(200, generate_latest(found), CONTENT_TYPE_LATEST)

        def _answer(self, code: int, body: bytes, kind: str) -> None:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if code == 401:
                self.send_header("WWW-Authenticate", "Bearer")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Prometheus asks every ten seconds: that is no news."""

    try:
        server = _Server(settings.metrics_host.strip("[]"), settings.metrics_port, Handler)
    except OSError as error:
        where = f"{settings.metrics_host}:{settings.metrics_port}"
        raise SetupError(
            f"Metrics cannot be served on {where}: {error.strerror}. CRYPTOVIZ_METRICS_PORT is another's?"
        ) from error
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    _log.info("metrics", address=f"http://{settings.metrics_host}:{settings.metrics_port}/metrics")
    return server
