"""A number for every request: in the answer, and in every line that is logged while it is answered."""

import re
from contextlib import ExitStack
from typing import Final
from uuid import uuid4

import structlog
from flask import Flask, Response, current_app, g, request

from pipeline.tracing import Traces

_TRACES: Final = "TRACES"
HEADER: Final = "X-Request-ID"
#: What a caller may choose; anything else would let strangers write into our log.
_GIVEN: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")


def mount(server: Flask, traces: Traces) -> None:
    server.config[_TRACES] = traces
    server.before_request(_begin)
    server.after_request(_end)
    server.teardown_request(_over)


def _begin() -> None:
    given = request.headers.get(HEADER, "")
    g.request_id = given if _GIVEN.fullmatch(given) else uuid4().hex
    # Threads and greenlets are used again: nothing of the request before may be left.
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request=g.request_id)
    if "Upgrade" not in request.headers:
        rule = request.url_rule.rule if request.url_rule is not None else "none"
        # A trace of our own, never the caller's: strangers could have everything traced.
        g.span = ExitStack()
        g.span.enter_context(current_app.config[_TRACES].begin(f"{request.method} {rule}", request=g.request_id))


def _end(response: Response) -> Response:
    if "request_id" in g:
        response.headers[HEADER] = g.request_id
    return response


def _over(error: BaseException | None) -> None:
    if "span" in g:
        g.span.close()
    structlog.contextvars.clear_contextvars()
