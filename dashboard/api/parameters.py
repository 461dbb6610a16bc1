"""Query parameters → values. Each says which one is wrong, how, and shows a call that works."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from datetime import UTC, datetime
from functools import cache
from typing import Final, NoReturn

import msgspec
import structlog
from flask import request

from dashboard.api.errors import ApiError
from dashboard.services import services
from pipeline.errors import SetupError
from pipeline.exchanges import label_of
from pipeline.symbols import parse_symbol
from pipeline.timeframes import TIMEFRAMES

#: CONTRACT §2: a limit above is cut to it.
CAP: Final = 10_000
_EXAMPLES: Final = {
    "alerts": 'POST /api/v1/alerts {"symbol":"BTC/USDT","kind":"price","direction":"above","value":70000}',
    "sentiment": "/api/v1/sentiment?symbol=btc&interval=1h",
    "news": "/api/v1/news?limit=50&min_score=0.25&q=etf",
    "trades": "/api/v1/crypto/trades?symbol=BTC/USDT&limit=100",
    "latest": "/api/v1/crypto/latest?symbol=BTC/USDT",
    "stats": "/api/v1/stats?symbol=BTC/USDT",
    "indicators": "/api/v1/indicators/rsi?symbol=BTC/USDT&interval=1m&length=21",
}
_EXCHANGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")


def refuse(code: str, message: str) -> NoReturn:
    """400, with an example of the route that was called."""
    example = next((call for part, call in _EXAMPLES.items() if part in request.path), None)
    raise ApiError(400, code, message, example or "/api/v1/crypto/data?symbol=BTC/USDT&interval=1m&limit=100")


def symbol(in_path: str | None = None) -> str:
    given = in_path if in_path is not None else request.args.get("symbol", "")
    if not given.strip():
        refuse("MISSING_PARAMETER", "symbol is missing: name one, like BTC/USDT.")
    parsed = parse_symbol(given)
    if parsed is None:
        refuse(
            "INVALID_SYMBOL", f"symbol: '{given[:60]}' is not a symbol. Write it like BTC/USDT, BTC-USDT or BTCUSDT."
        )
    structlog.contextvars.bind_contextvars(symbol=parsed)
    return parsed


def interval(default: str = "1m") -> str:
    given = request.args.get("interval") or default
    if given not in TIMEFRAMES:
        refuse("INVALID_INTERVAL", f"interval: '{given[:20]}' is none of {', '.join(TIMEFRAMES)}.")
    return given


def exchange() -> str:
    given = request.args.get("exchange") or _followed(services().settings.exchange)
    if not _EXCHANGE.fullmatch(given):
        refuse("INVALID_BODY", f"exchange: '{given[:40]}' is not a name like BINANCE.")
    return given.upper()


@cache
def _followed(exchange: str) -> str:
    try:
        return label_of(exchange)
    except SetupError:
        return "BINANCE"  # a recording that is gone; what was stored of it is most likely Binance's


def limit(default: int = 100, cap: int = CAP) -> int:
    given = request.args.get("limit")
    if given is None or given == "":
        return default
    # isdecimal() alone would let other scripts' digits through.
    if not (given.isascii() and given.removeprefix("+").isdecimal()) or int(given[:12]) < 1:
        refuse("INVALID_LIMIT", f"limit: '{given[:20]}' is not a whole number from 1 to {cap}.")
    return min(int(given[:12]), cap)


def time(name: str) -> datetime | None:
    """RFC 3339, with or without a zone (then UTC)."""
    given = request.args.get(name)
    if not given:
        return None
    try:
        # An unescaped + arrives as a space.
        parsed = datetime.fromisoformat(re.sub(r" (\d\d:\d\d)$", r"+\1", given.strip()))
        parsed = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        refuse("INVALID_TIME", f"{name}: '{given[:40]}' is not a time like 2026-01-31T12:00:00Z.")
    return parsed


def time_range() -> tuple[datetime | None, datetime | None]:
    start, end = time("start_time"), time("end_time")
    if start is not None and end is not None and start > end:
        refuse("INVALID_TIME", "start_time lies after end_time.")
    return start, end


def ascending(ranged: bool) -> bool:
    """Newest first without a range, oldest first with one; `order` has the last word."""
    given = request.args.get("order")
    if not given:
        return ranged
    if given.lower() not in ("asc", "desc"):
        refuse("INVALID_BODY", f"order: '{given[:20]}' is neither asc nor desc.")
    return given.lower() == "asc"


class Cursor(msgspec.Struct, array_like=True):
    """Where a page ended: the last row's time, its id where times repeat, and the order it was read in."""

    at: datetime
    ascending: bool
    id: str = ""


_decode = msgspec.msgpack.Decoder(Cursor).decode


def spell(cursor: Cursor) -> str:
    return urlsafe_b64encode(msgspec.msgpack.encode(cursor)).rstrip(b"=").decode()


def cursor() -> Cursor | None:
    given = request.args.get("cursor")
    if not given:
        return None
    try:
        found = _decode(urlsafe_b64decode(given + "=" * (-len(given) % 4)))
        if "\0" in found.id or found.at.tzinfo is None:
            raise ValueError("not one of ours")
        return found
    except (NotBase64, ValueError, msgspec.MsgspecError):
        refuse("INVALID_CURSOR", "cursor: use next_cursor of the page before, unchanged, or leave it out.")
