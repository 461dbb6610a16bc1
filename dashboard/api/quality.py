"""The ledger of quality: how complete and how fast the data of each hour is."""

from flask import Blueprint, Response, request

from dashboard.api import parameters
from dashboard.api.answers import ok
from dashboard.api.parameters import Cursor
from dashboard.services import services

routes = Blueprint("quality", __name__, url_prefix="/api/v1/quality")


@routes.get("")
def hours() -> Response:
    """Of one symbol, or of all."""
    symbol = parameters.symbol() if request.args.get("symbol") else None
    limit, (start, end), cursor = parameters.limit(), parameters.time_range(), parameters.cursor()
    ascending = cursor.ascending if cursor else parameters.ascending(bool(start or end))
    rows = services().reader.quality(
        parameters.exchange(),
        symbol,
        limit=limit,
        ascending=ascending,
        start=start,
        end=end,
        after=(cursor.at, cursor.id) if cursor else None,
    )
    last = rows[-1] if rows else None
    following = parameters.spell(Cursor(last.hour, ascending, last.symbol)) if last and len(rows) == limit else None
    return ok(rows, {"limit": limit, "next_cursor": following})


@routes.get("/gaps")
def gaps() -> Response:
    limit = parameters.limit()
    return ok(services().reader.gaps(parameters.exchange(), parameters.symbol(), limit=limit), {"limit": limit})


@routes.get("/storage")
def storage() -> Response:
    """What lies where, and how large it is."""
    return ok(services().places.all())
