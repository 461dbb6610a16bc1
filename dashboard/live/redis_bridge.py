"""Redis pub/sub → hub. When the connection was lost, what was missed is fetched from the history before going on."""

import time
from collections.abc import Callable
from threading import Event
from typing import Any, Final

import redis
import structlog

from dashboard.live.hub import Hub
from pipeline.backoff import Backoff
from pipeline.live import PREFIX, LiveReader, Payload, unpack
from pipeline.tracing import Traces

_log = structlog.get_logger(__name__)
_PATTERN: Final = PREFIX + "*"
#: Seconds without a word after which the connection is asked whether it is still there.
_QUIET: Final = 15.0


class RedisBridge:
    def __init__(self, redis_url: str, hub: Hub, live: LiveReader, traces: Traces | None = None) -> None:
        self._traces = traces or Traces()
        self._url = redis_url
        self._hub = hub
        self._live = live
        self._newest: dict[str, tuple[str, int]] = {}  # channel → (epoch, seq) of the last numbered message given out
        self.connected = Event()

    def watch(self, channel: str, epoch: str, seq: int) -> None:
        """A client was told that `seq` is the newest: should the connection be lost just now, go on from there."""
        self._newest.setdefault(channel, (epoch, seq))

    def run(self, going: Callable[[], bool] = lambda: True) -> None:
        """For ever, over any number of connections."""
        backoff = Backoff(0.1, 2.0)
        while going():
            client: Any = redis.Redis.from_url(self._url, socket_connect_timeout=2, health_check_interval=_QUIET)
            try:
                with client.pubsub(ignore_subscribe_messages=True) as listening:
                    listening.psubscribe(_PATTERN)
                    # Subscribed first, so nothing falls between the history and what comes now.
                    listening.get_message(timeout=1.0)
                    self.connected.set()
                    self._catch_up()
                    backoff.reset()
                    while going():
                        self._give(listening.get_message(timeout=1.0))
            except (redis.RedisError, OSError) as error:
                delay = backoff.next()
                _log.warning("live bridge lost", error=str(error), again_in=round(delay, 2))
                time.sleep(delay)
            finally:
                self.connected.clear()
                client.close()

    def _give(self, message: dict[str, Any] | None) -> None:
        if message is None or message["type"] != "pmessage":
            return
        channel = message["channel"].decode().removeprefix(PREFIX)
        if not self._hub.wanted(channel):
            self._newest.pop(channel, None)
            return
        payload = unpack(message["data"])
        if not payload.forming:
            payload = self._only_new(channel, payload)
            if not payload.messages:
                return
            self._newest[channel] = (payload.epoch, payload.first_seq + len(payload.messages) - 1)
        with self._traces.resume("socket", payload.trace, channel=channel, messages=len(payload.messages)):
            self._hub.publish(channel, payload)

    def _only_new(self, channel: str, payload: Payload) -> Payload:
        """Without what the history gave already."""
        epoch, seq = self._newest.get(channel, ("", 0))
        seen = seq + 1 - payload.first_seq if epoch == payload.epoch else 0
        if seen <= 0:
            return payload
        return payload._replace(first_seq=payload.first_seq + seen, messages=payload.messages[seen:])

    def _catch_up(self) -> None:
        for channel, (epoch, seq) in list(self._newest.items()):
            found = self._live.since(channel, seq, epoch)
            if found.messages:
                first = found.messages[0][0]
                self._hub.publish(channel, Payload(False, epoch, first, [data for _, data in found.messages]))
            if found.recovered:
                self._newest[channel] = (found.epoch, found.newest)
            else:
                del self._newest[channel]
                # The clients see it by the jump of seq, and may ask REST.
                _log.warning("live messages missed for good", channel=channel)
