"""The envelope round every answer, and its bytes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import msgspec
from flask import Response, request

#: Decimals become JSON numbers with every digit they have.
_encode = msgspec.json.Encoder(decimal_format="number").encode


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ok(data: Any, pagination: Mapping[str, Any] | None = None) -> Response:
    """200 with `data`. The ETag is of the data alone, so that an unchanged answer is a 304 though its timestamp moved on."""
    body = _encode(data)
    pages = b"" if pagination is None else b',"pagination":' + _encode(pagination)
    response = Response(
        b'{"success":true,"data":%b%b,"timestamp":"%b"}' % (body, pages, now().encode()), mimetype="application/json"
    )
    response.headers["Cache-Control"] = "no-cache"
    response.set_etag(blake2b(body + pages, digest_size=12).hexdigest(), weak=True)
    response.make_conditional(request)
    return response


def failed(status: int, code: str, message: str, example: str | None = None, **more: Any) -> Response:
    """An error in its envelope; `example` is a call that works."""
    body: dict[str, Any] = {"success": False, "error": message, "code": code, "timestamp": now()}
    if example:
        body["example"] = example
    response = Response(_encode(body | more), status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
