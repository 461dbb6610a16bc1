"""Who may call what, with access on: over real tables and counters, in the application and on the real server."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import pytest
from flask.testing import FlaskClient
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from dashboard.access.rules import RULES, Need, need
from dashboard.access.tokens import Tokens
from dashboard.app import create_app
from dashboard.services import services
from pipeline.access.secrets import digest, hash_password, hint, make_key
from pipeline.client import CryptoViz, Refused
from pipeline.errors import SetupError
from pipeline.live import LivePublisher, channel
from pipeline.live_messages import trade_data
from pipeline.settings import Settings
from pipeline.store.api_keys import ApiKeys
from pipeline.store.logins import Logins
from pipeline.store.session import Session
from pipeline.store.users import User, Users
from pipeline.store.write import Store
from tests.dashboard.conftest import candle, trade
from tests.stack import Program, eventually, free_port

SECRET = "3f1c9a7be0d24856b1f7a09c8e62d5410f2b"
PASSWORD = "correct horse battery"
HASH = hash_password(PASSWORD)
CANDLES = "/api/v1/crypto/data?symbol=BTC/USDT"


class People:
    """Who there is: ann, an admin, and bob, who is not."""

    def __init__(self, database_url: str) -> None:
        self.session = Session(database_url)
        self.users, self.logins, self.keys = Users(self.session), Logins(self.session), ApiKeys(self.session)
        self.ann = self.users.add("ann", HASH, "admin")
        self.bob = self.users.add("Bob", HASH)

    def key(self, *scopes: str, of: User | None = None, name: str = "script") -> str:
        key = make_key()
        self.keys.add((of or self.ann).id, name, hint(key), digest(key), list(scopes), None)
        return key

    def login(self, user: User) -> UUID:
        login = uuid4()
        self.logins.begin(login, user.id, digest("secret"), "pytest")
        return login

    def token(self, user: User, secret: str = SECRET, life: int = 600) -> str:
        return Tokens(secret).issue(user.id, self.login(user), life)


@pytest.fixture
def people(store: Store, database_url: str) -> Iterator[People]:
    people = People(database_url)
    yield people
    people.session.close()


@pytest.fixture
def guarded(settings: Callable[..., Settings], people: People) -> Iterator[FlaskClient]:
    server = create_app(settings(access="on", secret_key=SECRET, metrics_token="m" * 40, rate_limit=100))
    with server.test_client(use_cookies=True) as client:
        yield client
    mine = services(server)
    mine.redis.close()
    mine.reader.close()
    assert mine.access is not None
    mine.access.authority.close()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


# -- the table --------------------------------------------------------------------------------------------------------------

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


# -- starting -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"host": "0.0.0.0"}, "without CRYPTOVIZ_SECRET_KEY"),
        ({"host": "::"}, "without CRYPTOVIZ_SECRET_KEY"),
        ({"host": "terminal.example"}, "without CRYPTOVIZ_SECRET_KEY"),
        ({"access": "on"}, "with access on without"),
        ({"host": "0.0.0.0", "secret_key": "changeme"}, "too easy to guess"),
        ({"host": "0.0.0.0", "secret_key": "x" * 64}, "too easy to guess"),
    ],
)
def test_no_public_address_with_a_secret_that_can_be_guessed(
    settings: Callable[..., Settings], given: dict[str, str], words: str
) -> None:
    with pytest.raises(SetupError, match=words) as refused:
        create_app(settings(**given))
    assert given.get("secret_key", "?") not in str(refused.value)


def test_loopback_is_open(settings: Callable[..., Settings]) -> None:
    for host in ("127.0.0.1", "localhost", "::1", "127.8.8.8"):
        assert services(create_app(settings(host=host))).access is None
    assert services(create_app(settings(host="0.0.0.0", access="off"))).access is None


def test_secrets_are_in_no_text(settings: Callable[..., Settings]) -> None:
    made = settings(secret_key=SECRET, metrics_token="m" * 40)
    assert SECRET not in repr(made)
    assert "m" * 40 not in repr(made)


# -- on the real server -----------------------------------------------------------------------------------------------------------


class Server:
    def __init__(self, settings: Settings, folder: Path, name: str, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.program = Program(
            "web", "--port", str(self.port), log=folder / f"{name}.log",
            CRYPTOVIZ_REDIS_URL=settings.redis_url, CRYPTOVIZ_DATABASE_URL=settings.database_url,
            CRYPTOVIZ_ACCESS="on", CRYPTOVIZ_SECRET_KEY=SECRET, CRYPTOVIZ_RATE_LIMIT="100", **environment,
        )  # fmt: skip
        assert eventually(self._answers), self.program.log.read_text()

    def _answers(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/health").status_code == 200
        return False

    def connect(self, **options: Any) -> ClientConnection:
        return connect(f"ws://127.0.0.1:{self.port}/ws/crypto", **options)

    def stop(self) -> str:
        assert self.program.stop(10) == 0
        return self.program.log.read_text()


@pytest.fixture
def served(settings: Callable[..., Settings], people: People, tmp_path: Path) -> Iterator[Server]:
    server = Server(settings(), tmp_path, "web", CRYPTOVIZ_WS_ORIGINS="https://friend.example")
    yield server
    said = server.stop()
    assert "Traceback" not in said
    for secret in (SECRET, PASSWORD, "cvk_", "eyJ"):
        assert secret not in said


def ask(ws: ClientConnection, **request: Any) -> dict[str, Any]:
    ws.send(json.dumps(request))
    return dict(json.loads(ws.recv(5)))


def closed(ws: ClientConnection, within: float = 5) -> int:
    end = time.monotonic() + within
    with suppress(ConnectionClosed):
        while True:
            ws.recv(max(0.1, end - time.monotonic()))
    return ws.close_code or 0


def test_the_socket_knows_who_listens(served: Server, people: People, live: LivePublisher) -> None:
    key, token = people.key("read", of=people.bob), people.token(people.ann)
    with served.connect() as by_key, served.connect() as by_token:
        assert ask(by_key, action="authenticate", token=key)["data"] == {
            "access": "on",
            "name": "script",
            "until": None,
        }
        assert ask(by_token, action="authenticate", token=token)["data"]["name"] == "ann"
        for ws in (by_key, by_token):
            assert ask(ws, action="subscribe", type="trade", symbol="BTC/USDT")["type"] == "subscribed"
        live.publish({channel("trade", "BTC/USDT"): [trade_data(trade(1))]})
        for ws in (by_key, by_token):
            assert json.loads(ws.recv(5))["data"]["trade_id"] == "1"
        # Kept out while they listen.
        people.users.disable("bob")
        assert closed(by_key, 15) == 4401
        assert ask(by_token, action="ping")["type"] == "pong"


def test_the_socket_refuses(served: Server, people: People) -> None:
    for said in (
        {"action": "subscribe", "type": "trade", "symbol": "BTC/USDT"},
        {"action": "ping"},
        {"action": "authenticate", "token": "guess"},
        {"action": "authenticate", "token": people.token(people.bob, life=-1)},
        {"action": "authenticate", "token": people.key("export")},
    ):
        with served.connect() as ws:
            ws.send(json.dumps(said))
            assert closed(ws) == 4401
    with served.connect() as renewed, served.connect() as brief, served.connect() as silent:
        begun = time.monotonic()
        for one in (renewed, brief):
            ask(one, action="authenticate", token=people.token(people.bob, life=2))
        ask(renewed, action="authenticate", token=people.token(people.bob))
        assert closed(brief, 15) == 4401, "a token ends while the socket is open"
        assert closed(silent, 15) == 4401
        time.sleep(max(0.0, begun + 7 - time.monotonic()))
        assert ask(renewed, action="ping")["type"] == "pong"


def test_origins_of_the_socket(served: Server) -> None:
    with pytest.raises(InvalidStatus) as refused, served.connect(origin="https://evil.example"):
        pass
    assert refused.value.response.status_code == 403
    for origin in ("https://friend.example", served.url):
        with served.connect(origin=origin) as ws:
            assert ws.response is not None
            assert ws.response.status_code == 101


def test_the_client_shows_its_key(served: Server, people: People, store: Store, live: LivePublisher) -> None:
    store.write([], [candle(0)])
    with CryptoViz(served.url, key=people.key("read")) as viz:
        assert len(viz.candles("BTC/USDT", "1m")) == 1
        live.publish({channel("trade", "BTC/USDT"): [trade_data(trade(1))]})
        stream = viz.live("trade", "BTC/USDT")
        assert eventually(lambda: live.publish({channel("trade", "BTC/USDT"): [trade_data(trade(2))]}) is None)
        stream.close()  # type: ignore[attr-defined]
    with CryptoViz(served.url, key="cvk_wrong") as viz:
        with pytest.raises(Refused, match="UNAUTHORIZED"):
            viz.candles("BTC/USDT", "1m")
        with pytest.raises(Refused, match="UNAUTHORIZED"):
            next(viz.live("trade", "BTC/USDT"))


def test_limits_hold_over_several_web_servers(
    served: Server, settings: Callable[..., Settings], people: People, tmp_path: Path
) -> None:
    second = Server(settings(), tmp_path, "second")
    try:
        head = bearer(people.key("read"))
        with httpx.Client(headers=head) as client:
            statuses = [client.get(f"{(served, second)[n % 2].url}/api/v1/auth/me").status_code for n in range(120)]
        # Half of them at each, and together no more than one of them would allow.
        assert statuses.count(200) == 100
        assert statuses[100:] == [429] * 20
    finally:
        second.stop()
