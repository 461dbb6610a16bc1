"""The live bridge: numbers, history, and a publisher that may be killed and try again."""

from collections.abc import Iterator

import pytest
import redis

from pipeline.live import LivePublisher, LiveReader, unpack

NAME = "trade|BTC/USDT|"


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(redis_url)
    yield client
    client.close()


def numbers(first: int, count: int) -> list[bytes]:
    return [b'{"n":%d}' % n for n in range(first, first + count)]


def test_messages_are_numbered_without_holes_whatever_the_batches(client: redis.Redis) -> None:
    publisher, reader = LivePublisher(client), LiveReader(client)
    before = reader.newest(NAME)
    assert before == ("", 0)
    at = 1
    for count in (1, 5, 2, 100):
        publisher.publish({NAME: numbers(at, count)})
        at += count
    epoch, newest = reader.newest(NAME)
    assert newest == 108
    # Who looked before there was an epoch has missed all of it, and gets all of it.
    assert reader.since(NAME, before[1], before[0]) == reader.since(NAME, 0, epoch)
    for since in (0, 1, 5, 6, 50, 107, 108):
        found = reader.since(NAME, since, epoch)
        assert found.recovered
        assert found.messages == list(enumerate(numbers(since + 1, 108 - since), since + 1))


@pytest.mark.parametrize("batch", [1, 3, 7, 50])
def test_the_history_is_bounded_and_says_when_it_does_not_reach(client: redis.Redis, batch: int) -> None:
    publisher, reader = LivePublisher(client, history=10), LiveReader(client)
    for at in range(1, 101, batch):
        publisher.publish({NAME: numbers(at, batch)})
    epoch, newest = reader.newest(NAME)
    assert reader.since(NAME, newest - 10, epoch).recovered, "at least what was promised"
    stored = sum(int(item.split(b"\n")[0].split(b" ")[1]) for item in client.lrange(f"live:history:{NAME}", 0, -1))  # type: ignore[union-attr]
    assert 10 <= stored < 10 + batch
    lost = reader.since(NAME, newest - stored - 1, epoch)
    assert not lost.recovered
    assert not reader.since(NAME, newest, "another").recovered
    assert not reader.since(NAME, newest + 1, epoch).recovered


def test_what_is_published_is_what_is_kept(client: redis.Redis) -> None:
    publisher = LivePublisher(client)
    listening = client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
    listening.psubscribe("live:*")
    listening.get_message(timeout=1)
    publisher.publish({NAME: numbers(1, 3)})
    publisher.forming({NAME: b'{"forming":1}'})
    numbered, forming = (unpack(listening.get_message(timeout=1)["data"]) for _ in range(2))
    assert (numbered.forming, numbered.first_seq, numbered.messages) == (False, 1, numbers(1, 3))
    assert (forming.forming, forming.first_seq, forming.messages) == (True, 3, [b'{"forming":1}'])
    assert numbered.epoch == forming.epoch
    listening.close()


def test_a_try_whose_reply_was_lost_is_not_published_twice(client: redis.Redis) -> None:
    publisher, reader = LivePublisher(client), LiveReader(client)
    for _ in range(2):
        publisher.publish({NAME: numbers(1, 2)}, "bridge", {"t:0": "5-1"})
    assert reader.newest(NAME)[1] == 2
    publisher.publish({NAME: numbers(3, 1)}, "bridge", {"t:0": "5-2"})
    assert reader.newest(NAME)[1] == 3
    assert publisher.positions("bridge") == {"t:0": "5-2"}


def test_a_store_that_lost_its_memory_begins_another_epoch(client: redis.Redis) -> None:
    publisher, reader = LivePublisher(client), LiveReader(client)
    publisher.publish({NAME: numbers(1, 1)})
    epoch, _ = reader.newest(NAME)
    client.flushdb()
    publisher.publish({NAME: numbers(1, 1)})
    assert reader.newest(NAME)[0] not in ("", epoch)
    assert not reader.since(NAME, 0, epoch).recovered
