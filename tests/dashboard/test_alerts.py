"""Alerts over REST, and to whom they are told: each user's are theirs alone."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis
from flask.testing import FlaskClient

from pipeline.alerting.changes import generation
from pipeline.alerting.rules import Firing, Rule
from pipeline.live import LivePublisher, LiveReader, channel
from pipeline.settings import Settings
from pipeline.store.alerts import MOST, Alerts
from pipeline.store.session import Session
from tests.dashboard.conftest import NOON, application
from tests.dashboard.people import SECRET, People, Server, ask, bearer, closed

ALERTS = "/api/v1/alerts"
JSON: Any = {"content_type": "application/json"}
PRICE: dict[str, Any] = {"symbol": "BTC/USDT", "kind": "price", "direction": "above", "value": 65577.87}


@pytest.fixture
def guarded(settings: Callable[..., Settings], people: People) -> Iterator[FlaskClient]:
    with application(settings(access="on", secret_key=SECRET, rate_limit=10_000)) as client:
        yield client


def _fire(people: People, count: int) -> None:
    """Everything that waits fires, as the worker does it."""
    table = Alerts(people.session)
    rules = table.rules()
    with people.session.transaction() as cursor:
        for n in range(count):
            table.fire(
                cursor,
                [Firing(rule=one, event=f"trade {n}", time=NOON + n * 60_000, value=one.value, partition=0) for one in rules],
            )  # fmt: skip


def test_made_read_changed_fired_deleted(web: Any, store: object, redis_url: str, database_url: str) -> None:
    client: Any = redis.Redis.from_url(redis_url)
    answer = web.post(
        ALERTS, data=b'{"symbol":"btc-usdt","kind":"price","direction":"above","value":65577.870000000001}', **JSON
    )
    assert answer.status_code == 201
    made = answer.json["data"]
    assert b'"value":65577.870000000001' in answer.data, "with every digit"
    assert (made["symbol"], made["state"], made["repeat"], made["cooldown"], made["fired_count"]) == (
        "BTC/USDT",
        "active",
        "once",
        60,
        0,
    )
    assert generation(client) == 1, "the worker hears of it"
    assert web.get(ALERTS).json["data"] == [made]
    assert web.get(f"{ALERTS}/{made['id']}").json["data"] == made
    asked = {
        "symbol": "BTC/USDT",
        "kind": "change",
        "direction": "cross",
        "value": 2.5,
        "span": "1h",
        "repeat": "every",
        "note": "?",
    }
    changed = web.put(f"{ALERTS}/{made['id']}", json=asked | {"paused": True}).json["data"]
    assert (changed["state"], changed["kind"], changed["span"], changed["note"]) == ("paused", "change", "1h", "?")
    assert web.put(f"{ALERTS}/{made['id']}", json=asked).json["data"]["state"] == "active"
    assert generation(client) == 3

    session = Session(database_url)
    table = Alerts(session)
    [rule] = table.rules()
    with session.transaction() as cursor:
        for n in (0, 1, 2, 2):
            table.fire(
                cursor, [Firing(rule=rule, event=f"trade {n}", time=NOON + n * 60_000, value=rule.value, partition=0)]
            )
        # Too soon after the one before; and of a revision that is no more.
        table.fire(cursor, [Firing(rule=rule, event="trade 3", time=NOON + 130_000, value=rule.value, partition=0)])
        old = Rule(**{**msgspec.structs.asdict(rule), "revision": 1})
        table.fire(cursor, [Firing(rule=old, event="trade 9", time=NOON + 900_000, value=rule.value, partition=0)])
    first = web.get(f"{ALERTS}/firings?limit=2").json
    second = web.get(f"{ALERTS}/firings?limit=2&cursor={first['pagination']['next_cursor']}").json
    assert [one["time"] for one in first["data"] + second["data"]] == [f"2024-08-08T12:0{n}:00Z" for n in (2, 1, 0)]
    assert first["data"][0]["alert"]["note"] == "?"
    assert second["pagination"]["next_cursor"] is None
    assert web.get(f"{ALERTS}/firings?symbol=ETH/USDT").json["data"] == []
    assert web.get(f"{ALERTS}/{made['id']}").json["data"]["fired_count"] == 3
    assert web.delete(f"{ALERTS}/{made['id']}").json["data"] == {"removed": made["id"]}
    assert web.delete(f"{ALERTS}/{made['id']}").status_code == 404
    assert web.put(f"{ALERTS}/{made['id']}", json=asked).status_code == 404
    assert len(web.get(f"{ALERTS}/firings").json["data"]) == 3
    session.close()
    client.close()


def test_what_is_wrong_is_named(web: Any) -> None:
    for wrong, field in (
        ({"symbol": "nonsense!"}, "symbol"), ({"symbol": "XYZ/USDT"}, "symbol"), ({"value": -1}, "value"), ({"value": "x"}, "value"),
        ({"kind": "moon"}, "kind"), ({"direction": "up"}, "direction"), ({"cooldown": -1}, "cooldown"), ({"note": "x" * 201}, "note"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"), ({"expires_at": "2999-01-01T00:00:00"}, "expires_at"),
        ({"span": "1h"}, "span"), ({"kind": "indicator"}, "timeframe"), ({"more": 1}, "more"),
    ):  # fmt: skip
        answer = web.post(ALERTS, json=PRICE | wrong)
        assert answer.status_code == 400
        assert answer.json["code"] in ("INVALID_BODY", "INVALID_SYMBOL")
        assert field in answer.json["error"]
        assert answer.json["example"].startswith("POST /api/v1/alerts")


def test_there_is_an_end_to_them(web: Any) -> None:
    answers = [web.post(ALERTS, json=PRICE).status_code for _ in range(MOST + 1)]
    assert answers == [201] * MOST + [400]


def test_each_user_has_their_own(guarded: Any, people: People) -> None:
    ann, bob = bearer(people.token(people.ann)), bearer(people.token(people.bob))
    made = guarded.post(ALERTS, json=PRICE, headers=ann).json["data"]
    path = f"{ALERTS}/{made['id']}"
    assert guarded.get(ALERTS, headers=bob).json["data"] == []
    for answer in (
        guarded.get(path, headers=bob),
        guarded.put(path, json=PRICE, headers=bob),
        guarded.delete(path, headers=bob),
    ):
        assert answer.status_code == 404
    _fire(people, 1)
    assert len(guarded.get(f"{ALERTS}/firings", headers=ann).json["data"]) == 1
    assert guarded.get(f"{ALERTS}/firings", headers=bob).json["data"] == []
    key = bearer(people.key("read"))
    assert len(guarded.get(ALERTS, headers=key).json["data"]) == 1, "a program of ann's reads them"
    assert guarded.delete(path, headers=key).status_code == 403, "and changes nothing"


@pytest.fixture
def served(settings: Callable[..., Settings], people: People, tmp_path: Path) -> Iterator[Server]:
    server = Server(settings(), tmp_path, "web")
    yield server
    assert "Traceback" not in server.stop()


def test_the_socket_tells_each_user_their_own(served: Server, people: People, live: LivePublisher) -> None:
    """Whatever they subscribe to, by name, all at once, by alias, or resuming from the beginning."""

    def publish(user: int, n: int) -> None:
        live.publish({channel("alert", "BTC/USDT", str(user)): [b'{"n":%d}' % n]})

    ann, bob = people.ann.id, people.bob.id
    publish(ann, 1)
    with served.connect() as hers, served.connect() as his:
        for ws, user in ((hers, people.ann), (his, people.bob)):
            ask(ws, action="authenticate", token=people.token(user))
            assert ask(ws, action="subscribe", type="alert")["data"] == {"type": "alert", "symbol": "", "timeframe": ""}
        # A timeframe means nothing here, and is no way in either.
        answer = ask(his, action="subscribe", type="alerts", symbol="BTC/USDT", timeframe="1m", since=0, epoch="")
        assert (answer["type"], answer["seq"]) == ("subscribed", 0)
        publish(ann, 2)
        publish(bob, 3)
        publish(ann, 4)
        assert [json.loads(hers.recv(5))["data"]["n"] for _ in range(2)] == [2, 4]
        found = json.loads(his.recv(5))
        assert (found["data"]["n"], found["seq"]) == (3, 1), "once, and numbered for him alone"
        assert ask(his, action="ping")["type"] == "pong", "and that was all"
        answer = ask(hers, action="subscribe", type="alert", symbol="BTC/USDT", since=1, epoch=_epoch(live))
        assert (answer["recovered"], answer["seq"]) == (True, 3)
        assert ask(his, action="unsubscribe", type="alert")["type"] == "unsubscribed"
        his.send(json.dumps({"action": "authenticate", "token": people.token(people.ann)}))
        assert closed(his) == 4401, "nobody becomes somebody else on a connection"


def _epoch(live: LivePublisher) -> str:
    return LiveReader(live._redis).newest("")[0]
