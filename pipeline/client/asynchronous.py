"""The same for asyncio: every call is awaited, `live` is iterated with `async for`."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, Self, TypeVar

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from pipeline import http
from pipeline.backoff import Backoff
from pipeline.client import calls
from pipeline.client.blocking import FILL_PATIENCE, PASSING, RECONNECT, TIMEOUT, TRIES, socket_url
from pipeline.client.calls import Call, Time, Unreachable, bearer, refused, unauthorized
from pipeline.client.feed import Feed, Hole, Message, between, since
from pipeline.client.rows import Article, Candle, Indicator, Mood, Rows, Stats, Trade

R = TypeVar("R")


class AsyncCryptoViz:
    """Of the server at `url`; `key` is an API key, where the server asks who calls."""

    def __init__(self, url: str = "http://127.0.0.1:8050", key: str | None = None) -> None:
        self._url = url
        self._key = key
        self._http = httpx.AsyncClient(base_url=url.rstrip("/") + "/api/v1/", timeout=TIMEOUT, headers=bearer(key))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def candles(
        self, symbol: str, timeframe: str = "1m", *, start: Time = None, end: Time = None, limit: int | None = 500, order: str | None = None
    ) -> Rows[Candle]:  # fmt: skip
        """Newest first, or oldest first with a range. `limit` None: all there are, page by page."""
        return await self._run(calls.candles(symbol, timeframe, start, end, limit, order))

    async def trades(
        self, symbol: str, *, start: Time = None, end: Time = None, limit: int | None = 500, order: str | None = None
    ) -> Rows[Trade]:
        return await self._run(calls.trades(symbol, start, end, limit, order))

    async def indicator(
        self, type_: str, symbol: str, timeframe: str = "1m", *, start: Time = None, end: Time = None, limit: int | None = 500,
        order: str | None = None, **parameters: Any,
    ) -> Rows[Indicator]:  # fmt: skip
        """`parameters` are the indicator's own: `length=21`."""
        return await self._run(calls.indicators(type_, symbol, timeframe, start, end, limit, order, parameters))

    async def news(self, coin: str | None = None, *, limit: int | None = 50, **filters: Any) -> Rows[Article]:
        """`filters`: source, min_score, max_score, q; for all news only."""
        return await self._run(calls.news(coin, limit, filters))

    async def sentiment(
        self, coin: str | None = None, timeframe: str = "1h", *, start: Time = None, end: Time = None, limit: int | None = 500
    ) -> Rows[Mood]:  # fmt: skip
        return await self._run(calls.sentiment(coin, timeframe, start, end, limit))

    async def latest(self, symbol: str, timeframe: str = "1m") -> Candle:
        return await self._run(calls.latest(symbol, timeframe))

    async def stats(self, symbol: str) -> Stats:
        return await self._run(calls.stats(symbol))

    async def symbols(self) -> list[str]:
        return await self._run(calls.symbols())

    async def live(
        self, type_: str, *symbols: str, timeframe: str = "", forming: bool = False
    ) -> AsyncIterator[Message]:
        """Messages as they come, for ever; over breaks and restarts of the server. Without symbols those that have data.

        Trades and closed candles have no hole and no repeat: what the server cannot hand over again is fetched over REST.
        """
        names = symbols or (() if type_ in ("news", "sentiment") else tuple(await self.symbols()))
        feed = Feed(type_, names, timeframe, forming, self._key)
        backoff = Backoff(*RECONNECT)
        while True:
            try:
                async with connect(socket_url(self._url), max_queue=None, open_timeout=10) as socket:
                    for hello in feed.hello():
                        await socket.send(hello)
                    async for text in socket:
                        backoff.reset()
                        for found in feed.receive(text):
                            if isinstance(found, Hole):
                                for missed in await self._fill(found):
                                    yield missed
                            else:
                                yield found
            except InvalidStatus as error:
                if error.response.status_code not in PASSING:
                    raise refused(error.response.status_code, bytes(error.response.body or b"")) from error
            except (OSError, WebSocketException) as error:
                if (no := unauthorized(error)) is not None:
                    raise no from error
            await asyncio.sleep(backoff.next())

    async def _fill(self, hole: Hole) -> list[Message]:
        end = time.monotonic() + FILL_PATIENCE
        while True:
            if hole.wanted.type == "trade":
                rows: Any = await self.trades(hole.wanted.symbol, start=since(hole), limit=None)
            else:
                rows = await self.candles(hole.wanted.symbol, hole.wanted.timeframe, start=since(hole), limit=None)
            found = between(hole, rows)
            if found is not None:
                return found
            if time.monotonic() > end:
                raise Unreachable(
                    f"what was missed of {hole.wanted.symbol} is not in the database after {FILL_PATIENCE:.0f} s"
                )
            await asyncio.sleep(0.2)

    async def _run(self, call: Call[R]) -> R:
        try:
            request = next(call)
            while True:
                request = call.send(await self._get(request))
        except StopIteration as done:
            result: R = done.value
            return result

    async def _get(self, request: calls.Request) -> bytes:
        backoff = Backoff()
        reason = ""
        for _ in range(TRIES):
            try:
                answer = await http.get(self._http, request.path, request.params)
            except httpx.TransportError as error:
                reason = str(error) or type(error).__name__
            else:
                if answer.status == 200:
                    return answer.body
                if answer.status not in PASSING:
                    raise refused(answer.status, answer.body)
                reason = str(refused(answer.status, answer.body))
            await asyncio.sleep(backoff.next())
        raise Unreachable(f"{self._url} does not answer: {reason}")
