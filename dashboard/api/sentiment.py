"""The mood of the news, of a coin or of all of it: as a series, as a gauge of fear and greed, and what prices did after news."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from flask import Blueprint, Response, request

from dashboard.api import parameters
from dashboard.api.answers import ok
from dashboard.api.news import coin
from dashboard.api.parameters import Cursor
from dashboard.services import services
from pipeline.news.mood import HALF_LIVES, MARKET
from pipeline.news.study import study

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


@routes.get("/gauge")
def fear_and_greed() -> Response:
    """Of `symbol` (a token, or a symbol for its base), or of the market without one: of the coins that are followed."""
    given = request.args.get("symbol", "").strip()
    name = coin(given) if given else MARKET
    return ok(services().gauges.of(parameters.exchange(), name, _followed()))


@routes.get("/study")
def aftermath() -> Response:
    """Of `symbol`, or of all followed coins; of articles of the last `days`."""
    given = request.args.get("symbol", "").strip()
    name = coin(given) if given else MARKET
    days = _whole("days", 30, 365)
    symbols = {base: symbol for base, symbol in _followed().items() if name in (MARKET, base)}
    now = datetime.now(UTC)
    events = services().aftermath.events(parameters.exchange(), symbols, now - timedelta(days=days), now, now)
    return ok({"coin": name, "days": days, "articles": len(events), "findings": study(events, _label())})


def _followed() -> dict[str, str]:
    """Coin token → the first symbol of it that is followed."""
    found: dict[str, str] = {}
    for symbol in services().followed().symbols:
        found.setdefault(symbol.partition("/")[0].lower(), symbol)
    return found


def _whole(name: str, default: int, most: int) -> int:
    given = request.args.get(name, "").strip()
    if not given:
        return default
    if not given.isascii() or not given.isdigit() or not 1 <= int(given[:9]) <= most:
        parameters.refuse("INVALID_LIMIT", f"{name}: '{given[:20]}' is no whole number from 1 to {most}.")
    return int(given)


@cache
def _label() -> Any:
    # VADER and its lexicon take a third of a second: only a process that is asked pays.
    from pipeline.news.sentiment import Analyzer

    return Analyzer().label
