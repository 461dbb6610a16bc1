"""Logging in, and what shows who somebody is: tokens, keys, and those that are refused."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import jwt
import pytest
from flask.testing import FlaskClient

from dashboard.app import create_app
from dashboard.services import services
from pipeline.access.secrets import make_key
from pipeline.settings import Settings
from tests.dashboard.people import CANDLES, PASSWORD, SECRET, People, bearer

# -- logging in -------------------------------------------------------------------------------------------------------------


def log_in(client: FlaskClient, name: str = "bob", password: str = PASSWORD, **options: Any) -> Any:
    return client.post("/api/v1/auth/login", json={"name": name, "password": password}, **options)


def test_login_refresh_logout(guarded: FlaskClient) -> None:
    answer = log_in(guarded)
    assert answer.status_code == 200
    given = answer.json["data"]
    assert (given["name"], given["scopes"], given["token_type"], given["expires_in"]) == (
        "Bob", ["export", "read"], "Bearer", 600,
    )  # fmt: skip
    cookies = answer.headers.getlist("Set-Cookie")
    assert len(cookies) == 2
    assert all("HttpOnly" in one and "SameSite=Strict" in one for one in cookies)
    assert answer.headers["Cache-Control"] == "no-store"
    # The cookie reads; changing things takes the token itself.
    assert guarded.get("/api/v1/crypto/symbols").status_code == 200
    assert guarded.get("/").status_code == 200
    assert guarded.post("/api/v1/keys", json={"name": "x", "scopes": ["read"]}).status_code == 401

    renewed = guarded.post("/api/v1/auth/refresh")
    assert renewed.status_code == 200
    assert (
        guarded.get("/api/v1/auth/me", headers=bearer(renewed.json["data"]["access_token"])).json["data"]["name"]
        == "Bob"
    )

    assert guarded.post("/api/v1/auth/logout").status_code == 200
    assert guarded.get("/api/v1/crypto/symbols").status_code == 401
    assert guarded.post("/api/v1/auth/refresh").status_code == 401
    # The token that is still in somebody's memory is worth nothing.
    assert guarded.get("/api/v1/auth/me", headers=bearer(given["access_token"])).status_code == 401


def test_secure_cookies_behind_tls(settings: Callable[..., Settings], people: People) -> None:
    server = create_app(settings(access="on", secret_key=SECRET, proxies=1))
    with server.test_client() as client:
        answer = log_in(client, headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"})
        assert all("; Secure" in one for one in answer.headers.getlist("Set-Cookie"))
    services(server).redis.close()


def test_wrong_passwords(guarded: FlaskClient) -> None:
    answers = [log_in(guarded, password="guess") for _ in range(10)]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.json["error"] for answer in answers} == {"The name or the password is wrong."}
    refused = log_in(guarded)
    assert (refused.status_code, refused.json["code"]) == (429, "RATE_LIMITED")
    assert int(refused.headers["Retry-After"]) > 0


def test_nobody_by_that_name(guarded: FlaskClient) -> None:
    answer = log_in(guarded, name="eve")
    assert (answer.status_code, answer.json["error"]) == (401, "The name or the password is wrong.")


def test_a_refresh_token_is_good_once(guarded: FlaskClient, people: People) -> None:
    log_in(guarded)
    old = guarded.get_cookie("cryptoviz_refresh", path="/api/v1/auth")
    assert old is not None
    assert guarded.post("/api/v1/auth/refresh").status_code == 200
    newest = guarded.get_cookie("cryptoviz_refresh", path="/api/v1/auth")
    assert newest is not None
    assert newest.value != old.value
    # Another tab, at the same moment: it gets an access token, and the newest refresh token stays.
    guarded.set_cookie("cryptoviz_refresh", old.value, path="/api/v1/auth")
    again = guarded.post("/api/v1/auth/refresh")
    assert again.status_code == 200
    assert not [one for one in again.headers.getlist("Set-Cookie") if "refresh" in one]
    # A copy that shows up later ends the login, for the thief and for the owner.
    with people.session.transaction() as cursor:
        cursor.execute("UPDATE logins SET rotated_at = rotated_at - interval '1 minute'")
    assert guarded.post("/api/v1/auth/refresh").status_code == 401
    guarded.set_cookie("cryptoviz_refresh", newest.value, path="/api/v1/auth")
    assert guarded.post("/api/v1/auth/refresh").status_code == 401


def test_bodies(guarded: FlaskClient) -> None:
    for body, words in (
        ({"name": "bob"}, "password"),
        ({"name": "bob", "password": 7}, "$.password"),
        ({"name": "bob", "password": "x", "admin": True}, "admin"),
        ({"name": "", "password": "x"}, "$.name"),
    ):
        answer = guarded.post("/api/v1/auth/login", json=body)
        assert (answer.status_code, answer.json["code"]) == (400, "INVALID_BODY")
        assert words in answer.json["error"]
    answer = guarded.post("/api/v1/auth/login", data={"name": "bob", "password": PASSWORD})
    assert answer.status_code == 400, "a form of another site"


# -- tokens that are refused ----------------------------------------------------------------------------------------------------


def forged(people: People, **claims: Any) -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": "cryptoviz", "aud": "cryptoviz", "sub": str(people.bob.id), "sid": str(people.login(people.bob)),
        "iat": now, "exp": now + 600,
    } | claims  # fmt: skip


def unsigned(claims: dict[str, Any], algorithm: str = "none") -> str:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(claims)}."


def tampered(token: str) -> str:
    head, claims, signature = token.split(".")
    body = json.loads(base64.urlsafe_b64decode(claims + "=="))
    body["sub"] = "1"
    return f"{head}.{base64.urlsafe_b64encode(json.dumps(body).encode()).rstrip(b'=').decode()}.{signature}"


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda p: p.token(p.bob, life=-1), id="expired"),
        pytest.param(lambda p: tampered(p.token(p.bob)), id="tampered"),
        pytest.param(lambda p: unsigned(forged(p)), id="alg none"),
        pytest.param(lambda p: unsigned(forged(p), "None"), id="alg None"),
        pytest.param(lambda p: p.token(p.bob, secret="another server's secret, long enough"), id="foreign secret"),
        pytest.param(lambda p: jwt.encode(forged(p, iss="elsewhere"), SECRET, "HS256"), id="foreign issuer"),
        pytest.param(lambda p: jwt.encode(forged(p, aud="elsewhere"), SECRET, "HS256"), id="foreign audience"),
        pytest.param(lambda p: jwt.encode(forged(p), SECRET * 2, "HS512"), id="another algorithm"),
        pytest.param(lambda p: jwt.encode(forged(p, sid=str(uuid4())), SECRET, "HS256"), id="no such login"),
        pytest.param(lambda p: jwt.encode(forged(p, sub=str(p.ann.id)), SECRET, "HS256"), id="another's login"),
        pytest.param(lambda p: jwt.encode(forged(p, sid=None), SECRET, "HS256"), id="sid missing"),
        pytest.param(lambda p: jwt.encode(forged(p, sub="x"), SECRET, "HS256"), id="sub no number"),
        pytest.param(lambda p: make_key(), id="unknown key"),
        pytest.param(lambda p: "cvk_", id="empty key"),
        pytest.param(lambda p: "\u2603", id="no token at all"),
    ],
)
def test_tokens_that_are_refused(guarded: FlaskClient, people: People, make: Callable[[People], str]) -> None:
    answer = guarded.get(CANDLES, headers={"Authorization": f"Bearer {make(people)}".encode().decode("latin-1")})
    assert (answer.status_code, answer.json["code"]) == (401, "UNAUTHORIZED")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_revoked(guarded: FlaskClient, people: People) -> None:
    token, key = people.token(people.bob), people.key("read", of=people.bob)
    admin = bearer(people.token(people.ann))
    assert [guarded.get(CANDLES, headers=bearer(one)).status_code for one in (token, key)] == [200, 200]
    assert guarded.patch("/api/v1/users/BOB", json={"disabled": True}, headers=admin).status_code == 200
    assert [guarded.get(CANDLES, headers=bearer(one)).status_code for one in (token, key)] == [401, 401]
    assert log_in(guarded).status_code == 401
    # Let in again: the key is good, the login stays over.
    guarded.patch("/api/v1/users/bob", json={"disabled": False}, headers=admin)
    assert [guarded.get(CANDLES, headers=bearer(one)).status_code for one in (token, key)] == [401, 200]
    answer = guarded.patch("/api/v1/users/ann", json={"disabled": True}, headers=admin)
    assert answer.status_code == 403, "who keeps themselves out cannot let themselves in"


def test_ones_own_layouts(guarded: FlaskClient, people: People) -> None:
    ann, bob = bearer(people.token(people.ann)), bearer(people.token(people.bob))
    path, one = "/api/v1/layouts/Two%20screens", {"shape": {"side": 320}, "chart": {"studies": [{"name": "rsi"}]}}
    assert guarded.get("/api/v1/layouts", headers=ann).json["data"] == {}
    assert guarded.put(path, json=one, headers=ann).status_code == 200
    assert guarded.put(path, json=one | {"shape": {"side": 400}}, headers=ann).status_code == 200
    assert guarded.get("/api/v1/layouts", headers=ann).json["data"] == {"Two screens": one | {"shape": {"side": 400}}}
    assert guarded.get("/api/v1/layouts", headers=bob).json["data"] == {}, "each has their own"
    assert guarded.delete(path, headers=bob).status_code == 404
    for wrong, where in (
        ({"shape": {}}, path), ({"shape": {}, "chart": {}, "more": 1}, path), ({"shape": 1, "chart": {}}, path),
        ({"shape": {"a": "x" * 20_000}, "chart": {}}, path), ({"shape": {"a": "\0"}, "chart": {}}, path),
        ({"shape": {"a": "\ud800"}, "chart": {}}, path), (one, "/api/v1/layouts/" + "n" * 41),
    ):  # fmt: skip
        answer = guarded.put(where, data=json.dumps(wrong), content_type="application/json", headers=ann)
        assert (answer.status_code, answer.json["code"]) == (400, "INVALID_BODY"), wrong
    deep = b'{"chart": {}, "shape": {"a": ' + b"[" * 7_000 + b"]" * 7_000 + b"}}"
    assert guarded.put(path, data=deep, content_type="application/json", headers=ann).status_code == 400
    for n in range(49):
        assert guarded.put(f"/api/v1/layouts/{n}", json=one, headers=ann).status_code == 200
    assert guarded.put("/api/v1/layouts/one-more", json=one, headers=ann).status_code == 400
    assert guarded.delete(path, headers=ann).status_code == 200
    assert guarded.put("/api/v1/layouts/one-more", json=one, headers=ann).status_code == 200


def test_ones_own_keys(guarded: FlaskClient, people: People) -> None:
    bob, ann = bearer(people.token(people.bob)), bearer(people.token(people.ann))
    answer = guarded.post("/api/v1/keys", json={"name": "nightly", "scopes": ["read"], "days": 30}, headers=bob)
    assert answer.status_code == 201
    made = answer.json["data"]
    assert guarded.get(CANDLES, headers=bearer(made["key"])).status_code == 200
    (shown,) = guarded.get("/api/v1/keys", headers=bob).json["data"]
    assert (shown["name"], shown["hint"], shown["scopes"]) == ("nightly", made["key"][:10], ["read"])
    assert made["key"] not in json.dumps(shown)
    refused = guarded.post("/api/v1/keys", json={"name": "x", "scopes": ["admin"]}, headers=bob)
    assert refused.status_code == 403, "what one has not, one cannot give"
    path = f"/api/v1/keys/{made['id']}"
    assert guarded.delete(path, headers=ann).status_code == 404, "another's"
    assert guarded.delete(path, headers=bob).status_code == 200
    assert guarded.get(CANDLES, headers=bearer(made["key"])).status_code == 401
    assert guarded.delete(f"/api/v1/keys/{2**63}", headers=bob).status_code == 404


def test_a_new_password(guarded: FlaskClient, people: People) -> None:
    here, there = people.token(people.bob), people.token(people.bob)
    change = {"password": PASSWORD, "new": "another long password"}
    assert (
        guarded.post("/api/v1/auth/password", json=change | {"password": "?"}, headers=bearer(here)).status_code == 403
    )
    assert (
        guarded.post("/api/v1/auth/password", json=change | {"new": "short"}, headers=bearer(here)).status_code == 400
    )
    assert guarded.post("/api/v1/auth/password", json=change, headers=bearer(here)).status_code == 200
    assert guarded.get(CANDLES, headers=bearer(here)).status_code == 200
    assert guarded.get(CANDLES, headers=bearer(there)).status_code == 401, "every other login is over"
    assert log_in(guarded).status_code == 401
    assert log_in(guarded, password="another long password").status_code == 200


def test_limits_are_told(guarded: FlaskClient, people: People) -> None:
    mine, other = bearer(people.key("read")), bearer(people.key("read", name="other"))
    first = guarded.get("/api/v1/auth/me", headers=mine)
    assert (first.headers["RateLimit-Limit"], first.headers["RateLimit-Remaining"]) == ("100", "99")
    assert 0 < int(first.headers["RateLimit-Reset"]) <= 60
    statuses = [guarded.get("/api/v1/auth/me", headers=mine).status_code for _ in range(100)]
    assert statuses == [200] * 99 + [429]
    refused = guarded.get("/api/v1/auth/me", headers=mine)
    assert (refused.json["code"], refused.headers["RateLimit-Remaining"]) == ("RATE_LIMITED", "0")
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert guarded.get("/api/v1/auth/me", headers=other).status_code == 200, "each key has its own"


def test_access_off(web: FlaskClient) -> None:
    assert web.get("/api/v1/auth/me").json["data"]["access"] == "off"
    for path in ("/api/v1/keys", "/api/v1/users"):
        assert web.get(path).status_code == 404
    answer = web.post("/api/v1/auth/login", json={"name": "bob", "password": PASSWORD})
    assert answer.status_code == 404
    assert "Access is off" in answer.json["error"]
