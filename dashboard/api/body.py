"""Bodies of requests → values."""

from typing import TypeVar

import msgspec
from flask import request

from dashboard.api.parameters import refuse

T = TypeVar("T", bound=msgspec.Struct)


def body(type_: type[T]) -> T:
    """The JSON body. Other sites' forms cannot send one, which is why nothing else is taken."""
    if request.mimetype != "application/json":
        refuse("INVALID_BODY", "The body must be JSON: Content-Type: application/json.")
    try:
        return msgspec.json.decode(request.get_data(), type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        refuse("INVALID_BODY", f"The body cannot be used: {error}")
