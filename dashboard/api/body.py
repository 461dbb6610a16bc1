"""Bodies of requests → values."""

from typing import Any, TypeVar

import msgspec
from flask import request

from dashboard.api.parameters import refuse

T = TypeVar("T", bound=msgspec.Struct)


def body(type_: type[T]) -> T:
    """The JSON body. Other sites' forms cannot send one, which is why nothing else is taken."""
    if request.mimetype != "application/json":
        refuse("INVALID_BODY", "The body must be JSON: Content-Type: application/json.")
    try:
        given = msgspec.json.decode(request.get_data(), type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        refuse("INVALID_BODY", f"The body cannot be used: {error}")
    if _holds_nul(msgspec.to_builtins(given)):
        refuse("INVALID_BODY", "The body holds a NUL character, which cannot be stored. Leave it out.")
    return given


def _holds_nul(value: Any) -> bool:
    """PostgreSQL has no text with it in."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_holds_nul(name) or _holds_nul(one) for name, one in value.items())
    return isinstance(value, list) and any(map(_holds_nul, value))
