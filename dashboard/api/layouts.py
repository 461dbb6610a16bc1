"""Layouts of the terminal of those who log in; anybody else's are kept by their browser."""

from typing import Any, Final

import msgspec
from flask import Blueprint, Response, request

from dashboard.access import guard
from dashboard.api.answers import ok
from dashboard.api.auth import access
from dashboard.api.body import body
from dashboard.api.errors import ApiError
from dashboard.api.parameters import refuse

routes = Blueprint("layouts", __name__, url_prefix="/api/v1/layouts")

#: Layouts of one user, letters of a name, bytes of a layout: more than anybody makes by hand.
_MOST: Final = 50
_NAME: Final = 40
_BYTES: Final = 16 * 1024


class Layout(msgspec.Struct, forbid_unknown_fields=True):
    """What is shown where, and what is on the chart; both are the page's own."""

    shape: dict[str, Any]
    chart: dict[str, Any]


@routes.get("")
def every() -> Response:
    here, who = access(), guard.caller()
    assert who is not None
    return ok(here.authority.layouts.of(who.user))


@routes.put("/<layout>")
def put(layout: str) -> Response:
    here, who = access(), guard.caller()
    assert who is not None
    if len(layout) > _NAME or "\0" in layout or not layout.strip():
        refuse("INVALID_BODY", f"The name of a layout has 1 to {_NAME} characters.")
    if len(request.get_data()) > _BYTES:
        refuse("INVALID_BODY", f"A layout has at most {_BYTES} bytes.")
    wanted = msgspec.to_builtins(body(Layout))
    if not here.authority.layouts.put(who.user, layout, wanted, _MOST):
        refuse("INVALID_BODY", f"You have {_MOST} layouts already. Remove one first.")
    return ok({"name": layout})


@routes.delete("/<layout>")
def remove(layout: str) -> Response:
    here, who = access(), guard.caller()
    assert who is not None
    if "\0" in layout or not here.authority.layouts.remove(who.user, layout):
        raise ApiError(404, "NOT_FOUND", "You have no layout of that name.")
    return ok({"removed": layout})
