"""The OpenAPI document: every route is in it, and each answers as it says, whatever it is called with."""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import hypothesis
import msgspec
import psycopg2
import pytest
import redis
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from dashboard.api.openapi import OPERATIONS, openapi
from dashboard.app import create_app
from dashboard.services import services
from pipeline.collecting.history import MARKETS_KEY
from pipeline.live import LivePublisher, channel
from pipeline.live_messages import ticker_data
from pipeline.model import Market, Ticker
from pipeline.settings import Settings
from pipeline.store.write import Store
from tests.dashboard.conftest import NOON, candle, trade
from tests.dashboard.people import PASSWORD, SECRET, People, bearer
from tests.tools import REPOSITORY

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def test_every_route_is_in_it(settings: Callable[..., Settings]) -> None:
    rules = {
        re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule.removeprefix("/api/v1"))
        for rule in create_app(settings()).url_map.iter_rules()
        if rule.rule.startswith("/api/v1/")
    }
    documented = {one.path for one in OPERATIONS}
    # Old aliases, by path: documented for people, not for new programs.
    aliases = {rule for rule in rules if rule.startswith(("/crypto/{name}", "/stats/{name}"))}
    named = {"/indicators/{type}": "/indicators/{name}", "/news/{token}": "/news/{name}"}
    assert {named.get(path, path) for path in documented} == rules - aliases - {"/openapi.json"}


def test_the_document_is_served(web: Any) -> None:
    found = web.get("/api/v1/openapi.json").json
    assert found == openapi()
    assert found["openapi"] == "3.1.0"
    assert found["components"]["schemas"]["CandleRow"]["properties"]["open"] == {"type": "number"}


@pytest.fixture
def schema(settings: Callable[..., Settings], store: Store, live: LivePublisher) -> Iterator[Any]:
    store.write([trade(n) for n in range(30)], [candle(n) for n in range(60)])
    server = create_app(settings())
    yield schemathesis.openapi.from_wsgi("/api/v1/openapi.json", server)
    services(server).redis.close()


@pytest.mark.parametrize(
    ("path", "method"),
    [(one.path, one.method.upper()) for one in OPERATIONS if one.answer is not None and one.status != 202],
)
def test_whatever_is_asked_is_answered_as_documented(path: str, method: str, schema: Any) -> None:
    @hypothesis.settings(max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=schema[path][method].as_strategy())
    def ask(case: Any) -> None:
        case.call_and_validate(checks=CHECKS, headers={"Accept-Encoding": "identity"})

    ask()


