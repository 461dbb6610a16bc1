"""The OpenAPI 3.1 document of these routes, from the structs that the answers are made of. tests/dashboard/test_openapi.py holds every
route to it, and calls each with whatever it allows."""

from functools import cache
from importlib.metadata import version
from typing import Any, Final, NamedTuple

import msgspec
from flask import Blueprint, Response

from dashboard.api.alerts import NewAlert
from dashboard.api.auth import Credentials, NewPassword
from dashboard.api.export_jobs import NewJob
from dashboard.api.layouts import Layout
from dashboard.api.people import Change, NewKey
from dashboard.api.shapes import SHAPES
from dashboard.indicator_series import Computed
from pipeline.exports.datasets import DATASETS
from pipeline.exports.writers import FORMATS
from pipeline.indicators.registry import Entry
from pipeline.news.gauge import Gauge
from pipeline.news.sentiment import Explanation
from pipeline.news.study import Finding
from pipeline.store.alerts import AlertRow, FiringRow
from pipeline.store.articles import ArticleRow
from pipeline.store.currencies import Currency
from pipeline.store.moods import MoodRow
from pipeline.store.overview import MarketRow
from pipeline.store.places import PlaceRow
from pipeline.store.rows import CandleRow, GapRow, IndicatorRow, QualityRow, TradeRow
from pipeline.timeframes import TIMEFRAMES

routes = Blueprint("openapi", __name__, url_prefix="/api/v1")


class Operation(NamedTuple):
    """`answer` is a schema of `data`; a name is one of the structs or shapes. `errors` beside the 503 that everything may have, and those
    of access (401, 403, 429). `body`: the struct that is sent as JSON.
    """

    path: str
    summary: str
    answer: Any
    parameters: tuple[str, ...] = ()
    pages: bool = False
    errors: tuple[int, ...] = ()
    method: str = "get"
    body: type[msgspec.Struct] | None = None
    status: int = 200


_STRUCTS: Final = {
    one.__name__: one
    for one in (
        Credentials, NewPassword, NewKey, Change, Layout, NewJob, NewAlert, AlertRow, FiringRow,
        CandleRow, TradeRow, IndicatorRow, Computed, Entry, ArticleRow, MoodRow, Gauge, Finding, Explanation, QualityRow, GapRow, Currency,
        MarketRow, PlaceRow,
    )
}  # fmt: skip
_ERRORS: Final = {
    400: "A parameter is wrong", 401: "Who calls is not known", 403: "The caller may not", 404: "There is no such thing",
    429: "Too many", 503: "Something is away",
}  # fmt: skip
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
    "exchange": _text("The one that is followed without it.", "BINANCE", pattern="^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$"),
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
    "job_id": _text("Of an export.", maxLength=64) | {"in": "path", "required": True},
    "login_id": _text("Of a login.", format="uuid") | {"in": "path", "required": True},
    "key_id": {"description": "Of a key.", "schema": {"type": "integer", "minimum": 0}, "in": "path", "required": True},
    "alert_id": {"description": "Of an alert.", "schema": {"type": "integer", "minimum": 0}, "in": "path", "required": True},
    "layout": _text("A name.", maxLength=40) | {"in": "path", "required": True},
    "user": _text("A name.", maxLength=60) | {"in": "path", "required": True},
}  # fmt: skip

