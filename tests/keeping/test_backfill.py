"""Backfill from the simulated exchange, through a real bus and writer into a real database."""

import asyncio
from decimal import Decimal
from typing import Any

import httpx
import pytest
import redis
from typer.testing import CliRunner

from pipeline.bus.streams import StreamsBus
from pipeline.cli import app
from pipeline.clock import now_ms
from pipeline.exchanges.simulator import Simulator
from pipeline.exchanges.weights import LIMIT, Weights
from pipeline.keeping.backfill import Backfill, Wanted, default
from pipeline.keeping.ranges import Range
from pipeline.settings import Settings
from pipeline.store.progress import Progress
from pipeline.store.session import Session
from pipeline.timeframes import MINUTE, TIMEFRAMES
from tests.keeping.conftest import Asked, rows

DAY = TIMEFRAMES["1d"]


async def fill(exchange: Asked, bus: StreamsBus, session: Session, wanted: list[Wanted], **options: Any) -> Backfill:
    backfill = Backfill(exchange, bus, Progress(session), **options)
    await backfill.plan(wanted)
    await backfill.run()
    return backfill


def test_exactly_what_is_missing_newest_first(
    market: Simulator, ready: Settings, bus: StreamsBus, session: Session, writing: None
) -> None:
    now = now_ms()

    async def go() -> None:
        exchange = Asked(market.rest_url)
        wanted = [Wanted("BTC/USDT", "1m", now - 2 * DAY), Wanted("BTC/USDT", "1h", now - 10 * DAY)]
        backfill = await fill(exchange, bus, session, wanted)
        assert backfill.counts.done == backfill.counts.windows == backfill.counts.candles
        ends = [end for _, timeframe, _, end in exchange.klines_asked if timeframe == "1m"]
        assert ends == sorted(ends, reverse=True) and len(ends) == 3
        assert exchange.klines_asked[0][1] == "1m", "the finest first"
        # Again: only what has ended since.
        exchange.klines_asked.clear()
        await fill(exchange, bus, session, wanted)
        assert sum(limit for *_, limit, _ in exchange.klines_asked) <= 2
        # A longer look-back: what is older, and nothing else.
        exchange.klines_asked.clear()
        await fill(exchange, bus, session, [Wanted("BTC/USDT", "1m", now - 3 * DAY)])
        older = [(limit, end) for _, _, limit, end in exchange.klines_asked if end and end < now - DAY]
        assert sum(limit for limit, _ in older) == 1440
        assert max(end for _, end in older) == (now - 2 * DAY) // MINUTE * MINUTE
        await exchange.close()

    asyncio.run(go())
    stored = rows(
        ready,
        "SELECT extract(epoch FROM window_start)::bigint * 1000, open, high, low, close, volume, trade_count, closed, source "
        "FROM candles WHERE timeframe = '1m' ORDER BY window_start",
    )
    assert {(row[7], row[8]) for row in stored} == {(True, "historical")}
    starts = [row[0] for row in stored]
    assert starts == list(range((now - 3 * DAY) // MINUTE * MINUTE, starts[-1] + 1, MINUTE))
    body = httpx.get(
        f"{market.rest_url}/api/v3/klines",
        params={"symbol": "BTCUSDT", "interval": "1m", "startTime": starts[0], "limit": 1000},
    ).json()
    theirs = [(k[0], *map(Decimal, k[1:6]), k[8]) for k in body]
    assert [row[:7] for row in stored[:1000]] == theirs
    assert rows(ready, "SELECT candles FROM backfill_progress WHERE timeframe = '1m'") == [(len(stored),)]


def test_a_run_that_was_killed_goes_on_where_it_stood(
    market: Simulator, ready: Settings, bus: StreamsBus, session: Session, writing: None
) -> None:
    async def go() -> None:
        exchange = Asked(market.rest_url)
        wanted = [Wanted("ETH/USDT", "5m", now_ms() - 20 * DAY)]  # 5760 windows
        backfill = Backfill(exchange, bus, Progress(session), at_once=2)
        await backfill.plan(wanted)
        running = asyncio.create_task(backfill.run())
        while backfill.counts.done < 2000:  # noqa: ASYNC110 - changed by others
            await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        done = backfill.counts.done
        exchange.klines_asked.clear()
        again = await fill(exchange, bus, session, wanted)
        # What was stored and not noted yet is asked for again: at most the pages that were under way.
        assert 5760 - done - 2000 <= again.counts.windows <= 5760 - done + 1
        await exchange.close()

    asyncio.run(go())
    ((count, length),) = rows(
        ready, "SELECT count(*), max(window_start) - min(window_start) FROM candles WHERE timeframe = '5m'"
    )
    assert count == length.total_seconds() / 300 + 1 >= 5760
    assert len(rows(ready, "SELECT FROM backfill_progress")) == 1


def test_nothing_is_asked_from_before_it_was_traded(
    market: Simulator, ready: Settings, bus: StreamsBus, session: Session, writing: None
) -> None:
    async def go() -> None:
        exchange = Asked(market.rest_url)
        backfill = await fill(exchange, bus, session, [Wanted("BTC/USDT", "4h", 0)])
        assert backfill.counts.done == backfill.counts.windows > 100_000 > 3 * backfill.counts.candles
        assert len(exchange.klines_asked) < 40
        exchange.klines_asked.clear()
        assert (await fill(exchange, bus, session, [Wanted("BTC/USDT", "4h", 0)])).counts.windows <= 1
        await exchange.close()

    asyncio.run(go())


def test_an_open_candle_ends_the_range(
    market: Simulator,
    ready: Settings,
    bus: StreamsBus,
    session: Session,
    writing: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A clock of ours that is two minutes ahead: the newest windows we think are over are not.
    monkeypatch.setattr("pipeline.keeping.backfill.now_ms", lambda: now_ms() + 2 * MINUTE)

    async def go() -> None:
        exchange = Asked(market.rest_url)
        backfill = await fill(exchange, bus, session, [Wanted("BTC/USDT", "1m", now_ms() - DAY // 24)])
        assert backfill.counts.failed == 0
        await exchange.close()
        (there,) = Progress(session).ranges("BINANCE", "BTC/USDT", "1m")
        assert there.end <= now_ms()

    asyncio.run(go())
    assert rows(ready, "SELECT FROM candles WHERE window_end > now() OR NOT closed") == []


def test_429_and_418_are_obeyed_by_all(
    market: Simulator, ready: Settings, bus: StreamsBus, session: Session, writing: None
) -> None:
    client = redis.Redis.from_url(ready.redis_url)

    async def go() -> None:
        one, other = (Asked(market.rest_url, weights=Weights(client, market.rest_url, 0.8)) for _ in range(2))
        await other.klines("BTC/USDT", "1m", 1)
        loop = asyncio.get_running_loop()
        for action in ("http_429", "http_418"):
            market.control(action, count=1, retry_after=1.5)
            began = loop.time()
            running = asyncio.create_task(fill(one, bus, session, [Wanted("BTC/USDT", "15m", now_ms() - DAY)]))
            while not client.exists(other._rest._weights._pause):  # noqa: ASYNC110 - in Redis
                await asyncio.sleep(0.01)
            with pytest.raises(Exception, match="pause"):
                await other.klines("BTC/USDT", "1m", 1)
            backfill = await running
            assert backfill.counts.done == backfill.counts.windows
            assert loop.time() - began >= 1.5
            rows(ready, "SELECT 1")
            await asyncio.to_thread(_forget, session)
        await one.close()
        await other.close()

    asyncio.run(go())
    client.close()


def _forget(session: Session) -> None:
    with session.transaction() as cursor:
        cursor.execute("DELETE FROM backfill_progress")


def test_weights_are_one_count_for_all_and_who_can_wait_gets_less(redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)
    first, patient = Weights(client, "https://a.example", 0.8), Weights(client, "https://a.example", 0.4)

    async def go() -> None:
        assert await patient.take(int(LIMIT * 0.4) - 10) == 0
        assert await first.take(5) == 0
        assert 0 < await patient.take(10) <= 60
        assert await first.take(10) == 0
        await first.told(LIMIT)
        assert 0 < await first.take(1) <= 60
        await first.told(5)
        assert 0 < await first.take(1) <= 60, "never counted down within a minute"
        assert await Weights(client, "https://b.example", 0.4).take(1) == 0
        await first.pause(30)
        await first.pause(1)
        assert 28 < await patient.take(1) <= 30

    asyncio.run(go())
    client.close()


def test_without_redis_every_call_goes() -> None:
    client = redis.Redis.from_url("redis://127.0.0.1:1/0")
    weights = Weights(client, "https://a.example", 0.4)
    assert asyncio.run(weights.take(10_000)) == 0
    asyncio.run(weights.pause(1))


def test_the_ranges_of_a_series_are_joined(session: Session) -> None:
    progress = Progress(session)
    for start, end in ((60, 120), (240, 300), (120, 180), (150, 260), (400, 500)):
        progress.add("BINANCE", "BTC/USDT", "1m", Range(start * 1000, end * 1000), 1)
    assert progress.ranges("BINANCE", "BTC/USDT", "1m") == [Range(60_000, 300_000), Range(400_000, 500_000)]
    assert progress.ranges("BINANCE", "BTC/USDT", "5m") == []


def test_as_many_candles_of_each_timeframe() -> None:
    wanted = default(["BTC/USDT"], 7)
    now = now_ms()
    assert {w.timeframe: round((now - w.since) / TIMEFRAMES[w.timeframe]) for w in wanted} == dict.fromkeys(
        ("1m", "5m", "15m", "1h", "4h", "1d"), 7 * 1440
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--symbol", "NOPE/USDT"), "Not traded at BINANCE: NOPE/USDT"),
        (("--timeframe", "5s"), "--timeframe: '5s' has no history"),
        (("--since", "soon"), "--since: 'soon' is neither a time"),
    ],
)
def test_the_command_says_what_is_wrong(
    market: Simulator, ready: Settings, arguments: tuple[str, ...], said: str
) -> None:
    result = CliRunner(env=_environment(market, ready)).invoke(app, ["backfill", *arguments])
    assert result.exit_code != 0 and said in str(result.exception)


def test_the_command_fills(market: Simulator, ready: Settings, writing: None) -> None:
    arguments = ["backfill", "--symbol", "btcusdt", "--symbol", "ETH/USDT", "--timeframe", "1h", "--since", "2d"]
    result = CliRunner(env=_environment(market, ready)).invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "96 candles fetched; 96 of 96 missing windows are there now" in result.output
    assert rows(ready, "SELECT DISTINCT symbol, timeframe FROM candles ORDER BY 1") == [
        ("BTC/USDT", "1h"),
        ("ETH/USDT", "1h"),
    ]


def _environment(market: Simulator, ready: Settings) -> dict[str, str]:
    return {
        "CRYPTOVIZ_REDIS_URL": ready.redis_url,
        "CRYPTOVIZ_DATABASE_URL": ready.database_url,
        "CRYPTOVIZ_BINANCE_REST_URL": market.rest_url,
    }
