"""The OpenAPI document: every route is in it, and each answers as it says, whatever it is called with."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
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
from pipeline.live import LivePublisher
from pipeline.settings import Settings
from pipeline.store.write import Store
from tests.dashboard.conftest import candle, trade

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
