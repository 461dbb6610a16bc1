"""`/ws/crypto` and `/ws/stats`: one reader and one writer a client, on greenlets.

flask-sock shakes hands and reads; sending is ours (docs/decisions.md): its own sends one message at a time, and with `send`,
which tears large frames for a peer that reads slowly.
"""

import socket
import threading
import time
from contextlib import suppress
from typing import Any, Final

import msgspec
import redis
from flask import Flask, Response, request
from flask_sock import Sock
from simple_websocket import Server as Connection

from dashboard.live import articles, protocol
from dashboard.live.hub import MOST_SUBSCRIPTIONS, SLICE, Client, Hub
from dashboard.live.protocol import BadRequest, Key, ListSubscriptions, Ping, Subscribe
from dashboard.live.redis_bridge import RedisBridge
from dashboard.services import services
from pipeline.clock import now_ms
from pipeline.live import CatchUp, LiveReader, channel
from pipeline.settings import Settings

#: CONTRACT §3, seconds and bytes.
_PING_EVERY: Final = 54.0
_SILENCE: Final = 60.0
_INBOUND: Final = 16 * 1024
#: How long a peer may keep one send waiting. Its queue is bounded, so this is only for those that take nothing at all.
_SEND_PATIENCE: Final = 30.0
#: How long we read on after our close, so that the peer gets to read it: closing with unread bytes resets the connection.
_LINGER: Final = 1.0
#: How long a wildcard subscription waits for the first connection to Redis, so that nothing published after the answer is missed.
_CONNECT_PATIENCE: Final = 2.0
#: How long messages gather for the next array of a batched client: half a frame of a screen.
_GATHER: Final = 0.008
_PATH: Final = "/ws/crypto"
_SOCKET: Final = "gunicorn.socket"


class Wire:
    """The socket as flask-sock sees it: whole sends, one at a time, and the time of the last byte heard."""

    def __init__(self, raw: socket.socket) -> None:
        self._raw = raw
        self.lock = threading.RLock()
        self.heard = time.monotonic()
        self.sending_since: float | None = None
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def recv(self, size: int) -> bytes:
        data = self._raw.recv(size)
        self.heard = time.monotonic()
        return data

    def send(self, data: bytes) -> int:
        with self.lock:
            # Not the socket's own timeout: the reader shares it, and may wait as long as it likes.
            self.sending_since = time.monotonic()
            self._raw.sendall(data)
            self.sending_since = None
        return len(data)

    def finish(self) -> None:
        """Nothing more from us; the peer may still talk."""
        with suppress(OSError):
            self._raw.shutdown(socket.SHUT_WR)

    def abort(self) -> None:
        """End both directions at once; whoever waits in recv or send wakes."""
        with suppress(OSError):
            self._raw.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(OSError):
            self._raw.shutdown(socket.SHUT_WR)
            self._raw.settimeout(_LINGER)
            end = time.monotonic() + _LINGER
            while time.monotonic() < end and self._raw.recv(65536):
                pass
        self._raw.close()

    def fileno(self) -> int:
        return self._raw.fileno()


class Peer:
    """One client: its queue, and the greenlet that empties it."""

    def __init__(self, wire: Wire, hub: Hub, live: LiveReader, bridge: RedisBridge, batched: bool) -> None:
        self.wire = wire
        self._hub = hub
        self._live = live
        self._bridge = bridge
        self._something = threading.Event()
        self._much = threading.Event()
        self.client = Client(self._something.set, self._much.set, batched)
        self.open = True
        self._pinged = time.monotonic()

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
                    elif self.client.waiting:
                        self._much.clear()
                        self.wire.send(self.client.take())
            except OSError:
                self.gone()
            if self.client.batched:
                # The first goes at once; what comes right behind it goes together.
                self._much.wait(_GATHER)

    def end(self, code: int, reason: str) -> None:
        """Say why, and hang up."""
        if not self.open:
            return
        self.open = False
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
            if isinstance(asked, Subscribe):
                self._subscribe(asked)
            elif isinstance(asked, Ping):
                self._reply("pong", None)
            elif isinstance(asked, ListSubscriptions):
                self._reply("subscriptions", list(self.client.subscriptions.values()))
            else:
                self._hub.unsubscribe(self.client, asked.key)
                self._reply("unsubscribed", asked.echo)
        except BadRequest as error:
            self._reply("error", {"message": str(error)})

    def _reply(self, type_: str, data: Any, **more: Any) -> None:
        self.wire.send(protocol.envelope(type_, data, now_ms(), **more))

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


class Live:
    """Everything live in this process: the hub, its feed from Redis, and the clock of the pings."""

    def __init__(self, settings: Settings, live: LiveReader) -> None:
        self.hub = Hub(pause=lambda: time.sleep(0))
        self.peers: set[Peer] = set()
        self.bridge = RedisBridge(settings.redis_url, self.hub, live)
        self._start = threading.Lock()
        self._started = False

    def start(self) -> None:
        """At the first client: before, nothing may run (the worker has not forked yet, or is only being tested)."""
        with self._start:
            if self._started:
                return
            self._started = True
        threading.Thread(target=self.bridge.run, name="live-bridge", daemon=True).start()
        threading.Thread(target=self._keep, name="live-pings", daemon=True).start()

    def _keep(self) -> None:
        while True:
            time.sleep(1.0)
            now = time.monotonic()
            for peer in list(self.peers):
                peer.check(now)


def mount(server: Flask, settings: Settings) -> Hub:
    """Serve both routes; the hub behind them."""
    live = Live(settings, services(server).live)
    server.config["SOCK_SERVER_OPTIONS"] = {"max_message_size": _INBOUND, "receive_bytes": 65536}
    sock = Sock(server)

    @server.before_request
    def prepare() -> Response | None:
        if request.path != _PATH:
            return None
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return Response("This is a WebSocket: connect with ws:// or wss://\n", 426, {"Upgrade": "websocket"})
        # flask-sock would accept deflate whatever we say (CONTRACT: never compressed).
        request.environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
        request.environ[_SOCKET] = Wire(request.environ[_SOCKET])
        return None

    @sock.route(_PATH)  # type: ignore[untyped-decorator, unused-ignore]
    def crypto(connection: Connection) -> None:
        live.start()
        peer = Peer(connection.sock, live.hub, services().live, live.bridge, request.args.get("batch") == "1")
        live.hub.join(peer.client)
        live.peers.add(peer)
        writer = threading.Thread(target=peer.write, daemon=True)
        writer.start()
        try:
            # Ends by ConnectionClosed, which flask-sock takes; or by a send to somebody who is gone.
            with suppress(OSError):
                while True:
                    peer.answer(connection.receive())
        finally:
            peer.gone()
            live.peers.discard(peer)
            live.hub.leave(peer.client)

    @server.get("/ws/stats")
    def ws_stats() -> Response:
        return Response(msgspec.json.encode({"status": "ok", "data": live.hub.stats()}), mimetype="application/json")

    return live.hub
