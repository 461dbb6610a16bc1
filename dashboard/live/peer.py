"""One client of `/ws/crypto`: what it asks, what it is answered, and the greenlet that sends what waits for it."""

import threading
import time
from contextlib import suppress
from typing import Any, Final

import psycopg2
import redis

from dashboard.access.authority import Authority, Identity
from dashboard.access.tokens import InvalidToken
from dashboard.live import articles, protocol
from dashboard.live.hub import MOST_SUBSCRIPTIONS, SLICE, Client, Hub
from dashboard.live.protocol import Authenticate, BadRequest, Key, ListSubscriptions, Ping, Subscribe
from dashboard.live.redis_bridge import RedisBridge
from dashboard.live.wire import Wire
from pipeline import metrics
from pipeline.clock import now_ms
from pipeline.live import CatchUp, LiveReader, channel

#: CONTRACT §3, seconds.
_PING_EVERY: Final = 54.0
_SILENCE: Final = 60.0
#: How long a peer may keep one send waiting. Its queue is bounded, so this is only for those that take nothing at all.
_SEND_PATIENCE: Final = 30.0
#: How long a wildcard subscription waits for the first connection to Redis, so that nothing published after the answer is missed.
_CONNECT_PATIENCE: Final = 2.0
#: How long messages gather for the next array of a batched client: half a frame of a screen.
_GATHER: Final = 0.008
#: Where access is on: how long until somebody must have said who they are.
_AUTH_PATIENCE: Final = 5.0
#: CONTRACT has no code for it; 4000 and up are the application's.
UNAUTHORIZED: Final = 4401


class Pace:
    """Whether so many are connected that they are woken together (`Live`), not each at every message."""

    crowded = False


