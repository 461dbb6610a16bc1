"""Traces of OpenTelemetry, for who asks where the time goes between an exchange and a screen. Off unless `trace_url` is set.

A trace is of a batch, and of few of them (`trace_share`): the collector marks one record of it with the header `traceparent` (W3C), and
whoever takes a batch with that record in it goes on with the trace: candles, writer, bridge, and by the bridge's message to Redis the web
server. Where it is off a batch costs one comparison.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final

import msgspec
import structlog

from pipeline.bus.base import Message, Record
from pipeline.errors import SetupError
from pipeline.settings import Settings

HEADER: Final = "traceparent"
_NOTHING: Final[AbstractContextManager[str]] = nullcontext("")


class Traces:
    """Each of its methods is a context manager that gives the value of `traceparent` to hand on, "" for none."""

    def __init__(self, tracer: Any = None, share: float = 0.0) -> None:
        self._tracer = tracer
        self._share = share

    def begin(self, name: str, **attributes: str | int) -> AbstractContextManager[str]:
        """A trace, or, mostly, none."""
        if self._tracer is None or random.random() >= self._share:
            return _NOTHING
        return self._span(name, (), attributes)

    def follow(self, name: str, messages: Sequence[Message]) -> AbstractContextManager[str]:
        """Goes on with the newest trace among the messages, and links the others."""
        if self._tracer is None:
            return _NOTHING
        parents = [message.headers[HEADER] for message in messages if HEADER in message.headers]
        return self._span(name, parents, {"messages": len(messages)}) if parents else _NOTHING

    def resume(self, name: str, parent: str, **attributes: str | int) -> AbstractContextManager[str]:
        """Goes on with the trace that somebody handed over."""
        if self._tracer is None or not parent:
            return _NOTHING
        return self._span(name, (parent,), attributes)

    @contextmanager
    def _span(self, name: str, parents: Sequence[str], attributes: dict[str, str | int]) -> Iterator[str]:
        from opentelemetry.trace import Link, SpanContext, Status, StatusCode, get_current_span
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        contexts = [TraceContextTextMapPropagator().extract({HEADER: parent}) for parent in parents]
        heard: list[tuple[Any, SpanContext]] = [(one, get_current_span(one).get_span_context()) for one in contexts]
        # A header may be anybody's: what is no traceparent is none.
        heard = [(context, said) for context, said in heard if said.is_valid]
        if parents and not heard:
            yield ""
            return
        context = heard[-1][0] if heard else None
        links = [Link(said) for _, said in heard[:-1]]
        span = self._tracer.start_span(name, context=context, links=links, attributes=attributes)
        own = span.get_span_context()
        structlog.contextvars.bind_contextvars(trace=f"{own.trace_id:032x}")
        try:
            yield f"00-{own.trace_id:032x}-{own.span_id:016x}-{own.trace_flags:02x}"
        except BaseException as error:
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise
        finally:
            structlog.contextvars.unbind_contextvars("trace")
            span.end()


def connect(settings: Settings, worker: str) -> Traces:
    """What the settings want. Spans leave the process on a thread of their own, and the last ones when it ends. Raises SetupError."""
    if not settings.trace_url:
        return Traces()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise SetupError(
            "trace_url is set, and OpenTelemetry is not installed: pip install 'cryptoviz[tracing]'"
        ) from error
    provider = TracerProvider(resource=Resource.create({"service.name": f"cryptoviz-{worker}"}))
    exporter = OTLPSpanExporter(f"{settings.trace_url.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Traces(provider.get_tracer("cryptoviz"), settings.trace_share)


def marked(records: list[Record], trace: str) -> list[Record]:
    """The records, the last of them with the header when there is a trace: one message tells of the batch."""
    if not trace or not records:
        return records
    last = records[-1]
    return [*records[:-1], msgspec.structs.replace(last, headers={**last.headers, HEADER: trace})]
