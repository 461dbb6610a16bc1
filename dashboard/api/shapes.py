"""Schemas of the answers that routes put together by hand; all others are of structs (openapi.py). Every field is always there."""

from typing import Any, Final

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_WHOLE: Final[Schema] = {"type": "integer"}
_NUMBER: Final[Schema] = {"type": "number"}
_FLAG: Final[Schema] = {"type": "boolean"}
_NULL: Final[Schema] = {"type": "null"}
_ANY: Final[Schema] = {"type": "object"}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, _NULL]}


def _list(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def _of(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _shape(description: str, **fields: Schema) -> Schema:
    return {"type": "object", "description": description, "required": list(fields), "properties": fields}


_MAYBE: Final = _or_null(_NUMBER)
_JOB: Final = {
    "id": _TEXT, "dataset": _TEXT, "symbols": _list(_TEXT), "format": _TEXT, "name": _TEXT,
    "state": {"enum": ["waiting", "running", "done", "failed", "cancelled"]}, "rows": _WHOLE, "share": _NUMBER, "bytes": _WHOLE,
    "error": _TEXT, "created_at": _WHOLE, "updated_at": _WHOLE, "file": _or_null(_TEXT),
}  # fmt: skip
_KEY: Final = {
    "id": _WHOLE, "name": _TEXT, "hint": _TEXT, "scopes": _list(_TEXT), "created_at": _TIME, "expires_at": _or_null(_TIME),
    "used_at": _or_null(_TIME),
}  # fmt: skip

#: Name in the document → schema.
SHAPES: Final[dict[str, Schema]] = {
    "Symbols": _shape("Names.", symbols=_list(_TEXT)),
    "Stats": _shape(
        "The 24 hours that end with the newest candle.",
        symbol=_TEXT, timeframe=_TEXT, latest_price=_NUMBER, price_change_24h=_NUMBER, price_change_pct_24h=_NUMBER,
        volume_24h=_NUMBER, high_24h=_NUMBER, low_24h=_NUMBER, last_update=_TIME,
    ),
    "FearAndGreed": _shape(
        "`value` 0 (fear) to 100 (greed), null while nothing is known.",
        coin=_TEXT, value=_MAYBE, label=_or_null(_TEXT), parts=_list(_of("pipeline.news.gauge.Part")),
    ),
    "Study": _shape(
        "What prices did after the articles of the last `days`.",
        coin=_TEXT, days=_WHOLE, articles=_WHOLE, findings=_list(_of("Finding")),
    ),
    "Status": _shape(
        "`workers`: by name, each its `state`, `detail`, `at` and `facts`. Times in Unix ms.",
        exchange=_ANY, workers=_ANY, symbols=_list(_TEXT), halted=_list(_TEXT), time=_WHOLE,
    ),
    "Market": _shape(
        "The steps that prices and amounts move in, as decimal texts.",
        exchange=_TEXT, symbol=_TEXT, base=_TEXT, quote=_TEXT, tick_size=_TEXT, lot_size=_TEXT,
    ),
    "Markets": _shape("Of each followed symbol.", markets=_list(_of("Market"))),
    "Ticker": _shape(
        "What is not known is null.",
        exchange=_TEXT, symbol=_TEXT, time=_TIME, bid=_MAYBE, ask=_MAYBE, last=_MAYBE, baseVolume=_MAYBE, quoteVolume=_MAYBE,
    ),
    "Book": _shape(
        "Best first, `[price, amount]`.",
        exchange=_TEXT, symbol=_TEXT, time=_TIME, bids=_list(_list(_NUMBER)), asks=_list(_list(_NUMBER)),
    ),
    "ExchangeName": _shape("What `--exchange` takes.", name=_TEXT, title=_TEXT, followed=_FLAG),
    "Job": _shape("`share`: how much of it is there, 0 to 1. Times in Unix ms. `file`: where it is fetched, once done.", **_JOB),
    "Login": _shape(
        "`rotated_at`: when it was last refreshed. `current`: the caller's own.",
        id=_TEXT, agent=_TEXT, created_at=_TIME, rotated_at=_TIME, expires_at=_TIME, current=_FLAG,
    ),
    "Granted": _shape(
        "`expires_in` seconds.",
        access_token=_TEXT, token_type={"const": "Bearer"}, expires_in=_WHOLE, name=_TEXT, scopes=_list(_TEXT),
    ),
    "Caller": _shape(
        "Where access is off nobody has a name.",
        access={"enum": ["on", "off"]}, name=_or_null(_TEXT), kind=_or_null(_TEXT), scopes=_list(_TEXT),
    ),
    # Not "Key": schemathesis would take its `id` for what /keys/{key_id} wants, and ids of a database are no repeatable examples.
    "KeyShown": _shape("`hint`: how it begins.", **_KEY),
    "KeyMade": _shape("`key` is shown here and never again.", **_KEY, key=_TEXT),
    "User": _shape("", name=_TEXT, role={"enum": ["user", "admin"]}, disabled=_FLAG, created_at=_TIME),
    "LoggedOut": _shape("", logged_out={"const": True}),
    "Changed": _shape("", changed={"const": True}),
    "Ended": _shape("", ended=_TEXT),
    "Revoked": _shape("", revoked=_WHOLE),
    "Kept": _shape("", name=_TEXT),
    "Removed": _shape("", removed=_TEXT),
    "AlertRemoved": _shape("", removed=_WHOLE),
    "Layouts": {"type": "object", "description": "By name.", "additionalProperties": _of("Layout")},
}  # fmt: skip
