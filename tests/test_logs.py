"""What a line of the logs says, what it must not say, and how often."""

import io
import json
import logging
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline import logs
from pipeline.errors import SetupError
from pipeline.logs.masking import HIDDEN, Mask
from pipeline.logs.repeats import MOST, Repeats
from pipeline.settings import Settings, load
from tests.stack import eventually

Written = Callable[[], list[str]]


def test_a_line_says_who_when_and_what(logging_to: Callable[..., Written]) -> None:
    written = logging_to(log_format="json")
    with structlog.contextvars.bound_contextvars(request="abc"):
        structlog.get_logger("pipeline.x").warning("waiting", what="bus", symbol="BTC/USDT")
    # Threads begin without what is bound, and libraries do not know structlog.
    thread = threading.Thread(target=logging.getLogger("some.library").error, args=("lost %s", "it"))
    thread.start()
    thread.join()
    first, second = map(json.loads, written())
    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "event": "waiting", "what": "bus", "symbol": "BTC/USDT", "request": "abc", "worker": "writer", "level": "warning",
        "logger": "pipeline.x",
    }  # fmt: skip
    assert (second["event"], second["worker"], second["logger"]) == ("lost it", "writer", "some.library")


def test_levels_by_module(logging_to: Callable[..., Written]) -> None:
    levels = "tests.logs.deep=debug, tests.logs.quiet=ERROR,httpx=info"
    written = logging_to(log_format="json", log_level="warning", log_levels=levels)
    try:
        for name in ("tests.logs.deep.below", "tests.logs.quiet", "tests.logs.other", "httpx"):
            for level in ("debug", "info", "warning", "error"):
                structlog.get_logger(name).log(getattr(logging, level.upper()), level)
        said = [(line["logger"].removeprefix("tests.logs."), line["event"]) for line in map(json.loads, written())]
        assert said == [
            *(("deep.below", level) for level in ("debug", "info", "warning", "error")),
            ("quiet", "error"), ("other", "warning"), ("other", "error"),
            ("httpx", "info"), ("httpx", "warning"), ("httpx", "error"),
        ]  # fmt: skip
    finally:
        for name in ("tests.logs.deep", "tests.logs.quiet"):
            logging.getLogger(name).setLevel(logging.NOTSET)
    for wrong in ("pipeline.bus", "pipeline=loud", "=debug", "a..b=info"):
        with pytest.raises(SetupError, match=r"write it like pipeline\.bus=debug"):
            load(_env_file=None, log_levels=wrong)


def test_what_is_said_too_often_is_counted_and_said_once(logging_to: Callable[..., Written]) -> None:
    written = logging_to(log_format="json")
    (handler,) = logging.getLogger().handlers
    handler.filters[:] = [short := Repeats(handler, minute=0.2)]
    log = structlog.get_logger("pipeline.x")
    for n in range(MOST + 412):
        log.warning("gap", number=n)
        log.debug("not even looked at")
        logging.getLogger("other.place").warning("n is %s", n) if n < 5 else None
    log.error("gap")
    events = [json.loads(line)["event"] for line in written()]
    assert events.count("gap") == MOST + 1, "another level is another place"
    assert [event for event in events if event.startswith("n is")] == [f"n is {n}" for n in range(5)]
    # Nobody says anything any more, and it is said all the same.
    assert eventually(lambda: any("repeated" in line for line in written()), 10)
    summary = json.loads(written()[-1])
    assert summary["event"] == "gap … repeated 412 times"
    assert (summary["level"], summary["logger"], summary["worker"]) == ("warning", "pipeline.x", "writer")
    # And after that minute it may speak again.
    log.warning("gap", number=-1)
    assert json.loads(written()[-1])["number"] == -1
    for n in range(5000):
        logging.getLogger("made.anew").warning(f"message {n}")
    assert len(short._places) <= 1000


# -- secrets -----------------------------------------------------------------------------------------------------------

