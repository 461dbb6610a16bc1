"""Exchanges by their ccxt names: ccxt's own Binance client against our simulator, which speaks Binance."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from pipeline.errors import SetupError
from pipeline.exchanges import check, label_of, open_exchange
from pipeline.exchanges.ccxt import Ccxt, open_client
from pipeline.exchanges.simulator import Simulator
from pipeline.model import Book, Ticker, Trade
from pipeline.settings import Settings
from pipeline.timeframes import TIMEFRAMES


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(symbols=("BTC/USDT", "ETH/USDT"), rate=200.0, seed=3) as simulator:
        yield simulator


def member(simulator: Simulator, push: bool = True) -> Ccxt:
    options = {
        "defaultType": "spot",
        "fetchMarkets": {"types": ["spot"]},
        "fetchCurrencies": False,
        "fetchMargins": False,
    }
    client = open_client("binance", options=options)
    for name in ("public", "v1", "private"):
        client.urls["api"][name] = f"{simulator.rest_url}/api/v3"
    client.urls["api"]["ws"]["spot"] = f"{simulator.ws_url}/ws"
    if not push:
        for name in ("watchTrades", "watchTicker", "watchOrderBook"):
            client.has[name] = False
    return Ccxt("binance", client)


def follow(exchange: Ccxt, symbols: list[str], trades: int, seconds: float = 30) -> list[Any]:
    """Events until there are `trades` of each symbol, and a ticker and a book."""

    async def run() -> list[Any]:
        seen: list[Any] = []
        try:
            async with asyncio.timeout(seconds):
                async for events in exchange.stream(symbols):
                    seen += events
                    enough = all(sum(isinstance(e, Trade) and e.symbol == s for e in seen) >= trades for s in symbols)
                    if enough and any(isinstance(e, Book) for e in seen) and any(isinstance(e, Ticker) for e in seen):
                        break
        finally:
            await exchange.close()
        return seen

    return asyncio.run(run())


@pytest.mark.parametrize("push", [True, False])
def test_trades_are_what_the_exchange_sent(simulator: Simulator, push: bool) -> None:
    symbols = ["BTC/USDT", "ETH/USDT"] if push else ["BTC/USDT"]
    seen = follow(member(simulator, push), symbols, 60)
    sent = {row["id"]: row for row in map(_row, _truth(simulator))}
    made = [event for event in seen if isinstance(event, Trade) and event.symbol == "BTC/USDT"]
    assert len({trade.trade_id for trade in made}) == len(made)
    assert {trade.exchange for trade in made} == {"BINANCE"}
    if push:
        # Polled ones are aggregates, with ids of their own.
        for trade in made:
            row = sent[trade.trade_id]
            assert (f"{trade.price:f}", f"{trade.amount:f}") == (row["price"], row["amount"])
    for event in seen:
        if isinstance(event, Book):
            assert event.bids[0][0] < event.asks[0][0]
            assert len(event.bids) <= 20
        elif isinstance(event, Ticker):
            assert event.last is not None
            assert event.last > 0


def _truth(simulator: Simulator) -> list[str]:
    answer = httpx.get(f"{simulator.rest_url}/control/truth", params={"symbol": "BTCUSDT"}, timeout=20)
    answer.raise_for_status()
    return answer.text.splitlines()


def _row(line: str) -> dict[str, str]:
    import json

    row = json.loads(line)
    return {"id": str(row["id"]), "price": row["price"], "amount": row["qty"]}


def test_candles_and_steps(simulator: Simulator) -> None:
    async def run() -> None:
        exchange = member(simulator)
        for timeframe in ("1m", "4h"):
            candles = await exchange.klines("BTC/USDT", timeframe, 50)
            starts = [c.window_start for c in candles]
            assert starts == list(range(starts[0], starts[0] + 50 * TIMEFRAMES[timeframe], TIMEFRAMES[timeframe]))
            # The one before last may have ended this second, and still be settling.
            assert [c.closed for c in candles[:-2]] == [True] * 48
            assert not candles[-1].closed
            assert all(c.low <= min(c.open, c.close) and c.high >= max(c.open, c.close) for c in candles)
        assert await exchange.klines("BTC/USDT", "5s", 10) == []
        markets = await exchange.markets(["BTC/USDT", "NO/USDT"])
        assert list(markets) == ["BTC/USDT"]
        assert markets["BTC/USDT"].tick_size == Decimal("0.01")
        await exchange.close()

    asyncio.run(run())


def test_symbols_that_are_not_traded_are_said_with_near_ones(simulator: Simulator) -> None:
    with pytest.raises(SetupError, match=r"none of BTC/USD\..*BTC/USDT"):
        follow(member(simulator), ["BTC/USD"], 1)


def test_names(settings: Any) -> None:
    check("kraken")
    assert label_of("kraken") == "KRAKEN"
    with pytest.raises(SetupError, match="Did you mean kraken"):
        check("krakn")
    exchange = open_exchange(Settings(exchange="kraken"))
    assert (exchange.label, exchange.source, exchange.repairs) == ("KRAKEN", "kraken", False)
    asyncio.run(exchange.close())
