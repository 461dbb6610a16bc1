"""The OpenAPI 3.1 document of these routes, from the structs that the answers are made of. tests/dashboard/test_openapi.py holds every
route to it, and calls each with whatever it allows."""

from functools import cache
from importlib.metadata import version
from typing import Any, Final, NamedTuple

import msgspec
from flask import Blueprint, Response

from dashboard.indicator_series import Computed
from pipeline.exports.datasets import DATASETS
from pipeline.exports.writers import FORMATS
from pipeline.indicators.registry import Entry
from pipeline.news.gauge import Gauge
from pipeline.news.sentiment import Explanation
from pipeline.news.study import Finding
from pipeline.store.articles import ArticleRow
from pipeline.store.currencies import Currency
from pipeline.store.moods import MoodRow
from pipeline.store.rows import CandleRow, GapRow, IndicatorRow, QualityRow, TradeRow
from pipeline.timeframes import TIMEFRAMES

routes = Blueprint("openapi", __name__, url_prefix="/api/v1")


class Operation(NamedTuple):
    """`answer` is a schema of `data`; a name is one of the structs. `errors` beside the 503 that everything may have."""

    path: str
    summary: str
    answer: Any
    parameters: tuple[str, ...] = ()
    pages: bool = False
    errors: tuple[int, ...] = ()


_STRUCTS: Final = {
    one.__name__: one
    for one in (
        CandleRow, TradeRow, IndicatorRow, Computed, Entry, ArticleRow, MoodRow, Gauge, Finding, Explanation, QualityRow, GapRow, Currency,
    )
}  # fmt: skip
_OBJECT: Final = {"type": "object"}
_PAGE: Final = ("limit", "start_time", "end_time", "order", "cursor")


def _text(description: str, example: str | None = None, **more: Any) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string", **more}} | (
        {"example": example} if example else {}
    )


_PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "symbol": _text("BTC/USDT, BTC-USDT or BTCUSDT, in any case.", "BTC/USDT") | {"required": True},
    "symbol?": _text("A symbol, or a coin's token; all without it.", "BTC/USDT"),
    "symbols": _text("Symbols with commas between; all that are followed without it.", "BTC/USDT,ETH/USDT"),
    "interval": _text("Timeframe.", enum=list(TIMEFRAMES), default="1m"),
    "mood_interval": _text("Bucket.", enum=["5m", "15m", "1h", "4h", "1d"], default="1h"),
    "exchange": _text("The one that is followed without it.", "BINANCE", pattern="^[A-Za-z0-9_.-]{1,40}$"),
    "limit": {"description": "Rows; more than there may be is cut.", "schema": {"type": "integer", "minimum": 1, "default": 100}},
    "start_time": _text("First time, inclusive.", "2026-01-31T12:00:00Z", format="date-time"),
    "end_time": _text("Last time, inclusive.", "2026-01-31T13:00:00Z", format="date-time"),
    "order": _text("Newest first without a range, oldest first with one.", enum=["asc", "desc"]),
    "cursor": _text("`next_cursor` of the page before, with otherwise the same parameters."),
    "source": _text("Of one source.", "CoinDesk", maxLength=200),
    "min_score": {"description": "Least score.", "schema": {"type": "number", "minimum": -1, "maximum": 1}},
    "max_score": {"description": "Highest score.", "schema": {"type": "number", "minimum": -1, "maximum": 1}},
    "q": _text("Words that title or teaser have.", "etf", maxLength=200),
    "text": _text("Any headline.", "Bitcoin surges to new all-time high", maxLength=200),
    "url": _text("Of an article.", maxLength=2000),
    "days": {"description": "How far back.", "schema": {"type": "integer", "minimum": 1, "maximum": 365, "default": 30}},
    "format": _text("Of the file.", enum=list(FORMATS), default="csv"),
    "type": _text("A name of /indicators/list.", "rsi") | {"in": "path", "required": True},
    "token": _text("A coin's token, or a symbol.", "btc") | {"in": "path", "required": True},
    "dataset": _text("What.", enum=list(DATASETS)) | {"in": "path", "required": True},
}  # fmt: skip

