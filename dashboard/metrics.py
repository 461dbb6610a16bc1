"""`/metrics`: this web process, and what every worker says of itself, in Prometheus' text format.

One process serves a port (dashboard.server), so what is counted here is all there is; each replica is asked by itself.

Labels are bounded: routes are the rules of the URL map, never paths; workers and series are what runs.
"""

import time
from collections.abc import Iterable
from typing import Final

import redis
from flask import Flask, Response, g, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from dashboard.hot import HotCandles
from dashboard.live.hub import Hub
from dashboard.services import services
from pipeline import exposition, metrics, status
from pipeline.clock import now_ms

#: Seconds; from an answer out of the cache to a page of 10 000 rows.
_BUCKETS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Web:
    """What requests cost, by route and status."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "cryptoviz_http_requests_total", "HTTP requests answered.", ("route", "method", "code"), registry=registry
        )
        self._seconds = Histogram(
            "cryptoviz_http_request_seconds", "Time to answer.", ("route",), registry=registry, buckets=_BUCKETS
        )

    def began(self) -> None:
        g.metrics_began = time.perf_counter()

    def answered(self, response: Response) -> Response:
        rule = request.url_rule.rule if request.url_rule is not None else "none"
        # HEAD is answered as GET; whatever else a stranger makes up is one label.
        method = request.method if request.method in ("GET", "HEAD", "OPTIONS", "POST", "DELETE") else "other"
        self._requests.labels(rule, method, str(response.status_code)).inc()
        began = g.pop("metrics_began", None)
        if began is not None:
            self._seconds.labels(rule).observe(time.perf_counter() - began)
        return response


class Pipeline:
    """A collector: reads the workers' newest words when asked."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily("cryptoviz_worker_up", "1 while the worker runs as it should.", labels=("worker",))
        age = GaugeMetricFamily("cryptoviz_worker_report_age_seconds", "Since its newest word.", labels=("worker",))
        facts = GaugeMetricFamily("cryptoviz_worker_fact", "What it counts, by name.", labels=("worker", "fact"))
        lag = GaugeMetricFamily("cryptoviz_worker_lag_messages", "Messages it has yet to read.", labels=("worker",))
        reached = GaugeMetricFamily("cryptoviz_redis_up", "Whether Redis answered this scrape.")
        try:
            said = status.read_all(self._redis)
        except redis.RedisError:
            said = {}
            reached.add_metric((), 0)
        else:
            reached.add_metric((), 1)
        now = now_ms()
        for name, one in sorted(said.items()):
            up.add_metric((name,), float(one.state in ("running", "finished")))
            age.add_metric((name,), max(0, now - one.at) / 1000)
            for fact, value in one.facts.items():
                if isinstance(value, bool | str):
                    continue
                (lag if fact == "lag" else facts).add_metric((name,) if fact == "lag" else (name, fact), float(value))
        return up, age, lag, facts, reached

    def describe(self) -> Iterable[Metric]:
        # Asked for when it is registered: nothing may connect then.
        return ()


class Live:
    """The hub's counters."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def collect(self) -> Iterable[Metric]:
        stats = self._hub.stats()
        open_ = GaugeMetricFamily("cryptoviz_ws_connections", "WebSocket clients now.")
        open_.add_metric((), stats["active_connections"])
        yield open_
        for name, key, words in (
            ("cryptoviz_ws_connections_opened", "total_connections", "WebSocket clients ever."),
            ("cryptoviz_ws_messages_broadcast", "messages_broadcast", "Messages handed to the hub."),
            ("cryptoviz_ws_messages_delivered", "messages_delivered", "Messages written to clients."),
        ):
            counter = CounterMetricFamily(name, words)
            counter.add_metric((), stats[key])
            yield counter

    def describe(self) -> Iterable[Metric]:
        return ()


class Cache:
    """How often the newest candles were there already."""

    def __init__(self, hot: HotCandles) -> None:
        self._hot = hot

    def collect(self) -> Iterable[Metric]:
        reads = CounterMetricFamily(
            "cryptoviz_cache_reads", "Reads of the newest candles of a series.", labels=("result",)
        )
        reads.add_metric(("hit",), self._hot.hits)
        reads.add_metric(("miss",), self._hot.misses)
        all_ = self._hot.hits + self._hot.misses
        ratio = GaugeMetricFamily(
            "cryptoviz_cache_hit_ratio", "Of these reads, those that the database was not asked for."
        )
        ratio.add_metric((), self._hot.hits / all_ if all_ else 0.0)
        return reads, ratio

    def describe(self) -> Iterable[Metric]:
        return ()


def mount(server: Flask, hub: Hub) -> None:
    metrics.begin("web")
    metrics.DROPPED.add(0)
    metrics.SOCKETS_CLOSED.add(0, "1013")
    registry = exposition.registry()
    web = Web(registry)
    registry.register(Pipeline(services(server).redis))
    registry.register(Live(hub))
    registry.register(Cache(services(server).hot))
    server.before_request(web.began)
    server.after_request(web.answered)

    @server.get("/metrics")
    def prometheus() -> Response:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