@pytest.mark.parametrize(
    ("resource", "made"),
    [
        ("keys", {("POST /keys", 201), ("DELETE /keys/{key_id}", 200), ("DELETE /keys/{key_id}", 404)}),
        (
            "layouts",
            {("PUT /layouts/{layout}", 200), ("PUT /layouts/{layout}", 400), ("DELETE /layouts/{layout}", 200)},
        ),
    ],
)
def test_what_was_made_can_be_removed_and_nothing_else(
    resource: str, made: set[tuple[str, int]], settings: Callable[..., Settings], people: People
) -> None:
    """Calls in any order, along the document's links: what one answers the next is called with."""
    server = create_app(settings(access="on", secret_key=SECRET, rate_limit=1_000_000))
    head = bearer(people.token(people.ann))
    statuses: set[tuple[str, int]] = set()
    schema: Any = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", server, headers=head)

    class Calls(schema.include(path_regex=f"^/{resource}").as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": head | {"Accept-Encoding": "identity"}}

        def validate_response(self, response: Any, case: Any, *_: Any, **__: Any) -> None:
            statuses.add((f"{case.operation.method.upper()} {case.operation.path}", response.status_code))
            case.validate_response(response, checks=CHECKS)

    Calls.run(
        settings=hypothesis.settings(
            max_examples=40, stateful_step_count=8, deadline=None, database=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
    )  # fmt: skip
    assert made <= statuses, statuses
    _close(server)


def test_answers_that_are_put_together_by_hand_are_as_documented(
    settings: Callable[..., Settings], people: People, store: Store, live: LivePublisher
) -> None:
    store.write([trade(0)], [candle(n) for n in range(5)])
    one = Decimal("1.50")
    live.publish({channel("ticker", "BTC/USDT"): [ticker_data(Ticker("BINANCE", "BTC/USDT", NOON, bid=one))]})
    book = {"exchange": "BINANCE", "symbol": "BTC/USDT", "timestamp": NOON, "bids": [["1.5", "2"]], "asks": []}
    live.forming({channel("book", "BTC/USDT"): msgspec.json.encode(book)})
    server = create_app(settings(access="on", secret_key=SECRET, rate_limit=1_000_000))
    market = Market("BINANCE", "BTC/USDT", "BTC", "USDT", Decimal("0.01"), Decimal("0.001"))
    services(server).redis.hset(MARKETS_KEY, "BTC/USDT", msgspec.json.encode(market))
    head = bearer(people.token(people.ann)) | {"Accept-Encoding": "identity"}
    schema: Any = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", server, headers=head)
    symbol = {"query": {"symbol": "BTC/USDT"}}
    password = {"name": "ann", "password": PASSWORD}
    asked: dict[tuple[str, str], dict[str, Any]] = {
        ("/stats", "GET"): symbol, ("/book", "GET"): symbol, ("/markets", "GET"): {}, ("/markets/tickers", "GET"): {},
        ("/status", "GET"): {}, ("/exchanges", "GET"): {}, ("/sentiment/gauge", "GET"): {}, ("/sentiment/study", "GET"): {},
        ("/users", "GET"): {}, ("/users/{user}", "PATCH"): {"path_parameters": {"user": "bob"}, "body": {"disabled": True}},
        ("/auth/login", "POST"): {"body": password}, ("/auth/logins", "GET"): {}, ("/auth/me", "GET"): {},
        ("/auth/password", "POST"): {"body": {"password": PASSWORD, "new": "another long one"}},
    }  # fmt: skip
    for (path, method), given_ in asked.items():
        case = schema[path][method].Case(**given_, **({"media_type": "application/json"} if "body" in given_ else {}))
        answer = case.call_and_validate(checks=CHECKS, headers=head)
        assert answer.status_code == 200, (path, answer.text)
    _close(server)


def test_every_documented_error_code_is_reached(
    settings: Callable[..., Settings], people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    apps = [create_app(settings()), create_app(settings(access="on", secret_key=SECRET, rate_limit=100))]
    web, guarded = (app.test_client() for app in apps)
    ann, bob = bearer(people.token(people.ann)), bearer(people.token(people.bob))
    data, candles = "/api/v1/crypto/data", "/api/v1/crypto/data?symbol=BTC/USDT&interval=1m"
    reached = {
        answer.json["code"]
        for answer in (
            web.get(data), web.get(f"{data}?symbol=%00&interval=1m"), web.get(f"{data}?symbol=BTC/USDT&interval=7m"),
            web.get(f"{candles}&limit=x"), web.get(f"{candles}&start_time=x"), web.get(f"{candles}&cursor=x"),
            web.get("/api/v1/nothing"), web.post(data), guarded.get(data),
            guarded.patch("/api/v1/users/ann", json={"disabled": True}, headers=bob),
            guarded.put("/api/v1/layouts/mine", json=[], headers=ann),
        )
    }  # fmt: skip
    reached |= {guarded.get(candles, headers=bob).json.get("code") for _ in range(120)} - {None}

    def away(*_: Any, **__: Any) -> None:
        raise redis.ConnectionError

    def broken(*_: Any, **__: Any) -> None:
        raise psycopg2.OperationalError

    mine = services(apps[0])
    monkeypatch.setattr(mine.redis, "ping", away)
    reached.add(web.get("/ready").json["code"])
    monkeypatch.setattr(mine.series, "candles", broken)
    reached.add(web.get(f"{candles}&start_time=2026-01-01").json["code"])
    text = (REPOSITORY / "docs" / "rest.md").read_text()
    [documented] = re.findall(r"^Codes: (.*?)\n\n", text, re.MULTILINE | re.DOTALL)
    assert set(re.findall("`([A-Z_]+)`", documented)) == reached
    for app in apps:
        _close(app)


def _close(server: Flask) -> None:
    mine = services(server)
    mine.redis.close()
    mine.reader.close()
    if mine.access is not None:
        mine.access.authority.close()
