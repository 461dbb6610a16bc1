"""Single trades of the past: exactly those that the table does not have."""

import asyncio
from typing import Any

import pytest

from pipeline.errors import SetupError
from pipeline.exchanges.binance import Binance
from pipeline.exchanges.simulator import Simulator
from pipeline.keeping import trade_history
from pipeline.keeping.trade_history import Fetched, TradeHistory
from pipeline.settings import Settings
from pipeline.store.session import Session
from pipeline.store.write import Store
from tests.keeping.conftest import rows
from tests.stack import eventually


@pytest.fixture
def truth(market: Simulator) -> list[dict[str, Any]]:
    assert eventually(lambda: len(market.truth("BTC/USDT")) > 120, 60)
    return market.truth("BTC/USDT")


def fill(market: Simulator, ready: Settings, since: int) -> Fetched:
    async def go() -> Fetched:
        exchange = Binance(market.ws_url, market.rest_url)
        session, store = Session(ready.database_url), Store(ready.database_url)
        try:
            history = TradeHistory(exchange, session, store, lambda why: None)
            await history.fill("BTC/USDT", since)
            return history.fetched
        finally:
            await exchange.close()
            store.close()
            session.close()

    return asyncio.run(asyncio.wait_for(go(), 60))


def store_some(market: Simulator, ready: Settings, ids: list[int]) -> None:
    async def go() -> None:
        exchange, store = Binance(market.ws_url, market.rest_url), Store(ready.database_url)
        for number in ids:
            store.write(await exchange.trades_from("BTC/USDT", number, 1), [])
        store.close()
        await exchange.close()

    asyncio.run(go())


def stored(ready: Settings) -> list[int]:
    return [row[0] for row in rows(ready, "SELECT trade_id::bigint FROM trades ORDER BY 1")]


def test_holes_and_everything_before_are_fetched(
    market: Simulator, ready: Settings, truth: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trade_history, "PAGE", 7)
    ids = [row["id"] for row in truth]
    store_some(market, ready, [ids[60], ids[61], ids[80], ids[100]])
    fetched = fill(market, ready, truth[20]["time"])
    expected = [row["id"] for row in truth[:101] if row["time"] >= truth[20]["time"]]
    assert stored(ready) == expected
    assert fetched.trades == len(expected) - 4
    assert fetched.oldest == truth[20]["time"]
    assert rows(ready, "SELECT count(*) FROM trades WHERE source = 'repair'") == [(len(expected) - 4,)]
    # Again there is nothing to do; further back, only what is further back.
    assert fill(market, ready, truth[20]["time"]).trades == 0
    assert fill(market, ready, truth[0]["time"]).trades == sum(row["time"] < truth[20]["time"] for row in truth)
    assert stored(ready) == ids[:101]


def test_it_ends_where_the_exchange_has_no_more(
    market: Simulator, ready: Settings, truth: list[dict[str, Any]]
) -> None:
    store_some(market, ready, [truth[30]["id"]])
    fill(market, ready, 0)
    assert stored(ready) == [row["id"] for row in truth[:31]]


def test_without_any_stored_trade_it_says_what_to_do(market: Simulator, ready: Settings) -> None:
    with pytest.raises(SetupError, match="run the collector first"):
        fill(market, ready, 0)
