"""One's own API keys; and for admins, who may come in."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from flask import Blueprint, Response

from dashboard.access import guard
from dashboard.api.answers import ok
from dashboard.api.auth import access
from dashboard.api.body import body
from dashboard.api.errors import ApiError
from pipeline.access.secrets import digest, hint, make_key
from pipeline.store.api_keys import ApiKey

routes = Blueprint("people", __name__, url_prefix="/api/v1")


class NewKey(msgspec.Struct, forbid_unknown_fields=True):
    """`days`: how long it is good; for ever without."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    scopes: Annotated[list[Literal["read", "export", "admin"]], msgspec.Meta(min_length=1)]
    days: Annotated[int, msgspec.Meta(ge=1, le=3650)] | None = None


class Change(msgspec.Struct, forbid_unknown_fields=True):
    disabled: bool


@routes.get("/keys")
def keys() -> Response:
    here, who = access(), guard.caller()
    assert who is not None
    return ok([_shown(one) for one in here.authority.keys.of(who.user)])


@routes.post("/keys")
def add() -> Response:
    """The answer is the only place where the key itself ever stands."""
    here, who, wanted = access(), guard.caller(), body(NewKey)
    assert who is not None
    beyond = sorted(set(wanted.scopes) - who.scopes)
    if beyond:
        raise ApiError(403, "FORBIDDEN", f"scopes: you have no {', '.join(beyond)} to give.")
    key = make_key()
    until = datetime.now(UTC) + timedelta(days=wanted.days) if wanted.days else None
    made = here.authority.keys.add(
        who.user, wanted.name, hint(key), digest(key), list(dict.fromkeys(wanted.scopes)), until
    )
    response = ok(_shown(made) | {"key": key})
    response.status_code = 201
    response.headers["Cache-Control"] = "no-store"
    return response


@routes.delete("/keys/<int:key_id>")
def revoke(key_id: int) -> Response:
    here, who = access(), guard.caller()
    assert who is not None
    if key_id >= 2**63 or not here.authority.keys.revoke(key_id, who.user):
        raise ApiError(404, "NOT_FOUND", f"You have no key {key_id}.")
    here.authority.forget()
    return ok({"revoked": key_id})


@routes.get("/users")
def users() -> Response:
    found = access().authority.users.all()
    return ok(
        [{"name": one.name, "role": one.role, "disabled": one.disabled, "created_at": one.created_at} for one in found]
    )


@routes.patch("/users/<user>")
def change(user: str) -> Response:
    """Keep somebody out, or let them in again."""
    here, who, wanted = access(), guard.caller(), body(Change)
    assert who is not None
    found = here.authority.users.find(user) if "\0" not in user else None
    if found is None:
        raise ApiError(404, "NOT_FOUND", "There is no such user.")
    if found.id == who.user and wanted.disabled:
        raise ApiError(403, "FORBIDDEN", "disabled: nobody can keep themselves out.")
    here.authority.users.disable(found.name, wanted.disabled)
    if wanted.disabled:
        here.authority.logins.end_all(found.id)
    here.authority.forget()
    return ok({"name": found.name, "role": found.role, "disabled": wanted.disabled, "created_at": found.created_at})


def _shown(key: ApiKey) -> dict[str, Any]:
    found = msgspec.structs.asdict(key)
    del found["user_id"]
    return found
