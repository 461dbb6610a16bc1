"""REST calls without a transport: a call is a generator that yields requests and is sent their answers, and returns what was asked for.

`blocking.py` and `asynchronous.py` drive the same calls.
"""

from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec
from websockets.exceptions import ConnectionClosed

from pipeline.client.rows import Article, Candle, Indicator, Mood, Rows, Stats, Trade
from pipeline.errors import CryptoVizError

#: Rows of a page: what the server gives at most.
_PAGE: Final = 10_000
_NEWS_PAGE: Final = 500


class Refused(CryptoVizError):
    """The server said no: `status` of HTTP, `code` of the envelope."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.status = status
        self.code = code


class Unreachable(CryptoVizError):
    """No answer, after all tries."""


class Request(NamedTuple):
    path: str
    params: Mapping[str, str]


T = TypeVar("T", bound=msgspec.Struct)
R = TypeVar("R")
Call = Generator[Request, bytes, R]


class _Pagination(msgspec.Struct):
    limit: int = 0
    next_cursor: str | None = None


class _Page(msgspec.Struct, Generic[R]):
    data: R
    pagination: _Pagination | None = None


class _Error(msgspec.Struct):
    error: str = "no reason given"
    code: str = "UNKNOWN"


def bearer(key: str | None) -> dict[str, str]:
    """The headers that say who calls."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def unauthorized(error: Exception) -> Refused | None:
    """The refusal that a closed WebSocket stands for, if it does: coming again with the same key would change nothing."""
    closed = error.rcvd if isinstance(error, ConnectionClosed) else None
    return Refused(401, "UNAUTHORIZED", closed.reason) if closed is not None and closed.code == 4401 else None


def refused(status: int, body: bytes) -> Refused:
    try:
        found = msgspec.json.decode(body, type=_Error)
    except msgspec.MsgspecError:
        found = _Error(f"HTTP {status}")
    return Refused(status, found.code, found.error)


def _one(type_: Any, path: str, **params: str | None) -> Call[Any]:
    body = yield Request(path, {name: value for name, value in params.items() if value is not None})
    return msgspec.json.decode(body, type=_Page[type_]).data


def _pages(type_: type[T], path: str, limit: int | None, page: int, **params: Any) -> Call[Rows[T]]:
    """Up to `limit` rows (None: all there are), however many pages that takes."""
    decode = msgspec.json.Decoder(_Page[list[type_]]).decode  # type: ignore[valid-type]
    rows: Rows[T] = Rows()
    cursor: str | None = None
    given = {name: _spelled(value) for name, value in params.items() if value is not None}
    while limit is None or len(rows) < limit:
        size = page if limit is None else min(page, limit - len(rows))
        found = decode((yield Request(path, given | {"limit": str(size)} | ({"cursor": cursor} if cursor else {}))))
        rows += found.data
        cursor = found.pagination.next_cursor if found.pagination else None
        if not cursor or not found.data:
            break
    return rows


def _spelled(value: Any) -> str:
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    return str(value)


Time = datetime | str | None


def candles(
    symbol: str, timeframe: str, start: Time, end: Time, limit: int | None, order: str | None
) -> Call[Rows[Candle]]:
    return _pages(
        Candle,
        "crypto/data",
        limit,
        _PAGE,
        symbol=symbol,
        interval=timeframe,
        start_time=start,
        end_time=end,
        order=order,
    )


def trades(symbol: str, start: Time, end: Time, limit: int | None, order: str | None) -> Call[Rows[Trade]]:
    return _pages(Trade, "crypto/trades", limit, _PAGE, symbol=symbol, start_time=start, end_time=end, order=order)


def indicators(
    type_: str, symbol: str, timeframe: str, start: Time, end: Time, limit: int | None, order: str | None, parameters: Mapping[str, Any]
) -> Call[Rows[Indicator]]:  # fmt: skip
    return _pages(
        Indicator, f"indicators/{type_}", limit, _PAGE, symbol=symbol, interval=timeframe, start_time=start, end_time=end, order=order,
        **parameters,
    )  # fmt: skip


def news(coin: str | None, limit: int | None, filters: Mapping[str, Any]) -> Call[Rows[Article]]:
    return _pages(Article, f"news/{coin}" if coin else "news", limit, _NEWS_PAGE, **filters)


def sentiment(coin: str | None, timeframe: str, start: Time, end: Time, limit: int | None) -> Call[Rows[Mood]]:
    return _pages(Mood, "sentiment", limit, _PAGE, symbol=coin, interval=timeframe, start_time=start, end_time=end)


def latest(symbol: str, timeframe: str) -> Call[Candle]:
    return _one(Candle, "crypto/latest", symbol=symbol, interval=timeframe)


def stats(symbol: str) -> Call[Stats]:
    return _one(Stats, "stats", symbol=symbol)


def symbols() -> Call[list[str]]:
    return (yield from _one(dict[str, list[str]], "crypto/symbols"))["symbols"]  # type: ignore[no-any-return]
