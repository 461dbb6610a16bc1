"""Dead letters: listed as they came, replayed to where they came from, and never in anybody's way."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.bus.base import Message, Record
from pipeline.bus.deadletters import GROUP, DeadLetters, dead_letter
from pipeline.bus.stream_reader import StreamsSubscription
from pipeline.bus.streams import StreamsBus
from pipeline.bus.topics import DEADLETTER, TRADES
from pipeline.cli import app
from pipeline.embedded import folder
from pipeline.errors import BadMessage
from pipeline.settings import Settings


@pytest.fixture
def bus(redis_url: str) -> Iterator[StreamsBus]:
    bus = StreamsBus(redis_url)
    yield bus
    bus.close()


@pytest.fixture
def workers(bus: StreamsBus) -> Iterator[StreamsSubscription]:
    """A group that reads trades, as the writer does."""
    subscription = bus.subscribe("writer", [TRADES])
    yield subscription
    subscription.close()


def bury(bus: StreamsBus, subscription: StreamsSubscription, count: int) -> list[Message]:
    """`count` messages that cannot be read, read and put among the dead letters."""
    bus.publish(TRADES, [Record(b"BINANCE|BTCUSDT", b"bad %d" % n, {"source": "test"}) for n in range(count)])
    found: list[Message] = []
    while len(found) < count:
        found += subscription.poll(1)
    subscription.commit()
    for message in found:
        dead_letter(bus, message, BadMessage("not a trade: \x1b[31m"))
    return found


def test_listing_takes_nothing_away_and_replaying_does(bus: StreamsBus, workers: StreamsSubscription) -> None:
    sent = bury(bus, workers, 3)
    for _ in range(2):
        letters = DeadLetters(bus)
        found = letters.read()
        letters.close()
        assert [(m.key, m.value) for m in found] == [(m.key, m.value) for m in sent]
        assert {m.headers["topic"] for m in found} == {TRADES}
        assert [m.headers["offset"] for m in found] == [m.offset for m in sent]
    letters = DeadLetters(bus)
    assert letters.replay(letters.read()) == 3
    letters.close()
    again = workers.poll(5)
    assert [(m.key, m.value, m.headers) for m in again] == [(m.key, m.value, m.headers) for m in sent]
    # Still bad: it comes back, once, and is the only one.
    dead_letter(bus, again[0], BadMessage("still"))
    letters = DeadLetters(bus)
    assert [m.headers["error"] for m in letters.read()] == ["still"]
    letters.close()


def test_a_letter_from_nowhere_is_shown_and_not_replayed(bus: StreamsBus) -> None:
    bus.publish(DEADLETTER, [Record(b"", b"from a stranger")])
    letters = DeadLetters(bus)
    found = letters.read()
    assert [m.value for m in found] == [b"from a stranger"]
    assert letters.replay(found) == 0
    letters.close()


def test_nothing_is_kept_for_the_reader_between_two_calls(bus: StreamsBus) -> None:
    letters = DeadLetters(bus)
    assert letters.read() == []
    letters.close()
    assert GROUP.encode() not in bus._client.smembers(f"bus:groups:{DEADLETTER}")


def test_the_command_finds_what_runs_in_the_folder(
    bus: StreamsBus, workers: StreamsSubscription, settings: Callable[..., Settings], tmp_path: Path
) -> None:
    bury(bus, workers, 2)
    with folder.held(tmp_path):
        folder.announce(settings(data=tmp_path))
        shown = CliRunner().invoke(app, ["deadletters", "--data", str(tmp_path)])
        assert shown.exit_code == 0, shown.output
        assert f"{TRADES}/" in shown.output and "bad 1" in shown.output and "\x1b" not in shown.output
        assert "2 dead letters\n" in shown.output
        replayed = CliRunner().invoke(app, ["deadletters", "--replay", "--data", str(tmp_path)])
        assert "2 dead letters, 2 published again" in replayed.output
        assert "0 dead letters" in CliRunner().invoke(app, ["deadletters", "--data", str(tmp_path)]).output
    assert len(workers.poll(5)) == 2
