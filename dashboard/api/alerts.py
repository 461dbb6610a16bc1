"""What the caller wants to be told of, and what they were told. Where nobody logs in the alerts are the terminal's: everybody's."""

from datetime import UTC, datetime
from typing import Final

from flask import Blueprint, Response, request

from dashboard.access import guard
from dashboard.api import parameters
from dashboard.api.answers import ok
from dashboard.api.body import body
from dashboard.api.errors import ApiError
from dashboard.api.parameters import Cursor, refuse
from dashboard.services import services
from pipeline.alerting.changes import changed
from pipeline.alerting.rules import Condition, check
from pipeline.store.alerts import MOST
from pipeline.symbols import parse_symbol

routes = Blueprint("alerts", __name__, url_prefix="/api/v1/alerts")

#: Firings of a page.
_CAP: Final = 500


class NewAlert(Condition, kw_only=True, forbid_unknown_fields=True):
    """`paused`: keep it, and wait for nothing."""

    paused: bool = False


@routes.get("")
def every() -> Response:
    return ok(services().alerts.of(_reader()))


@routes.post("")
def add() -> Response:
    owner, asked = _writer(), _asked()
    made = services().alerts.add(owner, _condition(asked), asked.paused, MOST)
    if made is None:
        refuse("INVALID_BODY", f"You have {MOST} alerts already. Delete one first.")
    changed(services().redis)
    response = ok(made)
    response.status_code = 201
    return response


@routes.get("/<int:alert_id>")
def one(alert_id: int) -> Response:
    found = services().alerts.get(_reader(), alert_id) if alert_id < 2**63 else None
    if found is None:
        raise _missing(alert_id)
    return ok(found)


@routes.put("/<int:alert_id>")
def put(alert_id: int) -> Response:
    """In place of what it asked for; it begins anew, if it has fired too."""
    owner, asked = _writer(), _asked()
    found = services().alerts.put(owner, alert_id, _condition(asked), asked.paused) if alert_id < 2**63 else None
    if found is None:
        raise _missing(alert_id)
    changed(services().redis)
    return ok(found)


@routes.delete("/<int:alert_id>")
def remove(alert_id: int) -> Response:
    if alert_id >= 2**63 or not services().alerts.remove(_writer(), alert_id):
        raise _missing(alert_id)
    changed(services().redis)
    return ok({"removed": alert_id})


@routes.get("/firings")
def firings() -> Response:
    """Newest first."""
    symbol = parameters.symbol() if request.args.get("symbol") else None
    limit, cursor = parameters.limit(100, _CAP), parameters.cursor()
    if cursor is not None and not (cursor.id.isascii() and cursor.id.isdecimal() and int(cursor.id[:19]) < 2**63):
        refuse("INVALID_CURSOR", "cursor: use next_cursor of the page before, unchanged, or leave it out.")
    rows = services().alerts.firings(_reader(), limit, symbol, int(cursor.id[:19]) if cursor else None)
    last = rows[-1] if len(rows) == limit else None
    following = parameters.spell(Cursor(last.time, False, str(last.id))) if last is not None else None
    return ok(rows, {"limit": limit, "next_cursor": following})


def _reader() -> int | None:
    """Whose alerts; None where nobody logs in."""
    who = guard.caller()
    return who.user if who is not None else None


def _writer() -> int | None:
    who = guard.caller()
    if who is not None and who.kind != "user":
        raise ApiError(403, "FORBIDDEN", "Alerts are changed by people who are logged in; an API key may read them.")
    return _reader()


def _asked() -> NewAlert:
    asked = body(NewAlert)
    symbol = parse_symbol(asked.symbol)
    if symbol is None or symbol not in services().followed().symbols:
        refuse("INVALID_SYMBOL", f"symbol: '{asked.symbol[:60]}' is not followed here.")
    asked.symbol = symbol
    try:
        check(asked)
    except ValueError as error:
        refuse("INVALID_BODY", str(error))
    if asked.expires_at is not None and asked.expires_at <= datetime.now(UTC):
        refuse("INVALID_BODY", "expires_at: a time that is still to come.")
    return asked


def _condition(asked: NewAlert) -> Condition:
    return Condition(**{name: getattr(asked, name) for name in Condition.__struct_fields__})


def _missing(alert_id: int) -> ApiError:
    return ApiError(404, "NOT_FOUND", f"You have no alert {alert_id}.")
