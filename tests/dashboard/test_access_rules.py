"""Who may call what, with access on."""

import pytest
from flask.testing import FlaskClient

from dashboard.access.rules import RULES, Need, need
from tests.dashboard.people import People, bearer

CALLERS = ("nobody", "a read key", "an export key", "an admin key", "a user", "an admin", "prometheus")
#: 200 stands for "let through": what the route itself says then is its own business.
TABLE = {
    "GET /health": (200, 200, 200, 200, 200, 200, 200),
    "GET /ready": (200, 200, 200, 200, 200, 200, 200),
    "GET /login": (200, 200, 200, 200, 200, 200, 200),
    "GET /assets/theme.js": (200, 200, 200, 200, 200, 200, 200),
    "GET /": (302, 200, 403, 403, 200, 200, 302),
    "GET /t/BTC-USDT": (302, 200, 403, 403, 200, 200, 302),
    "GET /_dash-layout": (401, 200, 403, 403, 200, 200, 401),
    "GET /api/v1/crypto/symbols": (401, 200, 403, 403, 200, 200, 401),
    "GET /api/v1/openapi.json": (401, 200, 403, 403, 200, 200, 401),
    "GET /api/v1/nothing": (401, 200, 403, 403, 200, 200, 401),
    "GET /api/v1/status": (401, 200, 403, 403, 200, 200, 401),
    "GET /api/v1/alerts": (401, 200, 403, 403, 200, 200, 401),
    "POST /api/v1/alerts": (401, 403, 403, 403, 200, 200, 401),
    "PUT /api/v1/alerts/1": (401, 403, 403, 403, 200, 200, 401),
    "DELETE /api/v1/alerts/1": (401, 403, 403, 403, 200, 200, 401),
    "GET /api/v1/alerts/firings": (401, 200, 403, 403, 200, 200, 401),
    "GET /ws/stats": (401, 200, 403, 403, 200, 200, 401),
    "GET /api/v1/export/candles": (401, 403, 200, 403, 200, 200, 401),
    "GET /api/v1/users": (401, 403, 403, 200, 403, 200, 401),
    "PATCH /api/v1/users/nobody": (401, 403, 403, 200, 403, 200, 401),
    "GET /metrics": (401, 403, 403, 200, 403, 200, 200),
    "GET /api/v1/auth/me": (401, 200, 403, 403, 200, 200, 401),
    "GET /api/v1/auth/logins": (401, 403, 403, 403, 200, 200, 401),
    "POST /api/v1/auth/password": (401, 403, 403, 403, 200, 200, 401),
    "DELETE /api/v1/auth/logins/6b1f0a52-7f0e-4c60-9b35-3f4f6b0f7c11": (401, 403, 403, 403, 200, 200, 401),
    "GET /api/v1/layouts": (401, 403, 403, 403, 200, 200, 401),
    "PUT /api/v1/layouts/mine": (401, 403, 403, 403, 200, 200, 401),
    "DELETE /api/v1/layouts/mine": (401, 403, 403, 403, 200, 200, 401),
    "GET /api/v1/keys": (401, 403, 403, 403, 200, 200, 401),
    "POST /api/v1/keys": (401, 403, 403, 403, 200, 200, 401),
    "DELETE /api/v1/keys/1": (401, 403, 403, 403, 200, 200, 401),
}


@pytest.mark.parametrize("caller", CALLERS)
def test_who_may_call_what(guarded: FlaskClient, people: People, caller: str) -> None:
    head = {
        "nobody": dict,
        "a read key": lambda: bearer(people.key("read")),
        "an export key": lambda: bearer(people.key("export")),
        "an admin key": lambda: bearer(people.key("admin")),
        "a user": lambda: bearer(people.token(people.bob)),
        "an admin": lambda: bearer(people.token(people.ann)),
        "prometheus": lambda: bearer("m" * 40),
    }[caller]()
    wrong = []
    for call, cells in TABLE.items():
        method, path = call.split(" ")
        expected = cells[CALLERS.index(caller)]
        answer = guarded.open(path, method=method, headers=head, buffered=True)
        # A route's own word, after it was reached: 400 for a body that is missing, 404 for what is not there.
        status = 200 if answer.status_code in (200, 400, 404) else answer.status_code
        if status != expected:
            wrong.append((call, expected, answer.status_code))
    assert wrong == []


def test_every_rule_is_in_the_table() -> None:
    paths = [call.split(" ")[1] for call in TABLE]
    # What these give is tested below; of the others one call each stands above.
    elsewhere = {
        "/_dash-component-suites/", "/_favicon.ico", "/ws/crypto", *(f"/api/v1/auth/{one}" for one in ("login", "refresh", "logout")),
    }  # fmt: skip
    shown = {
        next(one for one, _ in RULES if path.partition("?")[0].startswith(one))
        for path in paths
        if need(path) is not Need.PAGE
    }
    assert {one for one, _ in RULES} - elsewhere - shown - {
        "/api/v1/keys/",
        "/api/v1/users/",
        "/api/v1/layouts/",
    } == set()


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/api/v1/auth/logins", Need.PERSON), ("/api/v1/auth/login", Need.NOTHING), ("/api/v1/keys/7", Need.PERSON),
        ("/api/v1/users/ann", Need.ADMIN), ("/health/x", Need.PAGE), ("/login/x", Need.PAGE), ("//api/v1/users", Need.PAGE),
        ("/api/v1/export/jobs", Need.EXPORT), ("/API/v1/users", Need.PAGE), ("/metrics/", Need.PAGE), ("/ws/crypto/", Need.READ),
    ],
)  # fmt: skip
def test_rules_do_not_reach_further_than_they_say(path: str, wanted: Need) -> None:
    assert need(path) is wanted
