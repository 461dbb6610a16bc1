"""Keeping sockets of raw frames alive, for any exchange that speaks over WebSocket.

One keeper task per connection: it connects, reconnects with jittered back-off, watches for silence, and when a connection
grows old or says goodbye, opens its successor, waits until that one flows, lets both run for a moment and only then closes
the old one. Frames of both reach the reader; repeating them is the reader's business.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

import msgspec
import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidURI, WebSocketException

from pipeline.backoff import Backoff
from pipeline.errors import SetupError

_log = structlog.get_logger(__name__)

#: Frames waiting for the reader before the sockets are no longer read: about a second of the busiest feed.
ROOM: Final = 50_000


class RawFrame(NamedTuple):
    """A frame as received. `ns` is our own clock (Unix ns): for recordings and reports only."""

    ns: int
    data: bytes


class Endpoint(msgspec.Struct, frozen=True):
    """Where one connection goes: the URL, and texts to send after connecting (paced by `Timings.message_gap`)."""

    url: str
    messages: tuple[str, ...] = ()


class Timings(msgspec.Struct, frozen=True):
    """Seconds. Tests shorten them; the defaults are Binance's rules."""

    open_timeout: float = 10.0
    #: Nothing at all for so long is a dead connection: tickers come every second.
    silence: float = 15.0
    #: Binance ends a connection at 24 h.
    max_age: float = 23.5 * 3600
    #: Both connections run side by side for so long at a handover.
    overlap: float = 2.0
    #: At most 5 messages a second may be sent, pongs included.
    message_gap: float = 0.3
    backoff_first: float = 0.5
    backoff_cap: float = 30.0


