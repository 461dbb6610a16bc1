"""`/ws/crypto` and `/ws/stats`: one reader and one writer a client, on greenlets."""

import threading
import time
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

import msgspec
import psycopg2
import structlog
from flask import Flask, Response, request
from flask_sock import Sock
from simple_websocket import Server as Connection

from dashboard.access.authority import Authority
from dashboard.live.hub import Hub
from dashboard.live.peer import Pace, Peer
from dashboard.live.redis_bridge import RedisBridge
from dashboard.live.wire import Wire
from dashboard.services import services
from pipeline.live import LiveReader
from pipeline.settings import Settings
from pipeline.tracing import Traces

#: Bytes of a message that clients may send (CONTRACT §3).
_INBOUND: Final = 16 * 1024
#: Seconds between looks whether those who listen still may.
_AUTH_EVERY: Final = 2.0
#: What one write to one client takes of the loop, and how long all together may take until they are a crowd, seconds. With a thousand
#: clients every message written by itself took more than there is (p99 142 ms, `make bench`: fanout); what gathers goes in one write.
_WRITE: Final = 28e-6
_CROWD: Final = 0.005
#: Seconds between looks whether they have become a crowd.
_LOOK: Final = 0.1
#: Writers woken before the others get a turn.
_TURN: Final = 50
_PATH: Final = "/ws/crypto"
_SOCKET: Final = "gunicorn.socket"
_log = structlog.get_logger(__name__)


class Live:
    """Everything live in this process: the hub, its feed from Redis, and the clock of the pings."""

    def __init__(self, settings: Settings, live: LiveReader, authority: Authority | None, traces: Traces) -> None:
        self._authority = authority
        self.hub = Hub(pause=lambda: time.sleep(0))
        self.peers: set[Peer] = set()
        self._reader = live
        self._bridge = RedisBridge(settings.redis_url, self.hub, live, traces)
        self._pace = Pace()
        self._start = threading.Lock()
        self._started = False

    def start(self) -> None:
        """At the first client: before, nothing may run (the worker has not forked yet, or is only being tested)."""
        with self._start:
            if self._started:
                return
            self._started = True
        threading.Thread(target=self._bridge.run, name="live-bridge", daemon=True).start()
        threading.Thread(target=self._keep, name="live-pings", daemon=True).start()
        threading.Thread(target=self._pulse, name="live-pulse", daemon=True).start()
        if self._authority is not None:
            threading.Thread(target=self._watch, name="live-access", daemon=True).start()

    def peer(self, wire: Wire, batched: bool) -> Peer:
        return Peer(wire, self.hub, self._reader, self._bridge, self._pace, self._authority, batched)

    def _pulse(self) -> None:
        """Wakes the writers of a crowd, as often as all of them can be served."""
        done = time.monotonic()
        while True:
            before, period = self._pace.crowded, len(self.peers) * _WRITE
            self._pace.crowded = period >= _CROWD
            time.sleep(max(0.0, done + period - time.monotonic()) if self._pace.crowded else _LOOK)
            done = time.monotonic()
            if not (before or self._pace.crowded):
                continue
            for n, peer in enumerate(list(self.peers), 1):
                peer.flush()
                if n % _TURN == 0:
                    time.sleep(0)

    def _watch(self) -> None:
        while True:
            time.sleep(_AUTH_EVERY)
            try:
                # One question to the database for each who is connected, however many sockets they have.
                for peer in list(self.peers):
                    peer.recheck()
            except psycopg2.Error as error:
                # Who is in stays in: their tokens end by themselves, and the next look comes soon.
                _log.warning("cannot look who may still listen", error=str(error).partition("\n")[0])

    def _keep(self) -> None:
        while True:
            time.sleep(1.0)
            now = time.monotonic()
            for peer in list(self.peers):
                peer.check(now)


def mount(server: Flask, settings: Settings, traces: Traces) -> Hub:
    """Serve both routes; the hub behind them."""
    access = services(server).access
    authority = access.authority if access is not None else None
    live = Live(settings, services(server).live, authority, traces)
    origins = [origin.strip() for origin in settings.ws_origins.split(",")]
    server.config["SOCK_SERVER_OPTIONS"] = {"max_message_size": _INBOUND, "receive_bytes": 65536}
    sock = Sock(server)

    @server.before_request
    def prepare() -> Response | None:
        if request.path != _PATH:
            return None
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return Response("This is a WebSocket: connect with ws:// or wss://\n", 426, {"Upgrade": "websocket"})
        origin = request.headers.get("Origin", "")
        if origin and "*" not in origins and origin not in origins and urlsplit(origin).netloc != request.host:
            return Response("Pages of this origin may not connect: CRYPTOVIZ_WS_ORIGINS\n", 403)
        # flask-sock would accept deflate whatever we say (CONTRACT: never compressed).
        request.environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
        request.environ[_SOCKET] = Wire(request.environ[_SOCKET])
        return None

    @sock.route(_PATH)  # type: ignore[untyped-decorator, unused-ignore]
    def crypto(connection: Connection) -> None:
        live.start()
        peer = live.peer(connection.sock, request.args.get("batch") == "1")
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
