"""A client's socket as flask-sock sees it.

flask-sock shakes hands and reads; sending is ours (docs/decisions.md): its own sends one message at a time, and with `send`,
which tears large frames for a peer that reads slowly.
"""

import socket
import threading
import time
from contextlib import suppress
from typing import Final

#: Seconds we read on after our close, so that the peer gets to read it: closing with unread bytes resets the connection.
_LINGER: Final = 1.0


class Wire:
    """The socket as flask-sock sees it: whole sends, one at a time, and the time of the last byte heard."""

    def __init__(self, raw: socket.socket) -> None:
        self._raw = raw
        # Below gevent's: it says at once when nothing more can be taken.
        self._now = getattr(raw, "_sock", raw)
        #: Taken from a queue, and not sent yet.
        self.rest = b""
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
            whole, self.rest = self.rest + data, b""
            self._raw.sendall(whole)
            self.sending_since = None
        return len(data)

    def send_now(self, data: bytes) -> bool:
        """Without waiting; False when some of it is left, for the next `send`. The lock must be held."""
        if self.rest:
            self.rest += data
            return False
        try:
            sent = self._now.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            sent = 0
        self.rest = data[sent:]
        return not self.rest

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
