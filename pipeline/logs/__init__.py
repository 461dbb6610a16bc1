"""Logs of every process: structlog, one event a line, on stderr. JSON for machines, text for a terminal."""

import logging
import sys
from typing import Any

import structlog

from pipeline.logs.masking import Mask
from pipeline.logs.repeats import Repeats
from pipeline.settings import Settings

#: A line per request of ours tells nobody anything.
_CHATTY = ("httpx", "httpcore", "websockets", "asyncio")


def setup(settings: Settings, worker: str) -> None:
    """Once at the start of a process. Afterwards `structlog.get_logger()` anywhere; the libraries' own logs come along."""

    def named(logger: Any, method: str, event: Any) -> Any:
        # Not by a context variable: threads begin with none.
        event["worker"] = worker
        return event

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        named,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    terminal = sys.stderr.isatty()
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not terminal)
    mask = Mask.of(settings)
    last: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if as_json:
        last += [structlog.processors.format_exc_info, mask, structlog.processors.JSONRenderer()]
    else:
        # Rich's tracebacks show local variables, secrets among them. Those of Python's own are written by the renderer: once more.
        plain = structlog.dev.plain_traceback
        last += [mask, structlog.dev.ConsoleRenderer(colors=terminal, exception_formatter=plain), mask.line]
    handler = logging.StreamHandler()
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last))
    handler.addFilter(Repeats(handler))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    for name, level in settings.module_levels.items():
        logging.getLogger(name).setLevel(level.upper())
    structlog.contextvars.clear_contextvars()
