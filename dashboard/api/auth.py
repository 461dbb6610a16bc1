"""Logging in and out, and what the caller may do. Where access is off there is nobody to log in."""

from typing import Annotated, Final
from uuid import UUID

import msgspec
from flask import Blueprint, Response, request

from dashboard.access import guard
from dashboard.access.authority import SCOPES, Grant
from dashboard.access.setup import Access
from dashboard.access.tokens import LIFE
from dashboard.api.answers import failed, ok
from dashboard.api.body import body
from dashboard.api.errors import ApiError
from dashboard.services import services
from pipeline.access.secrets import hash_password
from pipeline.errors import SetupError

routes = Blueprint("auth", __name__, url_prefix="/api/v1/auth")

#: Holds the refresh token; goes to these routes only.
_REFRESH: Final = "cryptoviz_refresh"
_PATH: Final = "/api/v1/auth"
_DAYS: Final = 30

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Credentials(msgspec.Struct, forbid_unknown_fields=True):
    name: Text
    password: Text


class NewPassword(msgspec.Struct, forbid_unknown_fields=True):
    password: Text
    new: Text


def access() -> Access:
    """Of the current app. 404 where it is off."""
    found = services().access
    if found is None:
        raise ApiError(404, "NOT_FOUND", "Access is off on this server: everything is open, nobody logs in.")
    return found


@routes.post("/login")
def login() -> Response:
    here, given = access(), body(Credentials)
    address = request.remote_addr or ""
    if not here.limits.may_try(given.name, address):
        refused = ApiError(429, "RATE_LIMITED", "Too many wrong passwords. Wait a minute.")
        refused.retry_after = 60
        raise refused
    user = here.authority.verify(given.name, given.password)
    if user is None:
        here.limits.failed(given.name, address)
        # Which of the two is nobody's business.
        raise ApiError(401, "UNAUTHORIZED", "The name or the password is wrong.")
    return _granted(here.authority.begin(user, request.headers.get("User-Agent", "")))


@routes.post("/refresh")
def refresh() -> Response:
    grant = access().authority.refresh(request.cookies.get(_REFRESH, ""))
    if grant is None:
        return _cleared(failed(401, "UNAUTHORIZED", "The login is over. Log in again."))
    return _granted(grant)


@routes.post("/logout")
def logout() -> Response:
    access().authority.end(request.cookies.get(_REFRESH, ""))
    return _cleared(ok({"logged_out": True}))


@routes.get("/me")
def me() -> Response:
    """Who calls. `scopes` are all where access is off."""
    who = guard.caller()
    if who is None:
        return ok({"access": "off", "name": None, "kind": None, "scopes": sorted(SCOPES["admin"])})
    return ok({"access": "on", "name": who.name, "kind": who.kind, "scopes": sorted(who.scopes)})


@routes.post("/password")
def password() -> Response:
    """Change one's own. Every other login of theirs is over then."""
    here, given, who = access(), body(NewPassword), guard.caller()
    assert who is not None
    address = request.remote_addr or ""
    if not here.limits.may_try(who.name, address):
        raise ApiError(429, "RATE_LIMITED", "Too many wrong passwords. Wait a minute.")
    if here.authority.verify(who.name, given.password) is None:
        here.limits.failed(who.name, address)
        raise ApiError(403, "FORBIDDEN", "password: that is not the present one.")
    try:
        new = hash_password(given.new)
    except SetupError as error:
        raise ApiError(400, "INVALID_BODY", f"new: {error}") from None
    here.authority.users.set_password(who.name, new)
    here.authority.logins.end_all(who.user, who.login)
    here.authority.forget()
    return ok({"changed": True})


@routes.get("/logins")
def logins() -> Response:
    """Where the caller is logged in."""
    who = guard.caller()
    here = access()
    assert who is not None
    found = here.authority.logins.of(who.user)
    return ok([msgspec.structs.asdict(one) | {"current": one.id == who.login} for one in found])


@routes.delete("/logins/<uuid:login_id>")
def end(login_id: UUID) -> Response:
    who = guard.caller()
    here = access()
    assert who is not None
    if not here.authority.logins.end(login_id, who.user):
        raise ApiError(404, "NOT_FOUND", "There is no such login of yours.")
    here.authority.forget()
    return ok({"ended": str(login_id)})


def _granted(grant: Grant) -> Response:
    response = ok(
        {
            "access_token": grant.access,
            "token_type": "Bearer",
            "expires_in": LIFE,
            "name": grant.user.name,
            "scopes": sorted(SCOPES[grant.user.role]),
        }
    )
    # Not even by the browser's own cache.
    response.headers["Cache-Control"] = "no-store"
    secure = request.is_secure
    response.set_cookie(guard.COOKIE, grant.access, max_age=LIFE, secure=secure, httponly=True, samesite="Strict")
    if grant.refresh is not None:
        response.set_cookie(
            _REFRESH, grant.refresh, max_age=_DAYS * 86_400, path=_PATH, secure=secure, httponly=True, samesite="Strict"
        )
    return response


def _cleared(response: Response) -> Response:
    response.delete_cookie(guard.COOKIE, httponly=True, samesite="Strict")
    response.delete_cookie(_REFRESH, path=_PATH, httponly=True, samesite="Strict")
    return response
