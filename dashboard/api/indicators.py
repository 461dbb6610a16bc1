"""Indicators: stored, or computed with the caller's parameters."""

from flask import Blueprint, Response, request

from dashboard.api import parameters
from dashboard.api.answers import ok
from dashboard.api.errors import ApiError
from dashboard.api.parameters import Cursor
from dashboard.services import services
from pipeline.bus.topics import INDICATOR_TYPES
from pipeline.indicators import registry
from pipeline.indicators.registry import Entry

routes = Blueprint("indicators", __name__, url_prefix="/api/v1/indicators")
#: Query parameters that are not the indicator's.
_OURS = frozenset(("symbol", "interval", "exchange", "limit", "start_time", "end_time", "cursor", "order"))


@routes.get("")
def newest() -> Response:
    return _newest(None)


@routes.get("/list")
def every() -> Response:
    """What can be asked for, streamed ones first."""
    entries = registry.entries()
    streamed = [entries[type_] for type_ in INDICATOR_TYPES]
    return ok([*streamed, *(entry for entry in entries.values() if not entry.streamed)])


@routes.get("/<path:name>")
def series(name: str) -> Response:
    """`<type>`, `<symbol>/<type>` or `<symbol>`: a name of the registry is a type, anything else a symbol."""
    entries = registry.entries()
    if name in entries:
        return _series(entries[name], None)
    symbol, _, last = name.rpartition("/")
    if symbol and last in entries:
        return _series(entries[last], symbol)
    if "/" not in name and name.islower() and "symbol" in request.args:
        raise ApiError(404, "NOT_FOUND", f"There is no indicator {name[:40]}. /api/v1/indicators/list names them.")
    return _newest(name)


def _newest(name: str | None) -> Response:
    symbol, interval, exchange = parameters.symbol(name), parameters.interval(), parameters.exchange()
    return ok(services().indicators.newest(exchange, symbol, interval))


def _series(entry: Entry, name: str | None) -> Response:
    symbol, interval, exchange = parameters.symbol(name), parameters.interval(), parameters.exchange()
    limit, (start, end), cursor = parameters.limit(), parameters.time_range(), parameters.cursor()
    ascending = cursor.ascending if cursor else parameters.ascending(bool(start or end))
    try:
        given = registry.parse(entry, {k: v for k, v in request.args.items() if k not in _OURS and v})
    except ValueError as error:
        parameters.refuse("INVALID_BODY", str(error))
    rows = services().indicators.page(
        entry, given, exchange, symbol, interval, limit=limit, ascending=ascending, start=start, end=end,
        after=cursor.at if cursor else None,
    )  # fmt: skip
    following = parameters.spell(Cursor(rows[-1].time, ascending)) if len(rows) == limit else None
    return ok(rows, {"limit": limit, "next_cursor": following})
