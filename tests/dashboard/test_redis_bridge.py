"""Redis → hub: what was published before the bridge listened."""

import json
import threading

import redis

from dashboard.live.hub import Client, Hub
from dashboard.live.protocol import Key
from dashboard.live.redis_bridge import RedisBridge
from pipeline.live import LivePublisher, LiveReader, channel
from tests.stack import eventually


def test_the_very_first_messages_are_not_lost_on_a_bridge_that_is_still_connecting(redis_url: str) -> None:
    """The client was told ("", 0): nothing had ever been published. Then two were, and only then the bridge stood."""
    store = redis.Redis.from_url(redis_url)
    reader, hub = LiveReader(store), Hub(pause=lambda: None)
    bridge = RedisBridge(redis_url, hub, reader)
    key = Key("trade", "BTC/USDT", "")
    client = Client(lambda: None, batched=True)
    name = channel(*key)
    hub.join(client)
    hub.subscribe(client, key, {}, False)
    epoch, seq = reader.newest(name)
    assert (epoch, seq) == ("", 0)
    client.floors[name] = (epoch, seq)
    bridge.watch(name, epoch, seq)

    publisher = LivePublisher(store)
    publisher.publish({name: [b'{"n":1}', b'{"n":2}']})
    going = True
    thread = threading.Thread(target=bridge.run, args=(lambda: going,), daemon=True)
    thread.start()
    assert bridge.connected.wait(5)
    publisher.publish({name: [b'{"n":3}']})
    assert eventually(lambda: client.waiting == 3, 5), client.waiting
    going = False
    thread.join(5)
    got = _messages(client)
    assert [message["seq"] for message in got] == [1, 2, 3]
    store.close()


def _messages(client: Client) -> list[dict[str, int]]:
    """What waits for it, out of its frame."""
    frame = client.take()
    return list(json.loads(frame[frame.index(b"[{") :]))
