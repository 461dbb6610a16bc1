"""Candles and trades."""

from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response

from dashboard.api import parameters
from dashboard.api.answers import ok
from dashboard.api.errors import ApiError
from dashboard.api.parameters import Cursor
from dashboard.series import row
from dashboard.services import services
from pipeline.store.read import TradeKey

routes = Blueprint("crypto", __name__, url_prefix="/api/v1/crypto")


@routes.get("/data")
@routes.get("/<path:name>/data")
def data(name: str | None = None) -> Response:
    symbol, interval, exchange = parameters.symbol(name), parameters.interval(), parameters.exchange()
    limit, (start, end), cursor = parameters.limit(), parameters.time_range(), parameters.cursor()
    ascending = cursor.ascending if cursor else parameters.ascending(bool(start or end))
    series = services().series
    if start is None and end is None and cursor is None and not ascending:
        rows = series.newest(exchange, symbol, interval, limit)
    else:
        after = cursor.at if cursor else None
        rows = series.candles(
            exchange, symbol, interval, limit=limit, ascending=ascending, start=start, end=end, after=after
        )
    following = parameters.spell(Cursor(row(rows[-1]).window_start, ascending)) if len(rows) == limit else None
    return ok(rows, {"limit": limit, "next_cursor": following})


@routes.get("/latest")
@routes.get("/<path:name>/latest")
def latest(name: str | None = None) -> Response:
    symbol, interval, exchange = parameters.symbol(name), parameters.interval(), parameters.exchange()
    found = services().series.latest(exchange, symbol, interval)
    if found is None:
        raise ApiError(404, "NOT_FOUND", f"There is no {interval} candle of {symbol} at {exchange}.")
    return ok(found)


@routes.get("/symbols")
def symbols() -> Response:
    return ok({"symbols": services().reader.symbols(datetime.now(UTC) - timedelta(hours=1))})


@routes.get("/trades")
@routes.get("/<path:name>/trades")
def trades(name: str | None = None) -> Response:
    symbol, exchange = parameters.symbol(name), parameters.exchange()
    limit, (start, end), cursor = parameters.limit(), parameters.time_range(), parameters.cursor()
    ascending = cursor.ascending if cursor else parameters.ascending(bool(start or end))
    rows = services().reader.trades(
        exchange,
        symbol,
        limit=limit,
        ascending=ascending,
        start=start,
        end=end,
        after=TradeKey(cursor.at, cursor.id) if cursor else None,
    )
    last = rows[-1] if rows else None
    following = (
        parameters.spell(Cursor(last.event_ts, ascending, last.trade_id)) if last and len(rows) == limit else None
    )
    return ok(rows, {"limit": limit, "next_cursor": following})