OPERATIONS: Final = (
    Operation("/crypto/data", "Candles", ["CandleRow"], ("symbol", "interval", "exchange", *_PAGE), True, (400,)),
    Operation("/crypto/latest", "The newest candle", "CandleRow", ("symbol", "interval", "exchange"), False, (400, 404)),
    Operation("/crypto/symbols", "Symbols with data in the last hour", "Symbols"),
    Operation("/crypto/trades", "Trades", ["TradeRow"], ("symbol", "exchange", *_PAGE), True, (400,)),
    Operation("/stats", "The last 24 hours", "Stats", ("symbol", "interval", "exchange"), False, (400, 404)),
    Operation("/indicators", "The newest bar of each streamed one", ["IndicatorRow"], ("symbol", "interval", "exchange"), False, (400,)),
    Operation("/indicators/list", "Every indicator there is", ["Entry"]),
    Operation(
        "/indicators/{type}", "One indicator's series; its own parameters (`length`) may be added",
        [{"anyOf": ["IndicatorRow", "Computed"]}],
        ("type", "symbol", "interval", "exchange", *_PAGE), True, (400, 404),
    ),
    Operation(
        "/news", "The newest news", ["ArticleRow"],
        ("limit", "cursor", "symbol?", "source", "min_score", "max_score", "q"), True, (400,),
    ),
    Operation("/news/{token}", "The newest news of a coin", ["ArticleRow"], ("token", "limit", "cursor"), True, (400, 404)),
    Operation("/news/explain", "Why a headline has its score", "Explanation", ("text", "url"), False, (400, 404)),
    Operation("/sentiment", "The mood, by bucket", ["MoodRow"], ("symbol?", "mood_interval", *_PAGE), True, (400, 404)),
    Operation("/sentiment/gauge", "Fear and greed", "FearAndGreed", ("symbol?",), False, (400, 404)),
    Operation("/sentiment/study", "What prices did after news", "Study", ("symbol?", "days"), False, (400, 404)),
    Operation("/quality", "The ledger of quality", ["QualityRow"], ("symbol?", "exchange", *_PAGE), True, (400,)),
    Operation("/quality/gaps", "Trades that are missing for good", ["GapRow"], ("symbol", "exchange", "limit"), False, (400,)),
    Operation("/quality/storage", "What lies where, and how large it is", ["PlaceRow"]),
    Operation("/status", "What each part said last", "Status"),
    Operation("/markets", "Tick and lot sizes", "Markets"),
    Operation("/markets/tickers", "Newest tickers", ["Ticker"], ("symbols",), False, (400,)),
    Operation("/markets/overview", "What markets are screened by, of all that are followed", ["MarketRow"], ("exchange",), False, (400,)),
    Operation("/book", "The order book", "Book", ("symbol", "limit"), False, (400, 404)),
    Operation("/currencies", "Currencies", ["Currency"]),
    Operation("/exchanges", "Exchanges that can be followed", ["ExchangeName"]),
    Operation(
        "/export/{dataset}", "A dataset as a file, streamed", None,
        ("dataset", "symbol?", "interval", "exchange", "start_time", "end_time", "format"), False, (400, 404),
    ),
    Operation("/export/jobs", "Exports made in the background", ["Job"]),
    Operation("/export/jobs", "Make one", "Job", (), False, (400,), "post", NewJob, 202),
    Operation("/export/jobs/{job_id}", "How far one is", "Job", ("job_id",), False, (404,)),
    Operation("/export/jobs/{job_id}", "Cancel one, or throw its file away", "Job", ("job_id",), False, (404,), "delete"),
    Operation("/export/jobs/{job_id}/file", "Its file", None, ("job_id",), False, (404,)),
    Operation("/auth/login", "Log in", "Granted", (), False, (400, 404), "post", Credentials),
    Operation("/auth/refresh", "A new access token, by cookie", "Granted", (), False, (404,), "post"),
    Operation("/auth/logout", "Log out, by cookie", "LoggedOut", (), False, (404,), "post"),
    Operation("/auth/me", "Who calls", "Caller"),
    Operation("/auth/password", "Change one's own password", "Changed", (), False, (400, 404), "post", NewPassword),
    Operation("/auth/logins", "Where the caller is logged in", ["Login"], (), False, (404,)),
    Operation("/auth/logins/{login_id}", "End a login", "Ended", ("login_id",), False, (404,), "delete"),
    Operation("/keys", "The caller's API keys", ["KeyShown"], (), False, (404,)),
    Operation("/keys", "Make one", "KeyMade", (), False, (400, 404), "post", NewKey, 201),
    Operation("/keys/{key_id}", "Revoke one", "Revoked", ("key_id",), False, (404,), "delete"),
    Operation("/layouts", "The caller's layouts of the terminal, by name", "Layouts", (), False, (404,)),
    Operation("/layouts/{layout}", "Keep one", "Kept", ("layout",), False, (400, 404), "put", Layout),
    Operation("/layouts/{layout}", "Remove one", "Removed", ("layout",), False, (404,), "delete"),
    Operation("/alerts", "The caller's alerts", ["AlertRow"]),
    Operation("/alerts", "Make one", "AlertRow", (), False, (400,), "post", NewAlert, 201),
    Operation("/alerts/{alert_id}", "One of them", "AlertRow", ("alert_id",), False, (404,)),
    Operation("/alerts/{alert_id}", "Ask for this instead", "AlertRow", ("alert_id",), False, (400, 404), "put", NewAlert),
    Operation("/alerts/{alert_id}", "Delete one", "AlertRemoved", ("alert_id",), False, (404,), "delete"),
    Operation("/alerts/firings", "What the caller was told", ["FiringRow"], ("symbol?", "limit", "cursor"), True, (400,)),
    Operation("/users", "Everybody who is known; for admins", ["User"], (), False, (404,)),
    Operation("/users/{user}", "Keep somebody out, or let them in; for admins", "User", ("user",), False, (400, 404), "patch", Change),
)  # fmt: skip