class _Link:
    """One open connection and the task that reads it."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.opened = time.monotonic()
        self.newest = self.opened
        self.flowing = asyncio.Event()
        self.goodbye = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        with suppress(Exception):
            await self.socket.close()


class Sockets:
    """Frames of several endpoints as one stream of lists. `is_goodbye` recognises the notice that a connection will end."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        is_goodbye: Callable[[bytes], bool] = lambda _: False,
        timings: Timings | None = None,
        room: int = ROOM,
    ) -> None:
        self._endpoints = endpoints
        self._is_goodbye = is_goodbye
        self._timings = timings or Timings()
        self._capacity = room
        self._frames: list[RawFrame] = []
        self._arrived = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._up = [False] * len(endpoints)
        self._keepers: list[asyncio.Task[None]] = []
        self._links: list[_Link | None] = [None] * len(endpoints)
        self._closed = False
        self.reconnects = 0
        self.frames_read = 0
        self.last_error = ""

    @property
    def connected(self) -> bool:
        return bool(self._up) and all(self._up)

    async def frames(self) -> AsyncGenerator[list[RawFrame], None]:
        """Lists of frames as they arrive. Raises SetupError when an URL can never work."""
        self._keepers = [asyncio.create_task(self._keep(index)) for index in range(len(self._endpoints))]
        for keeper in self._keepers:
            keeper.add_done_callback(lambda _: self._arrived.set())
        try:
            while not self._closed:
                await self._arrived.wait()
                self._arrived.clear()
                for keeper in self._keepers:
                    if keeper.done() and not keeper.cancelled():
                        keeper.result()
                if self._frames:
                    batch, self._frames = self._frames, []
                    self.frames_read += len(batch)
                    self._has_room.set()
                    yield batch
        finally:
            await self.close()

    def renew(self) -> None:
        """Hand every connection over to a new one, as if each had said goodbye."""
        for link in self._links:
            if link is not None:
                link.goodbye.set()

    async def close(self) -> None:
        self._closed = True
        self._arrived.set()
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    async def _keep(self, index: int) -> None:
        """Keep one endpoint connected until closed."""
        endpoint, timings = self._endpoints[index], self._timings
        backoff = Backoff(timings.backoff_first, timings.backoff_cap)
        link: _Link | None = None
        try:
            while True:
                try:
                    fresh = await self._open(endpoint)
                except (InvalidURI, ValueError) as error:
                    raise SetupError(f"'{endpoint.url}' is not a WebSocket URL: {error}") from error
                except (OSError, TimeoutError, WebSocketException) as error:
                    self._trouble(f"cannot connect: {_say(error)}")
                    self._up[index] = link is not None and not link.tasks[0].done()
                    await asyncio.sleep(backoff.next(_retry_after(error)))
                    continue
                self._links[index] = fresh
                flows = await self._first(fresh.flowing.wait(), fresh.tasks[0], within=timings.silence)
                if link is not None:
                    if flows:
                        await self._first(link.tasks[0], within=timings.overlap)
                    await link.close()
                link, self._up[index] = fresh, flows
                if flows:
                    backoff.reset()
                    why = await self._until_over(fresh)
                else:
                    why = "opened, and nothing came"
                if why:
                    self._up[index] = False
                    self.reconnects += 1
                    self._trouble(why)
                    await link.close()
                    link = None
                    await asyncio.sleep(backoff.next())
        finally:
            self._up[index] = False
            if link is not None:
                await link.close()

    async def _open(self, endpoint: Endpoint) -> _Link:
        # No compression: a deflated frame costs more time than its bytes on a local uplink. No pings of our own: the watchdog
        # sees silence sooner, and they would count against the messages we may send.
        socket = await connect(
            endpoint.url,
            open_timeout=self._timings.open_timeout,
            compression=None,
            ping_interval=None,
            close_timeout=1,
            max_queue=1024,
            max_size=1 << 23,
        )
        link = _Link(socket)
        link.tasks.append(asyncio.create_task(self._read(link)))
        if endpoint.messages:
            link.tasks.append(asyncio.create_task(self._send(link, endpoint.messages)))
        return link

    async def _send(self, link: _Link, messages: Sequence[str]) -> None:
        with suppress(WebSocketException, OSError):  # the reading side finds out
            for message in messages:
                await link.socket.send(message)
                await asyncio.sleep(self._timings.message_gap)

    async def _read(self, link: _Link) -> None:
        recv, clock, ns = link.socket.recv, time.monotonic, time.time_ns
        while True:
            data = await recv(decode=False)
            link.newest = clock()
            link.flowing.set()
            self._frames.append(RawFrame(ns(), data))
            self._arrived.set()
            if len(data) < 512 and self._is_goodbye(data):
                link.goodbye.set()
            if len(self._frames) >= self._capacity:
                self._has_room.clear()
                await self._has_room.wait()

    async def _until_over(self, link: _Link) -> str:
        """Why the connection is over, or "" when it works and should be handed over."""
        timings = self._timings
        while True:
            now = time.monotonic()
            quiet_left = timings.silence - (now - link.newest)
            if not self._has_room.is_set():
                quiet_left = timings.silence  # we are the ones not reading
            age_left = timings.max_age - (now - link.opened)
            if link.tasks[0].done():
                error = link.tasks[0].exception()
                return f"connection lost: {_say(error)}" if error else "connection lost"
            if link.goodbye.is_set() or age_left <= 0:
                return ""
            if quiet_left <= 0:
                return f"nothing came for {timings.silence:g} s"
            await self._first(link.goodbye.wait(), link.tasks[0], within=min(quiet_left, age_left) + 0.01)

    @staticmethod
    async def _first(*what: object, within: float) -> bool:
        """Wait until one of them is done; whether the first one is. Waits that we began are ended, tasks are left alone."""
        tasks = [w if isinstance(w, asyncio.Task) else asyncio.ensure_future(w) for w in what]  # type: ignore[call-overload]
        try:
            await asyncio.wait(tasks, timeout=within, return_when=asyncio.FIRST_COMPLETED)
            return tasks[0].done() and not tasks[0].cancelled() and tasks[0].exception() is None
        finally:
            for task, given in zip(tasks, what, strict=True):
                if task is not given:
                    task.cancel()

    def _trouble(self, text: str) -> None:
        self.last_error = text
        _log.warning("exchange socket", trouble=text)


def _say(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _retry_after(error: Exception) -> float:
    """Seconds that a refused handshake (429, 418) asks us to wait."""
    headers = (
        getattr(getattr(error, "response", None), "headers", None) if isinstance(error, InvalidHandshake) else None
    )
    try:
        return float(headers.get("Retry-After", 0)) if headers else 0.0
    except ValueError:
        return 0.0