class Peer:
    """One client: its queue, and the greenlet that empties it."""

    def __init__(
        self,
        wire: Wire,
        hub: Hub,
        live: LiveReader,
        bridge: RedisBridge,
        pace: Pace,
        authority: Authority | None,
        batched: bool,
    ) -> None:
        self._pace = pace
        self.wire = wire
        self._authority = authority
        self._credential = ""
        #: Who it is; None where access is off, and until it has said so.
        self.identity: Identity | None = None
        self._hub = hub
        self._live = live
        self._bridge = bridge
        self._something = threading.Event()
        self._much = threading.Event()
        self.client = Client(self._wake, self._hurry, batched)
        self.open = True
        self._pinged = self._opened = time.monotonic()

    def _wake(self) -> None:
        if not self._pace.crowded:
            self._something.set()

    def _hurry(self) -> None:
        self._something.set()
        self._much.set()

    def flush(self) -> None:
        """Write what waits, from the caller's greenlet; what cannot be written at once is left to the writer."""
        if not (self.client.waiting or self.client.overflowed):
            return
        lock = self.wire.lock
        if self.client.overflowed or not lock.acquire(blocking=False):
            self._something.set()
            return
        try:
            if self.open:
                if self.wire.send_now(self.client.take()):
                    self._sent()
                else:
                    self._something.set()
        except OSError:
            self.gone()
        finally:
            lock.release()

    def write(self) -> None:
        """The writer: until the peer is gone."""
        while self.open:
            self._something.wait()
            self._something.clear()
            try:
                # The lock first: while a subscription is answered, what is queued must wait behind the answer.
                with self.wire.lock:
                    if self.client.overflowed:
                        self.end(1013, "too slow: more than 256 messages waited")
                    elif self.client.waiting or self.wire.rest:
                        self._much.clear()
                        self.wire.send(self.client.take())
                        self._sent()
            except OSError:
                self.gone()
            if self.client.batched:
                # The first goes at once; what comes right behind it goes together.
                self._much.wait(_GATHER)

    def _sent(self) -> None:
        if at := self.client.taken_at:
            metrics.SOCKET.add(max(0, now_ms() - at) / 1000)

    def end(self, code: int, reason: str) -> None:
        """Say why, and hang up."""
        if not self.open:
            return
        self.open = False
        metrics.SOCKETS_CLOSED.add(1, str(code))
        # The peer may be reading nothing: the farewell must not wait for it.
        threading.Thread(target=self._farewell, args=(protocol.close_frame(code, reason),), daemon=True).start()

    def _farewell(self, frame: bytes) -> None:
        with suppress(OSError):
            self.wire.send(frame)
        self.wire.finish()

    def gone(self) -> None:
        self.open = False
        self._something.set()
        self.wire.abort()

    def check(self, now: float) -> None:
        """Ping, and end who is silent. Called about once a second."""
        stuck = self.wire.sending_since
        if now - self.wire.heard >= _SILENCE or (stuck is not None and now - stuck >= _SEND_PATIENCE):
            # It neither talks nor listens: a farewell would only wait in a buffer.
            self.gone()
        elif self._authority is not None and self.identity is None and now - self._opened >= _AUTH_PATIENCE:
            self.end(UNAUTHORIZED, "authenticate within 5 s")
        elif now - self._pinged >= _PING_EVERY:
            self._pinged = now
            threading.Thread(target=self._ping, daemon=True).start()

    def _ping(self) -> None:
        try:
            self.wire.send(protocol.PING)
        except OSError:
            self.gone()

    # -- requests ----------------------------------------------------------------------------------------------------

    def answer(self, text: str | bytes) -> None:
        try:
            asked = protocol.parse(text)
            if isinstance(asked, Authenticate):
                self._authenticate(asked.token)
            elif self._authority is not None and self.identity is None:
                self.end(UNAUTHORIZED, "authenticate first")
            elif isinstance(asked, Subscribe):
                self._subscribe(asked._replace(key=self._own(asked.key)))
            elif isinstance(asked, Ping):
                self._reply("pong", None)
            elif isinstance(asked, ListSubscriptions):
                self._reply("subscriptions", list(self.client.subscriptions.values()))
            else:
                self._hub.unsubscribe(self.client, self._own(asked.key))
                self._reply("unsubscribed", asked.echo)
        except BadRequest as error:
            self._reply("error", {"message": str(error)})

    def _own(self, key: Key) -> Key:
        """Alerts are those of whoever asks; 0 stands for everybody where nobody logs in."""
        if key.type != "alert":
            return key
        return key._replace(timeframe=str(self.identity.user if self.identity is not None else 0))

    def _reply(self, type_: str, data: Any, **more: Any) -> None:
        self.wire.send(protocol.envelope(type_, data, now_ms(), **more))

    def _authenticate(self, token: str) -> None:
        """Say who it is, for the first time or with a newer token. Where access is off everybody is welcome."""
        if self._authority is None:
            self._reply("authenticated", {"access": "off"})
            return
        try:
            found = self._authority.identify(token)
        except InvalidToken as error:
            self.end(UNAUTHORIZED, str(error))
            return
        except psycopg2.Error:
            self.end(1013, "the database does not answer: try again in a few seconds")
            return
        if "read" not in found.scopes:
            self.end(UNAUTHORIZED, "this key may not read")
            return
        if self.identity is not None and self.identity.user != found.user:
            # What is subscribed to is the other's, and may be theirs alone.
            self.end(UNAUTHORIZED, "this connection is somebody else's: open another")
            return
        self._credential, self.identity = token, found
        self._reply("authenticated", {"access": "on", "name": found.name, "until": found.until and found.until * 1000})

    def recheck(self) -> None:
        """Whether who it is may still listen. Raises psycopg2 errors."""
        if self._authority is None or self.identity is None or not self.open:
            return
        try:
            self._authority.identify(self._credential)
        except InvalidToken as error:
            self.end(UNAUTHORIZED, str(error))

    def _subscribe(self, asked: Subscribe) -> None:
        """Answer with epoch and newest seq, replay what was missed, then let the live ones through: no hole, nothing twice."""
        name = _concrete(asked.key)
        with self.wire.lock:
            if not self._hub.may_subscribe(self.client, asked.key):
                raise BadRequest(f"More than {MOST_SUBSCRIPTIONS} subscriptions; * stands for every symbol")
            try:
                if asked.key.type == "news":
                    self._begin_news(asked)
                else:
                    self._begin(asked, name)
            except redis.RedisError:
                self._hub.unsubscribe(self.client, asked.key)
                raise BadRequest("The live store does not answer. Subscribe again in a few seconds.") from None

    def _begin(self, asked: Subscribe, name: str | None) -> None:
        more: dict[str, Any] = {}
        missed: list[tuple[int, bytes]] = []
        newest = None
        if name is None:
            self._bridge.connected.wait(_CONNECT_PATIENCE)
            # A wildcard is many series with a seq each: there is no one number to resume from.
            self._hub.subscribe(self.client, asked.key, asked.echo, asked.forming)
            epoch, seq = self._live.newest("")
            if asked.since is not None:
                more["recovered"] = False
        else:
            missed, recovered, epoch, seq = self._stand(asked, name)
            if asked.since is not None:
                more["recovered"] = recovered
            if asked.forming:
                newest = self._live.forming(name)
        self._reply("subscribed", asked.echo, epoch=epoch, seq=seq, **more)
        for start in range(0, len(missed), SLICE):
            now = now_ms()
            batch = missed[start : start + SLICE]
            self.wire.send(b"".join(_framed(asked.key.type, data, now, number) for number, data in batch))
        if newest is not None:
            # Of a candle one message, of indicators one each.
            now = now_ms()
            self.wire.send(b"".join(_framed(asked.key.type, data, now, seq) for data in newest.split(b"\n")))

    def _begin_news(self, asked: Subscribe) -> None:
        """As `_begin`, of the one channel that all news goes through.

        Several subscriptions share it, so what was given is remembered of each: nothing comes twice because two of them match.
        """
        name, key, client = articles.CHANNEL, asked.key, self.client
        self._bridge.connected.wait(_CONNECT_PATIENCE)
        while True:
            if asked.since is None:
                found = CatchUp([], False, *self._live.newest(name))
            else:
                found = self._live.since(name, asked.since, asked.epoch)
            # What the hub was given after we looked went past us: then look again.
            epoch, seq = self._hub.newest_news
            if epoch != found.epoch or seq <= found.newest:
                break
        # Nothing waits from here to the end of this paragraph, so the hub is given nothing meanwhile.
        others = [(other, share) for other, share in client.news.items() if other != key]
        since = found.messages[0][0] - 1 if found.messages else found.newest
        self._hub.subscribe(client, key, asked.echo, asked.forming)
        client.news[key] = articles.Share(found.epoch, since, found.newest)
        self._bridge.watch(name, found.epoch, found.newest)

        more = {} if asked.since is None else {"recovered": found.recovered}
        self._reply("subscribed", asked.echo, epoch=found.epoch, seq=found.newest, **more)
        now = now_ms()
        for number, data in found.messages:
            named = articles.coins(data)
            given = any(share.covers(found.epoch, number) and articles.matches(other, named) for other, share in others)
            if articles.matches(key, named) and not given:
                self.wire.send(_framed("news", data, now, number))

    def _stand(self, asked: Subscribe, name: str) -> CatchUp:
        """Where the channel stands, with this client subscribed just after that."""
        follows = self._hub.receives(self.client, name) and asked.since is None
        client = self.client
        if not follows:
            client.passed[name] = ("", 0)
        self._hub.subscribe(client, asked.key, asked.echo, asked.forming)
        try:
            while True:
                if asked.since is None:
                    found = CatchUp([], False, *self._live.newest(name))
                else:
                    found = self._live.since(name, asked.since, asked.epoch)
                if follows:
                    return found
                # The hub may have been given, and passed over, what was published after we looked: then look again.
                epoch, seq = client.passed[name]
                if epoch != found.epoch or seq <= found.newest:
                    client.floors[name] = (found.epoch, found.newest)
                    self._bridge.watch(name, found.epoch, found.newest)
                    return found
        finally:
            client.passed.pop(name, None)


def _framed(type_: str, data: bytes, timestamp: int, seq: int) -> bytes:
    return protocol.frame(protocol.message(type_, data, timestamp, seq))


def _concrete(key: Key) -> str | None:
    """The one channel that a subscription names, None for a wildcard."""
    if not key.symbol or (key.type in ("candle", "indicator", "sentiment") and not key.timeframe):
        return None
    return channel(*key)