#: Neither so short nor so common that it stands in a line anyway.
secrets = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=5, max_size=40).map(
    lambda text: f"q{text}Z9"
)
DEEP = st.recursive(
    st.just("{}"), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner)
)


def lines_of(settings: Settings, said: Callable[[Any], None], as_json: bool) -> str:
    """What `said` makes the logs write."""
    root = logging.getLogger()
    before = root.handlers[:]
    try:
        logs.setup(settings.model_copy(update={"log_format": "json" if as_json else "text"}), "web")
        (handler,) = root.handlers
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(stream := io.StringIO())
        said(structlog.get_logger("pipeline.x"))
        return stream.getvalue()
    finally:
        root.handlers[:] = before
        structlog.reset_defaults()


def fill(shape: Any, secret: str) -> Any:
    if isinstance(shape, str):
        return shape.replace("{}", f"before {secret} after")
    if isinstance(shape, list):
        return [fill(one, secret) for one in shape]
    return {name: fill(one, secret) for name, one in shape.items()}


class Thing:
    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return f"Thing({self._text})"


@given(secret=secrets, shape=DEEP, as_json=st.booleans())
@example(secret="qa\"b\\c'dZ9", shape=["{}", {"x": "{}"}], as_json=False)
@example(secret="q%2F@:/ü✓Z9", shape="{}", as_json=True)
def test_no_secret_of_the_settings_is_ever_written(secret: str, shape: Any, as_json: bool) -> None:
    url = f"postgresql+psycopg2://ann:{quote(secret, safe='')}@db:5432/x"
    settings = load(_env_file=None, database_url=url, metrics_token=secret)
    values = fill(shape, secret)

    def say(log: Any) -> None:
        log.warning("lost", value=values, address=url, thing=Thing(secret), more={"deep": (Thing(url),)})
        logging.getLogger("lib").error("cannot reach %s: %s", url, secret)
        try:
            raise KeyError(f"no answer of {url} with {secret}")
        except KeyError:
            log.exception("failed")

    written = lines_of(settings, say, as_json)
    assert written.count("\n") >= 3 and "db:5432" in written and HIDDEN in written
    for spelling in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1]):
        assert spelling not in written


unknown = st.text(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$*%", min_size=1, max_size=60
).map(lambda text: f"q{text}9")


@given(secret=unknown)
def test_what_looks_like_a_secret_is_hidden(secret: str) -> None:
    mask = Mask()
    for text in (
        f"redis://:{secret}@redis:6379/0 is away", f"amqp://ann:{secret}@host", f"GET /x?token={secret}&y=1",
        f"Authorization: Bearer {secret}", f'{{"password": "{secret}"}}', f"{{'api_key': '{secret}'}}",
        f"password={secret} host=db", f"X-Api-Key cvk_{secret}"
    ):  # fmt: skip
        hidden = mask.text(text)
        assert f"q{secret[1:]}" not in hidden, hidden
        assert HIDDEN in hidden
    for name in ("password", "db_password", "access_token", "Authorization", "cookie"):
        assert mask(None, "", {name: secret, "host": "db"}) == {name: HIDDEN, "host": "db"}


def test_what_is_no_secret_stays() -> None:
    mask = Mask(["abc", ""])
    for text in (
        "https://api.example.com:9443/a?symbol=BTC/USDT", "abc is too short to be looked for", "the token is missing",
        "12:30:01 user@host", "news of token btc", "secretary: Ann", "bus: away",
    ):  # fmt: skip
        assert mask.text(text) == text
    event = {"n": 1, "x": 1.5, "ok": True, "nothing": None, "symbols": ["BTC/USDT"]}
    assert mask(None, "", event) == event


@pytest.mark.timeout(20)
def test_a_line_costs_little_however_it_is_made() -> None:
    mask = Mask(["secret-of-ours"])
    for text in ("://", "://a:", "token=", "eyJa.", "bearer ", "a"):
        assert mask.text(text * 20_000)
