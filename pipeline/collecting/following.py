"""Which symbols the collector follows: looked up at the exchange every hour, said to the other workers."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import redis
import structlog

from pipeline import followed
from pipeline.backoff import Backoff
from pipeline.errors import ExchangeUnavailable
from pipeline.exchanges.base import Exchange
from pipeline.exchanges.universe import Universe, Wanted, choose
from pipeline.followed import Followed
from pipeline.settings import Settings

_log = structlog.get_logger(__name__)

#: Seconds between two looks at what the exchange lists: it weighs as much as forty calls for candles.
EVERY: Final = 3600.0


class Following:
    def __init__(self, settings: Settings, exchange: Exchange, client: Any) -> None:
        self._settings = settings
        self._exchange = exchange
        self._redis = client
        #: What is followed now.
        self.symbols: tuple[str, ...] = settings.symbols
        self.halted: tuple[str, ...] = ()
        self.trouble = ""

    async def first(self) -> Sequence[str]:
        """To begin with: what is configured and, of what the last run followed, as many as fit. Nothing waits for the exchange."""
        settings = self._settings
        before = (await asyncio.to_thread(followed.read, self._redis, settings)).symbols if settings.quotes else ()
        more = [symbol for symbol in before if symbol not in settings.symbols]
        self.symbols = (*settings.symbols, *more[: max(0, settings.max_symbols - len(settings.symbols))])
        await self._tell()
        return self.symbols

    async def look(self) -> bool:
        """What the exchange lists now; whether other symbols are to be followed. Waits for the exchange as long as it takes."""
        settings, backoff = self._settings, Backoff()
        while True:
            try:
                listings = await self._exchange.listings()
            except ExchangeUnavailable as error:
                self.trouble = str(error)
                await asyncio.sleep(backoff.next(error.retry_after))
                continue
            break
        self.trouble = ""
        if not listings:
            return False
        wanted = Wanted(settings.quotes, settings.min_volume, settings.max_symbols)
        chosen = choose(listings, settings.symbols, wanted, self.symbols)
        if not chosen.symbols:
            self.trouble = f"the exchange lists none of {' '.join(settings.symbols)}"
            return False
        return await self._take(chosen)

    async def _take(self, chosen: Universe) -> bool:
        if chosen.gone:
            self.trouble = f"not listed at this exchange: {' '.join(chosen.gone)}"
        changed = chosen.symbols != self.symbols
        if changed or chosen.halted != self.halted:
            came, went = set(chosen.symbols) - set(self.symbols), set(self.symbols) - set(chosen.symbols)
            _log.info("follows", symbols=len(chosen.symbols), new=sorted(came), gone=sorted(went), halted=chosen.halted)
            changed = bool(came or went)
            self.symbols, self.halted = chosen.symbols, chosen.halted
            await self._tell()
        return changed

    async def _tell(self) -> None:
        backoff = Backoff()
        while True:
            try:
                await asyncio.to_thread(
                    followed.write, self._redis, self._settings, Followed(self.symbols, self.halted)
                )
                return
            except redis.RedisError as error:
                _log.warning("waiting for Redis", error=str(error))
                await asyncio.sleep(backoff.next())