OPERATIONS: Final = (
    Operation("/crypto/data", "Candles", ["CandleRow"], ("symbol", "interval", "exchange", *_PAGE), True, (400,)),
    Operation("/crypto/latest", "The newest candle", "CandleRow", ("symbol", "interval", "exchange"), False, (400, 404)),
    Operation("/crypto/symbols", "Symbols with data in the last hour", _OBJECT),
    Operation("/crypto/trades", "Trades", ["TradeRow"], ("symbol", "exchange", *_PAGE), True, (400,)),
    Operation("/stats", "The last 24 hours", _OBJECT, ("symbol", "interval", "exchange"), False, (400, 404)),
    Operation("/indicators", "The newest bar of each streamed one", ["IndicatorRow"], ("symbol", "interval", "exchange"), False, (400,)),
    Operation("/indicators/list", "Every indicator there is", ["Entry"]),
    Operation(
        "/indicators/{type}", "One indicator's series; its own parameters (`length`) may be added",
        [{"anyOf": ["IndicatorRow", "Computed"]}],
        ("type", "symbol", "interval", "exchange", *_PAGE), True, (400, 404),
    ),
    Operation("/news", "The newest news", ["ArticleRow"], ("limit", "cursor", "source", "min_score", "max_score", "q"), True, (400,)),
    Operation("/news/{token}", "The newest news of a coin", ["ArticleRow"], ("token", "limit", "cursor"), True, (400, 404)),
    Operation("/news/explain", "Why a headline has its score", "Explanation", ("text", "url"), False, (400, 404)),
    Operation("/sentiment", "The mood, by bucket", ["MoodRow"], ("symbol?", "mood_interval", *_PAGE), True, (400, 404)),
    Operation("/sentiment/gauge", "Fear and greed", _OBJECT, ("symbol?",), False, (400, 404)),
    Operation("/sentiment/study", "What prices did after news", _OBJECT, ("symbol?", "days"), False, (400, 404)),
    Operation("/quality", "The ledger of quality", ["QualityRow"], ("symbol?", "exchange", *_PAGE), True, (400,)),
    Operation("/quality/gaps", "Trades that are missing for good", ["GapRow"], ("symbol", "exchange", "limit"), False, (400,)),
    Operation("/status", "What each part said last", _OBJECT),
    Operation("/markets", "Tick and lot sizes", _OBJECT),
    Operation("/markets/tickers", "Newest tickers", [_OBJECT], ("symbols",), False, (400,)),
    Operation("/book", "The order book", _OBJECT, ("symbol", "limit"), False, (400, 404)),
    Operation("/currencies", "Currencies", ["Currency"]),
    Operation("/exchanges", "Exchanges that can be followed", [_OBJECT]),
    Operation(
        "/export/{dataset}", "A dataset as a file, streamed", None,
        ("dataset", "symbol?", "interval", "exchange", "start_time", "end_time", "format"), False, (400, 404, 429),
    ),
)  # fmt: skip


@routes.get("/openapi.json")
def document() -> Response:
    return Response(_bytes(), mimetype="application/json", headers={"Cache-Control": "no-cache"})


@cache
def _bytes() -> bytes:
    return msgspec.json.encode(openapi())


def openapi() -> dict[str, Any]:
    _, components = msgspec.json.schema_components(_STRUCTS.values(), ref_template="#/components/schemas/{name}")
    schemas = {name: _numbers(schema) for name, schema in components.items()}
    schemas["Pagination"] = {
        "type": "object", "required": ["limit", "next_cursor"],
        "properties": {"limit": {"type": "integer"}, "next_cursor": {"type": ["string", "null"]}},
    }  # fmt: skip
    schemas["Error"] = {
        "type": "object", "required": ["success", "error", "code", "timestamp"],
        "properties": {
            "success": {"const": False}, "error": {"type": "string"}, "code": {"type": "string", "pattern": "^[A-Z_]+$"},
            "example": {"type": "string"}, "timestamp": {"type": "string", "format": "date-time"},
        },
    }  # fmt: skip
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "CryptoViz", "version": version("cryptoviz"),
            "description": "Prices and amounts are JSON numbers with every digit the exchange sent. Times are RFC 3339, UTC.",
        },
        "servers": [{"url": "/api/v1"}],
        "paths": {one.path: {"get": _operation(one)} for one in OPERATIONS},
        "components": {"schemas": schemas},
    }  # fmt: skip


def _operation(one: Operation) -> dict[str, Any]:
    answers = {
        str(status): {"description": words, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
        for status, words in ((400, "A parameter is wrong"), (404, "There is no such thing"), (429, "Too many"), (503, "Something is away"))
        if status in one.errors or status == 503
    }  # fmt: skip
    if one.answer is None:
        good: dict[str, Any] = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
    else:
        properties = {
            "success": {"const": True}, "data": _schema(one.answer), "timestamp": {"type": "string", "format": "date-time"},
        } | ({"pagination": {"$ref": "#/components/schemas/Pagination"}} if one.pages else {})  # fmt: skip
        good = {
            "application/json": {"schema": {"type": "object", "required": list(properties), "properties": properties}}
        }
    name = one.path.strip("/").replace("{", "").replace("}", "").replace("/", "_")
    return {
        "operationId": name,
        "summary": one.summary,
        "parameters": [_parameter(each) for each in one.parameters],
        "responses": {"200": {"description": one.summary, "content": good}} | answers,
    }


def _parameter(name: str) -> dict[str, Any]:
    spelled = {"symbol?": "symbol", "mood_interval": "interval"}.get(name, name)
    return {"name": spelled, "in": "query", "required": False} | _PARAMETERS[name]


def _schema(answer: Any) -> dict[str, Any]:
    if isinstance(answer, list):
        return {"type": "array", "items": _schema(answer[0])}
    if isinstance(answer, str):
        return {"$ref": f"#/components/schemas/{answer}"}
    if "anyOf" in answer:
        return {"anyOf": [_schema(one) for one in answer["anyOf"]]}
    found: dict[str, Any] = answer
    return found


def _numbers(schema: Any) -> Any:
    """Decimals are texts to msgspec; here they are numbers."""
    if isinstance(schema, dict):
        if schema.get("format") == "decimal":
            return {"type": "number"}
        return {name: _numbers(value) for name, value in schema.items()}
    return [_numbers(one) for one in schema] if isinstance(schema, list) else schema
