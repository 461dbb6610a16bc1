"""What is followed: steps, newest tickers, order books; and the names of money and of exchanges."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from flask import Blueprint, Response, request

from dashboard.api import parameters
from dashboard.api.answers import ok
from dashboard.api.errors import ApiError
from dashboard.services import services
from pipeline.collecting.history import MARKETS_KEY
from pipeline.exchanges import KNOWN
from pipeline.live import channel
from pipeline.symbols import parse_symbol

routes = Blueprint("markets", __name__, url_prefix="/api/v1")
#: Symbols in one question: what fits into an address.
_MOST: Final = 500
#: Levels a side that the live bridge keeps.
_LEVELS: Final = 20


class _Ticker(msgspec.Struct):
    """As the live bridge keeps it (pipeline.live_messages.ticker_data)."""

    exchange: str
    symbol: str
    timestamp: int
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    baseVolume: Decimal | None
    quoteVolume: Decimal | None


class _Book(msgspec.Struct):
    exchange: str
    symbol: str
    timestamp: int
    bids: list[tuple[Decimal, Decimal]]
    asks: list[tuple[Decimal, Decimal]]


_ticker = msgspec.json.Decoder(_Ticker).decode
_book = msgspec.json.Decoder(_Book).decode


@routes.get("/markets")
def markets() -> Response:
    """What the exchange says of each followed symbol."""
    stored = services().redis.hgetall(MARKETS_KEY)
    return ok({"markets": [msgspec.Raw(one) for _, one in sorted(stored.items())]})


@routes.get("/markets/tickers")
def tickers() -> Response:
    """The newest ticker of each of `symbols`, or of all that are followed; one that has none yet is left out."""
    given = [one for one in request.args.get("symbols", "").split(",") if one.strip()]
    if len(given) > _MOST:
        parameters.refuse("INVALID_SYMBOL", f"symbols: {len(given)} are more than {_MOST}.")
    wanted = [_symbol(one) for one in given] or list(services().followed().symbols)
    found = services().live.last([channel("ticker", symbol) for symbol in wanted])
    return ok([_spell(_ticker(data)) for data in found if data is not None])


@routes.get("/markets/overview")
def overview() -> Response:
    """Of each followed symbol that has a candle, in their order."""
    return ok(services().overview.of(parameters.exchange(), services().followed().symbols))


@routes.get("/book")
def book() -> Response:
    """The order book as it was shown last, best levels first."""
    symbol = parameters.symbol()
    limit = min(parameters.limit(_LEVELS), _LEVELS)
    data = services().live.forming(channel("book", symbol))
    if data is None:
        raise ApiError(404, "NOT_FOUND", f"There is no order book of {symbol}.")
    found = _book(data)
    return ok(
        {
            "exchange": found.exchange,
            "symbol": found.symbol,
            "time": _time(found.timestamp),
            "bids": found.bids[:limit],
            "asks": found.asks[:limit],
        }
    )


@routes.get("/currencies")
def currencies() -> Response:
    return ok(services().reader.currencies())


@routes.get("/exchanges")
def exchanges() -> Response:
    """Those that `--exchange` takes by name, and which one is followed."""
    followed = services().settings.exchange.partition(":")[0]
    return ok([{"name": name, "title": title, "followed": name == followed} for name, title in KNOWN.items()])


def _symbol(text: str) -> str:
    parsed = parse_symbol(text.strip())
    if parsed is None:
        parameters.refuse(
            "INVALID_SYMBOL", f"symbols: '{text[:60]}' is not a symbol. Write them like BTC/USDT,ETH/USDT."
        )
    return parsed


def _spell(one: _Ticker) -> dict[str, Any]:
    return {
        "exchange": one.exchange, "symbol": one.symbol, "time": _time(one.timestamp), "bid": one.bid, "ask": one.ask,
        "last": one.last, "baseVolume": one.baseVolume, "quoteVolume": one.quoteVolume,
    }  # fmt: skip


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
