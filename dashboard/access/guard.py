"""Every request comes past here first: who calls, whether they may, and whether not too often."""

import hmac
from typing import Final
from urllib.parse import quote

from flask import Flask, Response, g, redirect, request
from werkzeug.wrappers import Response as Answer

from dashboard.access.authority import Identity
from dashboard.access.rules import Need, need
from dashboard.access.tokens import InvalidToken
from dashboard.api.errors import ApiError
from dashboard.services import services

#: Holds the access token of a browser. Other sites' pages cannot make it come along, scripts cannot read it.
COOKIE: Final = "cryptoviz_access"
_SAFE: Final = ("GET", "HEAD")


def mount(server: Flask) -> None:
    """Nothing to do where access is off."""
    if services(server).access is None:
        return
    server.before_request(_guard)
    server.after_request(_tell)


def caller() -> Identity | None:
    """Who makes the current request; None where access is off, or nobody needs to be known."""
    found: Identity | None = g.get("caller")
    return found


def _guard() -> Answer | None:
    wanted = need(request.path)
    if wanted is Need.NOTHING or request.method == "OPTIONS":
        return None
    if wanted is Need.METRICS and _prometheus():
        return None
    access = services().access
    assert access is not None
    try:
        identity = g.caller = access.authority.identify(_credential())
    except InvalidToken as error:
        if wanted is Need.PAGE and not request.path.startswith("/_"):
            return redirect(f"/login?next={quote(request.full_path.rstrip('?'))}")
        raise ApiError(401, "UNAUTHORIZED", str(error)) from None
    stand = g.limits = access.limits.call(str(identity))
    if not stand.allowed:
        refused = ApiError(429, "RATE_LIMITED", f"More than {stand.limit} calls in a minute. Wait {stand.reset} s.")
        refused.retry_after = stand.reset
        raise refused
    lacking = _lacking(wanted, identity)
    if lacking:
        raise ApiError(403, "FORBIDDEN", lacking)
    return None


def _credential() -> str:
    """Raises InvalidToken when there is none. A cookie counts for reading only: no other site can make a browser change things."""
    head = request.headers.get("Authorization", "")
    kind, _, value = head.partition(" ")
    if head:
        if kind.lower() == "bearer" and value.strip():
            return value.strip()
        raise InvalidToken("Authorization: write Bearer, a space, and an access token or API key.")
    if request.method in _SAFE and (cookie := request.cookies.get(COOKIE)):
        return cookie
    raise InvalidToken("This needs an access token or an API key: Authorization: Bearer …")


def _lacking(wanted: Need, identity: Identity) -> str:
    """What the caller lacks, as a sentence; empty for nothing."""
    if wanted is Need.PERSON:
        return "" if identity.kind == "user" else "This is for people who are logged in, not for API keys."
    scope = {Need.PAGE: "read", Need.METRICS: "admin"}.get(wanted, wanted.value)
    if scope in identity.scopes:
        return ""
    return f"This needs the scope {scope}; this {'key' if identity.kind == 'key' else 'user'} has {', '.join(sorted(identity.scopes))}."


def _prometheus() -> bool:
    token = services().settings.metrics_token.get_secret_value()
    given = request.headers.get("Authorization", "")
    return bool(token) and hmac.compare_digest(given.encode(), f"Bearer {token}".encode())


def _tell(response: Response) -> Response:
    stand = g.get("limits")
    if stand is not None:
        response.headers["RateLimit-Limit"] = str(stand.limit)
        response.headers["RateLimit-Remaining"] = str(stand.remaining)
        response.headers["RateLimit-Reset"] = str(stand.reset)
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if need(request.path) is not Need.NOTHING:
        response.vary.update(("Authorization", "Cookie"))
        if "public" in response.headers.get("Cache-Control", ""):
            response.headers["Cache-Control"] = "no-cache"
    return response
