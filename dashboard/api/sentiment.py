"""The mood of the news, of a coin or of all of it."""

from typing import Final

from flask import Blueprint, Response, request

from dashboard.api import parameters
from dashboard.api.answers import ok
from dashboard.api.news import coin
from dashboard.api.parameters import Cursor
from dashboard.services import services
from pipeline.news.mood import HALF_LIVES, MARKET

routes = Blueprint("sentiment", __name__, url_prefix="/api/v1/sentiment")
_DEFAULT: Final = "1h"


@routes.get("")
def series() -> Response:
    """Of `symbol` (a token, or a symbol for its base), or of the market without one."""
    given = request.args.get("symbol", "").strip()
    name = coin(given) if given else MARKET
    interval = request.args.get("interval") or _DEFAULT
    if interval not in HALF_LIVES:
        parameters.refuse("INVALID_INTERVAL", f"interval: '{interval[:20]}' is none of {', '.join(HALF_LIVES)}.")
    limit, (start, end), cursor = parameters.limit(), parameters.time_range(), parameters.cursor()
    ascending = cursor.ascending if cursor else parameters.ascending(bool(start or end))
    rows = services().moods.page(
        name, interval, limit=limit, ascending=ascending, start=start, end=end, after=cursor.at if cursor else None
    )
    following = parameters.spell(Cursor(rows[-1].time, ascending)) if len(rows) == limit else None
    return ok(rows, {"limit": limit, "next_cursor": following})
