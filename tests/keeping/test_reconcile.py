"""Own candles against the exchange's: each checked once, the wrong one found, stored and repaired."""

import asyncio
from decimal import Decimal

from msgspec.structs import replace

from pipeline.bus.streams import StreamsBus
from pipeline.clock import now_ms
from pipeline.exchanges.simulator import Simulator
from pipeline.keeping.backfill import Backfill, Wanted
from pipeline.keeping.reconcile import Reconcile
from pipeline.model import Candle
from pipeline.settings import Settings
from pipeline.store.checks import Checks
from pipeline.store.progress import Progress
from pipeline.store.session import Session
from pipeline.store.write import Store
from pipeline.timeframes import MINUTE
from tests.keeping.conftest import Asked, rows
from tests.stack import eventually


async def own(exchange: Asked, timeframe: str, count: int) -> list[Candle]:
    """Candles as we would have made them, closed and whole."""
    klines = await exchange.klines("BTC/USDT", timeframe, count)
    exchange.klines_asked.clear()
    return [replace(candle, source="live") for candle in klines if candle.closed]


def test_each_is_checked_once_and_what_is_wrong_is_repaired(
    market: Simulator, ready: Settings, bus: StreamsBus, session: Session, writing: None
) -> None:
    store = Store(ready.database_url)

    async def go() -> None:
        exchange = Asked(market.rest_url)
        ours = [*await own(exchange, "1m", 30), *await own(exchange, "5m", 10)]
        right = ours[7]
        wrong = replace(right, volume=right.volume + Decimal("0.00000001"))
        partial = replace(ours[8], close=ours[8].low, complete=False)
        store.write([], [*ours[:7], wrong, partial, *ours[9:]])
        reconcile = Reconcile(exchange, bus, Checks(session), settled=0)
        await reconcile.look(["BTC/USDT", "ETH/USDT"])
        assert (reconcile.checked, reconcile.mismatched) == (len(ours) - 1, 1)
        assert len(exchange.klines_asked) == 2
        await reconcile.look(["BTC/USDT", "ETH/USDT"])
        assert len(exchange.klines_asked) == 2, "each once"
        found = rows(ready, "SELECT timeframe, ours->>'volume', theirs->>'volume' FROM candle_checks WHERE NOT matched")
        assert found == [("1m", str(wrong.volume), str(right.volume))]
        repaired = "SELECT volume FROM candles WHERE source = 'historical'"
        assert await asyncio.to_thread(eventually, lambda: rows(ready, repaired) == [(right.volume,)])
        await exchange.close()

    asyncio.run(go())
    store.close()


def test_what_backfill_replaces_is_checked_before(
    market: Simulator, ready: Settings, bus: StreamsBus, session: Session, writing: None
) -> None:
    store = Store(ready.database_url)

    async def go() -> None:
        exchange = Asked(market.rest_url)
        ours = await own(exchange, "1m", 20)
        wrong = replace(ours[3], trade_count=ours[3].trade_count + 1)
        store.write([], [*ours[:3], wrong, *ours[4:]])
        reconcile = Reconcile(exchange, bus, Checks(session))
        backfill = Backfill(exchange, bus, Progress(session), seen=reconcile.seen)
        await backfill.plan([Wanted("BTC/USDT", "1m", now_ms() - 60 * MINUTE)])
        await backfill.run()
        assert (reconcile.checked, reconcile.mismatched) == (len(ours), 1)
        await exchange.close()

    asyncio.run(go())
    store.close()
    assert rows(ready, "SELECT DISTINCT source FROM candles") == [("historical",)]
    assert rows(ready, "SELECT count(*) FILTER (WHERE NOT matched) FROM candle_checks") == [(1,)]


def test_an_exchange_that_refuses_is_asked_again_later(
    market: Simulator, ready: Settings, bus: StreamsBus, session: Session
) -> None:
    store = Store(ready.database_url)

    async def go() -> None:
        exchange = Asked(market.rest_url)
        store.write([], await own(exchange, "1m", 3))
        reconcile = Reconcile(exchange, bus, Checks(session), settled=0)
        market.control("http_429", count=1, retry_after=0.3)
        await reconcile.look(["BTC/USDT"])
        assert reconcile.checked == 0 and "wait" in reconcile.trouble
        await reconcile.look(["BTC/USDT"])
        assert reconcile.checked >= 2 and reconcile.trouble == ""
        await exchange.close()

    asyncio.run(go())
    store.close()
