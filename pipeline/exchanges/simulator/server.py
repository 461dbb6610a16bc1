"""The sockets: one TCP port for HTTP/1.1 and WebSocket, as Binance's protocol has them.

HTTP is read by hand: few lines, and REST, control and the upgrade share the port. The WebSocket handshake and inbound
frames are the websockets library's; outbound data frames are our own bytes, many to a write.
"""

import asyncio
import contextlib
import re
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from pipeline.exchanges.simulator.frames import frame
from pipeline.exchanges.simulator.hub import Hub

#: Binance's limits.
MAX_STREAMS: Final = 1024
MAX_MESSAGES: Final = 5  # inbound a second
PING_EVERY: Final = 20.0  # s
PONG_WITHIN: Final = 60.0  # s
#: Unsent bytes after which a client is too slow: two seconds of 100 000 trades/s.
MAX_BUFFER: Final = 32 << 20
_MAX_HEAD: Final = 64 << 10
_MAX_BODY: Final = 1 << 20
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_UPGRADE: Final = re.compile(rb"\r\nupgrade:[ \t]*websocket", re.IGNORECASE)
_CLOSE: Final = re.compile(rb"\r\nconnection:[ \t]*close", re.IGNORECASE)
_REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    418: "I'm a teapot",
    429: "Too Many Requests",
}


class Answer(msgspec.Struct):
    status: int
    body: bytes | AsyncIterator[bytes]
    headers: dict[str, str] = {}


class Handler(Protocol):
    """What a connection asks for HTTP answers."""

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes) -> Answer: ...


