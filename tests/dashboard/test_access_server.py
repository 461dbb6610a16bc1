"""Access on the real server: where it may start, who may listen on the socket, limits over several web servers."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from dashboard.app import create_app
from dashboard.services import services
from pipeline.client import CryptoViz, Refused
from pipeline.errors import SetupError
from pipeline.live import LivePublisher, channel
from pipeline.live_messages import trade_data
from pipeline.settings import Settings
from pipeline.store.write import Store
from tests.dashboard.conftest import candle, trade
from tests.dashboard.people import PASSWORD, SECRET, People, Server, ask, bearer, closed
from tests.stack import eventually


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


@pytest.fixture
def served(settings: Callable[..., Settings], people: People, tmp_path: Path) -> Iterator[Server]:
    server = Server(settings(), tmp_path, "web", CRYPTOVIZ_WS_ORIGINS="https://friend.example")
    yield server
    said = server.stop()
    assert "Traceback" not in said
    for secret in (SECRET, PASSWORD, "cvk_", "eyJ"):
        assert secret not in said


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
