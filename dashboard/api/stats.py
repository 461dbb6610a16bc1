"""The last 24 hours of a symbol."""

from datetime import timedelta
from decimal import Decimal

from flask import Blueprint, Response

from dashboard.api import parameters
from dashboard.api.answers import ok
from dashboard.api.errors import ApiError
from dashboard.services import services

routes = Blueprint("stats", __name__, url_prefix="/api/v1")
_DAY = timedelta(days=1)


@routes.get("/stats")
@routes.get("/stats/<path:name>")
def stats(name: str | None = None) -> Response:
    """24 h that end with the newest candle, so that a market that stands still keeps its figures; `last_update` tells its age."""
    symbol, interval, exchange = parameters.symbol(name), parameters.interval(), parameters.exchange()
    series, reader = services().series, services().reader
    now = series.latest(exchange, symbol, interval)
    if now is None:
        raise ApiError(404, "NOT_FOUND", f"There is no {interval} candle of {symbol} at {exchange}.")
    since = now.window_end - _DAY
    used = reader.reaching(exchange, symbol, interval, since)
    last = series.latest(exchange, symbol, used)
    assert last is not None
    day = reader.span(exchange, symbol, used, since, last.window_start)
    opened = last.open if day.open is None else day.open
    change = now.close - opened
    return ok(
        {
            "symbol": symbol,
            "timeframe": interval,
            "latest_price": now.close,
            "price_change_24h": change,
            "price_change_pct_24h": round(change / opened * 100, 8) if opened else Decimal(0),
            "volume_24h": last.volume + (day.volume or 0),
            "high_24h": last.high if day.high is None else max(last.high, day.high),
            "low_24h": last.low if day.low is None else min(last.low, day.low),
            "last_update": now.last_trade_ts or now.created_at,
        }
    )