class Connection(asyncio.Protocol):
    """One TCP connection: HTTP requests until one asks for the upgrade."""

    def __init__(self, hub: Hub, handler: Handler) -> None:
        self._hub = hub
        self._handler = handler
        self._transport: asyncio.Transport
        self._buffer = bytearray()
        self._ws: ServerProtocol | None = None
        self._streaming: asyncio.Task[None] | None = None
        self.combined = False
        self.micro = False
        self.streams: dict[str, None] = {}
        self.silent_until = 0.0
        self._messages: deque[float] = deque(maxlen=MAX_MESSAGES + 1)
        self._pinged = self._ponged = 0.0

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._hub.clients.pop(self, None)
        for stream in list(self.streams):
            self._hub.leave(self, stream)
        if self._streaming is not None:
            self._streaming.cancel()

    def data_received(self, data: bytes) -> None:
        if self._ws is not None:
            self._ws.receive_data(data)
            self._ws_events()
            return
        self._buffer += data
        while self._ws is None and self._streaming is None and self._one_request():
            pass

    # HTTP

    def _one_request(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _MAX_HEAD:
                self._transport.abort()
            return False
        head = bytes(self._buffer[: end + 2])
        if _UPGRADE.search(head):
            self._upgrade()
            return False
        match = _LENGTH.search(head)
        length = int(match[1]) if match else 0
        if length > _MAX_BODY:
            self._transport.abort()
            return False
        if len(self._buffer) < end + 4 + length:
            return False
        body = bytes(self._buffer[end + 4 : end + 4 + length])
        del self._buffer[: end + 4 + length]
        try:
            method, target, _ = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
        except ValueError:
            self._transport.abort()
            return False
        url = urlsplit(target)
        answer = self._handler.answer(method, url.path, dict(parse_qsl(url.query)), body)
        self._write_answer(answer, bool(_CLOSE.search(head)))
        return bool(self._buffer)

    def _write_answer(self, answer: Answer, close: bool) -> None:
        whole = isinstance(answer.body, bytes)
        headers = {"Content-Type": "application/json;charset=UTF-8", **answer.headers}
        headers |= (
            {"Content-Length": str(len(answer.body))}
            if isinstance(answer.body, bytes)
            else {"Transfer-Encoding": "chunked"}
        )
        if close:
            headers["Connection"] = "close"
        lines = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
        self._transport.write(f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'OK')}\r\n{lines}\r\n".encode())
        if isinstance(answer.body, bytes):
            self._transport.write(answer.body)
        else:
            self._streaming = asyncio.ensure_future(self._stream(answer.body, close))
        if close and whole:
            self._transport.close()

    async def _stream(self, body: AsyncIterator[bytes], close: bool) -> None:
        async for chunk in body:
            if chunk:
                self._transport.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            # Looked at, not awaited: this transport's pause_writing is set for the sizes that data sockets may reach.
            while self._transport.get_write_buffer_size() > 1 << 20:  # noqa: ASYNC110
                await asyncio.sleep(0.002)
        self._transport.write(b"0\r\n\r\n")
        self._streaming = None
        if close:
            self._transport.close()
        elif self._buffer:
            self.data_received(b"")

    # WebSocket

    def _upgrade(self) -> None:
        ws = self._ws = ServerProtocol(max_size=1 << 20)
        ws.receive_data(bytes(self._buffer))
        self._buffer.clear()
        events = ws.events_received()
        request = events[0] if events else None
        if not isinstance(request, Request):
            self._transport.abort()
            return
        url = urlsplit(request.path)
        query = dict(parse_qsl(url.query))
        first, *rest = url.path.strip("/").split("/")
        names = query.get("streams", "").split("/") if first == "stream" else rest
        streams = [unquote(name) for name in names if name]
        if first not in ("ws", "stream") or len(streams) > MAX_STREAMS:
            ws.send_response(ws.reject(404 if first not in ("ws", "stream") else 400, "Bad request"))
            self._flush()
            return
        ws.send_response(ws.accept(request))
        self._flush()
        if ws.state is not State.OPEN:
            return
        self.combined = first == "stream"
        self.micro = query.get("timeUnit", "").upper() == "MICROSECOND"
        # Past this much the transport stops being writable; we look at its size instead, and drop the client.
        self._transport.set_write_buffer_limits(high=MAX_BUFFER)
        self._pinged = self._ponged = time.monotonic()
        self._hub.clients[self] = None
        for stream in streams:
            self._hub.listen(self, stream)
        self._handle(events[1:])

    def _ws_events(self) -> None:
        assert self._ws is not None
        self._handle(self._ws.events_received())
        self._flush()

    def _handle(self, events: list[Any]) -> None:
        for event in events:
            if not isinstance(event, Frame) or event.opcode not in (
                Opcode.TEXT,
                Opcode.BINARY,
                Opcode.PING,
                Opcode.PONG,
            ):
                continue
            now = time.monotonic()
            if event.opcode is Opcode.PONG:
                self._ponged = now
                continue  # answers to our own pings would be unfair to count
            self._messages.append(now)
            if len(self._messages) > MAX_MESSAGES and now - self._messages[0] < 1.0:
                self.close(1008, "Too many requests")
                return
            if event.opcode is Opcode.TEXT:
                self._say(self._request(bytes(event.data)))

    def _request(self, data: bytes) -> dict[str, Any]:
        """A live subscription request → its reply."""
        try:
            request = msgspec.json.decode(data)
        except msgspec.DecodeError as error:
            return _error(3, f"Invalid JSON: {error}")
        if not isinstance(request, dict):
            return _error(2, "Invalid request: expected an object")
        key = request.get("id")
        if key is not None and not (
            isinstance(key, str) or (isinstance(key, int) and not isinstance(key, bool) and key >= 0)
        ):
            return _error(2, "Invalid request: request ID must be an unsigned integer")
        method, params = request.get("method"), request.get("params", [])
        if method is None:
            return _error(2, "Invalid request: missing field `method` at line 1 column 1", key)
        if method == "LIST_SUBSCRIPTIONS":
            return {"result": list(self.streams), "id": key}
        if not isinstance(params, list):
            return _error(2, "Invalid request: expected a sequence", key)
        if method in ("SUBSCRIBE", "UNSUBSCRIBE"):
            if not params or not all(isinstance(name, str) for name in params):
                return _error(2, "Invalid request: stream names must be strings", key)
            if method == "SUBSCRIBE" and len({*self.streams, *params}) > MAX_STREAMS:
                return _error(2, "Invalid request: too many subscriptions", key)
            act = self._hub.listen if method == "SUBSCRIBE" else self._hub.leave
            for name in params:
                act(self, name)
            return {"result": None, "id": key}
        if method == "SET_PROPERTY":
            if params[:1] != ["combined"]:
                return _error(0, "Unknown property", key)
            if len(params) != 2 or not isinstance(params[1], bool):
                return _error(1, "Invalid value type: expected Boolean", key)
            self.combined = params[1]
            return {"result": None, "id": key}
        if method == "GET_PROPERTY":
            return (
                {"result": self.combined, "id": key}
                if params[:1] == ["combined"]
                else _error(0, "Unknown property", key)
            )
        known = "SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS, SET_PROPERTY, GET_PROPERTY"
        return _error(2, f"Invalid request: unknown variant `{method}`, expected one of {known}", key)

    def _say(self, reply: dict[str, Any]) -> None:
        self.send(frame(msgspec.json.encode(reply).decode().encode("ascii", "backslashreplace").decode()))

    def _flush(self) -> None:
        """Send what the WebSocket protocol itself has to say."""
        assert self._ws is not None
        for chunk in self._ws.data_to_send():
            if chunk:
                self._transport.write(chunk)
            else:
                self._transport.close()

    # Client (hub.py)

    def send(self, data: bytes) -> None:
        """Frames made elsewhere. A client too slow for them is dropped, as Binance does."""
        if self._ws is None or self._ws.state is not State.OPEN or time.monotonic() < self.silent_until:
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > MAX_BUFFER:
            self.drop()

    def beat(self, now: float) -> None:
        """Once a second: ping when it is time, give up on a peer that does not answer."""
        if self._ws is None or self._ws.state is not State.OPEN or now < self.silent_until:
            return
        if now - self._ponged > PONG_WITHIN + PING_EVERY:
            self.close(1008, "Pong timeout")
        elif now - self._pinged >= PING_EVERY:
            self._pinged = now
            self._ws.send_ping(str(int(time.time() * 1000)).encode())
            self._flush()

    def close(self, code: int, reason: str) -> None:
        if self._ws is not None and self._ws.state is State.OPEN:
            self._ws.send_close(code, reason)
            self._flush()
            # A peer that never answers the close must not hold the socket.
            asyncio.get_running_loop().call_later(2, self._transport.abort)
        self._hub.clients.pop(self, None)
        for stream in list(self.streams):
            self._hub.leave(self, stream)

    def drop(self) -> None:
        """Cut the line."""
        with contextlib.suppress(OSError):
            self._transport.abort()


def _error(code: int, message: str, key: object = None) -> dict[str, Any]:
    return (
        {"error": {"code": code, "msg": message}, "id": key}
        if key is not None
        else {"error": {"code": code, "msg": message}}
    )
