"""Whether we live, what is missing, what the parts say, what is followed."""

import msgspec
import redis
from flask import Blueprint, Response
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import NotFound

from dashboard.api.answers import failed, ok
from dashboard.services import services
from pipeline import status
from pipeline.clock import now_ms

routes = Blueprint("system", __name__)


@routes.get("/health")
def health() -> Response:
    return ok({"status": "ok"})


@routes.get("/ready")
def ready() -> Response:
    missing = []
    try:
        services().reader.alive()
    except SQLAlchemyError:
        missing.append("database")
    try:
        services().redis.ping()
    except redis.RedisError:
        missing.append("redis")
    if missing:
        return failed(503, "NOT_READY", f"Not ready: no {' and no '.join(missing)}.", missing=missing)
    return ok({"status": "ready"})


@routes.get("/api/v1/status")
def parts() -> Response:
    """Where the data comes from and what each worker said last. Times in ms, as in `pipeline.status`."""
    said = {name: msgspec.to_builtins(one) for name, one in status.read_all(services().redis).items()}
    exchange = said.pop("exchange", None)
    now = services().followed()
    if exchange is not None:
        exchange |= exchange.pop("facts")
    else:
        # Without a supervisor the collector knows best where its trades come from.
        facts = said.get("collector", {}).get("facts", {})
        exchange = {"source": facts.get("source", services().settings.exchange), "state": "", "detail": "", "at": 0}
    return ok({"exchange": exchange, "workers": said, "symbols": now.symbols, "halted": now.halted, "time": now_ms()})


@routes.get("/api/<path:rest>")
def nothing(rest: str) -> Response:
    """So that an unknown route is a 404 in our shape: Dash would show its page for any address."""
    raise NotFound
