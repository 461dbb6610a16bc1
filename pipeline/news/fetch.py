"""One HTTP request to something hostile: conditional, bounded in bytes and seconds, never more than it was asked for."""

import time
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx
import msgspec

from pipeline.news.sources.base import SourceUnavailable

#: Bytes of a body, unpacked. The largest feed in the wild that we know of has 1.3 MB.
LARGEST: Final = 4 * 1024 * 1024
#: Seconds: to connect, between two pieces, and for all of it.
_CONNECT, _PIECE, DEADLINE = 5.0, 10.0, 20.0
#: A server that asks for more patience than this is asked again all the same: it is a feed, not a contract. Seconds.
_LONGEST_WISH: Final = 3600.0
_AGENT: Final = "CryptoViz/0.1 (news reader)"


class Answer(msgspec.Struct, frozen=True):
    """A 200: where it was found in the end, its body, its Content-Type."""

    url: str
    body: bytes
    content_type: str

    def json(self) -> Any:
        """Raises ValueError."""
        return msgspec.json.decode(self.body)


class Fetcher:
    """One address's connection, and the validators of its last answer."""

    def __init__(self, deadline: float = DEADLINE, largest: int = LARGEST) -> None:
        self._deadline = deadline
        self._largest = largest
        self._client = httpx.Client(
            timeout=httpx.Timeout(_PIECE, connect=_CONNECT),
            follow_redirects=True,
            max_redirects=5,
            headers={"User-Agent": _AGENT},
        )
        self._validators: dict[str, str] = {}

    def get(
        self,
        url: str,
        stopping: Callable[[], bool],
        headers: Mapping[str, str] | None = None,
        conditional: bool = True,
        params: Mapping[str, str] | None = None,
    ) -> Answer | None:
        """None when nothing changed (304). Raises SourceUnavailable."""
        sent = dict(headers or {}) | (self._validators if conditional else {})
        response, body = self._ask("GET", url, stopping, headers=sent, params=params)
        if response.status_code == 304:
            return None
        if conditional:
            pairs = {
                "If-None-Match": response.headers.get("ETag"),
                "If-Modified-Since": response.headers.get("Last-Modified"),
            }
            self._validators = {name: value for name, value in pairs.items() if value}
        return Answer(str(response.url), body, response.headers.get("Content-Type", ""))

    def post(self, url: str, stopping: Callable[[], bool], form: Mapping[str, str], user: tuple[str, str]) -> Answer:
        """A form, as a user (Basic). Raises SourceUnavailable."""
        response, body = self._ask("POST", url, stopping, data=form, auth=user)
        return Answer(str(response.url), body, response.headers.get("Content-Type", ""))

    def forget(self) -> None:
        """The last answer was no good: ask for it again in full."""
        self._validators = {}

    def close(self) -> None:
        self._client.close()

    def _ask(
        self, method: str, url: str, stopping: Callable[[], bool], headers: Mapping[str, str] | None = None, **more: Any
    ) -> tuple[httpx.Response, bytes]:
        end = time.monotonic() + self._deadline
        # Only what zlib unpacks: with it the size is bounded while unpacking.
        sent = {"Accept-Encoding": "gzip, deflate"} | dict(headers or {})
        # An empty set of parameters would take away those of the address.
        more = {name: value for name, value in more.items() if value is not None}
        try:
            with self._client.stream(method, url, headers=sent, **more) as response:
                if response.status_code == 304:
                    return response, b""
                if response.status_code != 200:
                    raise SourceUnavailable(
                        f"HTTP {response.status_code}", _retry_after(response), response.status_code
                    )
                return response, self._read(response, end, stopping)
        except httpx.HTTPError as error:
            raise SourceUnavailable(str(error).strip() or type(error).__name__) from error
        except (httpx.InvalidURL, ValueError) as error:
            raise SourceUnavailable(f"not an address that can be fetched: {error}") from error

    def _read(self, response: httpx.Response, end: float, stopping: Callable[[], bool]) -> bytes:
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("identity", "gzip", "x-gzip", "deflate", ""):
            raise SourceUnavailable(f"its body is packed as {encoding!r}, which was not asked for")
        # 47: gzip or zlib, as the header says.
        unpack = zlib.decompressobj(47) if encoding not in ("identity", "") else None
        body = bytearray()
        for piece in response.iter_raw():
            if unpack is not None:
                try:
                    piece = unpack.decompress(piece, self._largest + 1 - len(body))
                except zlib.error as error:
                    raise SourceUnavailable(f"its body does not unpack: {error}") from error
            body += piece
            if len(body) > self._largest:
                raise SourceUnavailable(f"more than {self._largest >> 20} MiB")
            if time.monotonic() > end:
                raise SourceUnavailable(f"not done after {self._deadline:.0f} s")
            if stopping():
                raise SourceUnavailable("we are stopping")
        if unpack is not None and not unpack.eof:
            raise SourceUnavailable("its body ends too early")
        return bytes(body)


def _retry_after(response: httpx.Response) -> float:
    """Seconds; X says instead when (x-rate-limit-reset, Unix seconds)."""
    wish, when = (response.headers.get(name, "") for name in ("Retry-After", "x-rate-limit-reset"))
    if wish.isascii() and wish.isdecimal():
        return min(float(wish), _LONGEST_WISH)
    if response.status_code == 429 and when.isascii() and when.isdecimal():
        return min(max(0.0, float(when) - time.time()), _LONGEST_WISH)
    return 0.0