#: Operation → what can be done with what it made: operation, its parameter, and where in the answer that stands.
_LINKS: Final = {
    "post_export_jobs": [
        ("export_jobs_job_id", "job_id", "id"), ("export_jobs_job_id_file", "job_id", "id"), ("delete_export_jobs_job_id", "job_id", "id"),
    ],
    "post_alerts": [
        ("alerts_alert_id", "alert_id", "id"), ("put_alerts_alert_id", "alert_id", "id"), ("delete_alerts_alert_id", "alert_id", "id"),
    ],
    "post_keys": [("delete_keys_key_id", "key_id", "id")],
    "put_layouts_layout": [("delete_layouts_layout", "layout", "name")],
}  # fmt: skip


@routes.get("/openapi.json")
def document() -> Response:
    return Response(_bytes(), mimetype="application/json", headers={"Cache-Control": "no-cache"})


@cache
def _bytes() -> bytes:
    return msgspec.json.encode(openapi())


def openapi() -> dict[str, Any]:
    _, components = msgspec.json.schema_components(_STRUCTS.values(), ref_template="#/components/schemas/{name}")
    schemas = {name: _numbers(schema) for name, schema in components.items()}
    schemas |= SHAPES
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
    paths: dict[str, dict[str, Any]] = {}
    for one in OPERATIONS:
        paths.setdefault(one.path, {})[one.method] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "CryptoViz", "version": version("cryptoviz"),
            "description": "Prices and amounts are JSON numbers with every digit the exchange sent. Times are RFC 3339, UTC.",
        },
        "servers": [{"url": "/api/v1"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An API key or access token, where access is on."}
            },
        },
        "security": [{}, {"bearer": []}],
    }  # fmt: skip


def _operation(one: Operation) -> dict[str, Any]:
    answers = {
        str(status): {"description": words, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
        for status, words in _ERRORS.items()
        if status in one.errors or status in (401, 403, 429, 503)
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
    taken: dict[str, Any] = {}
    if one.body is not None:
        schema = {"$ref": f"#/components/schemas/{one.body.__name__}"}
        taken = {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
    operation = name if one.method == "get" else f"{one.method}_{name}"
    links = {
        target: {"operationId": target, "parameters": {parameter: f"$response.body#/data/{field}"}}
        for target, parameter, field in _LINKS.get(operation, ())
    }
    return {
        "operationId": operation,
        "summary": one.summary,
        "parameters": [_parameter(each) for each in one.parameters],
        "responses": {
            str(one.status): {"description": one.summary, "content": good} | ({"links": links} if links else {})
        }
        | answers,
    } | taken


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
