"""The blocking client."""

import time
from collections.abc import Iterator
from typing import Any, Final, Self, TypeVar

import httpx
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import connect

from pipeline import http
from pipeline.backoff import Backoff
from pipeline.client import calls
from pipeline.client.calls import Call, Time, Unreachable, bearer, refused, unauthorized
from pipeline.client.feed import Feed, Hole, Message, between, since
from pipeline.client.rows import Article, Candle, Indicator, Mood, Rows, Stats, Trade

R = TypeVar("R")
#: Tries of a call that fails for no fault of ours, and what passes with time.
TRIES: Final = 5
PASSING: Final = (429, 502, 503, 504)
#: Seconds between two tries to connect: the first, the longest.
RECONNECT: Final = (0.1, 5.0)
#: Seconds until what the socket has shown is in the database, at the most.
FILL_PATIENCE: Final = 30.0
#: Seconds without an answer.
TIMEOUT: Final = 30.0


def socket_url(url: str) -> str:
    return url.rstrip("/").replace("http", "ws", 1) + "/ws/crypto"


class CryptoViz:
    """Of the server at `url`; `key` is an API key, where the server asks who calls. Safe in one thread at a time."""

    def __init__(self, url: str = "http://127.0.0.1:8050", key: str | None = None) -> None:
        self._url = url
        self._key = key
        self._http = httpx.Client(base_url=url.rstrip("/") + "/api/v1/", timeout=TIMEOUT, headers=bearer(key))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def candles(
        self, symbol: str, timeframe: str = "1m", *, start: Time = None, end: Time = None, limit: int | None = 500, order: str | None = None
    ) -> Rows[Candle]:  # fmt: skip
        """Newest first, or oldest first with a range. `limit` None: all there are, page by page."""
        return self._run(calls.candles(symbol, timeframe, start, end, limit, order))

    def trades(
        self, symbol: str, *, start: Time = None, end: Time = None, limit: int | None = 500, order: str | None = None
    ) -> Rows[Trade]:
        return self._run(calls.trades(symbol, start, end, limit, order))

    def indicator(
        self, type_: str, symbol: str, timeframe: str = "1m", *, start: Time = None, end: Time = None, limit: int | None = 500,
        order: str | None = None, **parameters: Any,
    ) -> Rows[Indicator]:  # fmt: skip
        """`parameters` are the indicator's own: `length=21`."""
        return self._run(calls.indicators(type_, symbol, timeframe, start, end, limit, order, parameters))

    def news(self, coin: str | None = None, *, limit: int | None = 50, **filters: Any) -> Rows[Article]:
        """`filters`: source, min_score, max_score, q; for all news only."""
        return self._run(calls.news(coin, limit, filters))

    def sentiment(
        self, coin: str | None = None, timeframe: str = "1h", *, start: Time = None, end: Time = None, limit: int | None = 500
    ) -> Rows[Mood]:  # fmt: skip
        return self._run(calls.sentiment(coin, timeframe, start, end, limit))

    def latest(self, symbol: str, timeframe: str = "1m") -> Candle:
        return self._run(calls.latest(symbol, timeframe))

    def stats(self, symbol: str) -> Stats:
        return self._run(calls.stats(symbol))

    def symbols(self) -> list[str]:
        return self._run(calls.symbols())

    def live(self, type_: str, *symbols: str, timeframe: str = "", forming: bool = False) -> Iterator[Message]:
        """Messages as they come, for ever; over breaks and restarts of the server. Without symbols those that have data.

        Trades and closed candles have no hole and no repeat: what the server cannot hand over again is fetched over REST.
        """
        names = symbols or (() if type_ in ("news", "sentiment") else tuple(self.symbols()))
        feed = Feed(type_, names, timeframe, forming, self._key)
        backoff = Backoff(*RECONNECT)
        while True:
            try:
                with connect(socket_url(self._url), max_queue=None, open_timeout=10) as socket:
                    for hello in feed.hello():
                        socket.send(hello)
                    for text in socket:
                        backoff.reset()
                        for found in feed.receive(text):
                            if isinstance(found, Hole):
                                yield from self._fill(found)
                            else:
                                yield found
            except InvalidStatus as error:
                if error.response.status_code not in PASSING:
                    raise refused(error.response.status_code, bytes(error.response.body or b"")) from error
            except (OSError, WebSocketException) as error:
                if (no := unauthorized(error)) is not None:
                    raise no from error
            time.sleep(backoff.next())

    def _fill(self, hole: Hole) -> list[Message]:
        end = time.monotonic() + FILL_PATIENCE
        while True:
            if hole.wanted.type == "trade":
                rows: Any = self.trades(hole.wanted.symbol, start=since(hole), limit=None)
            else:
                rows = self.candles(hole.wanted.symbol, hole.wanted.timeframe, start=since(hole), limit=None)
            found = between(hole, rows)
            if found is not None:
                return found
            if time.monotonic() > end:
                raise Unreachable(
                    f"what was missed of {hole.wanted.symbol} is not in the database after {FILL_PATIENCE:.0f} s"
                )
            time.sleep(0.2)

    def _run(self, call: Call[R]) -> R:
        try:
            request = next(call)
            while True:
                request = call.send(self._get(request))
        except StopIteration as done:
            result: R = done.value
            return result

    def _get(self, request: calls.Request) -> bytes:
        backoff = Backoff()
        reason = ""
        for _ in range(TRIES):
            try:
                answer = http.get_blocking(self._http, request.path, request.params)
            except httpx.TransportError as error:
                reason = str(error) or type(error).__name__
            else:
                if answer.status == 200:
                    return answer.body
                if answer.status not in PASSING:
                    raise refused(answer.status, answer.body)
                reason = str(refused(answer.status, answer.body))
            time.sleep(backoff.next())
        raise Unreachable(f"{self._url} does not answer: {reason}")
