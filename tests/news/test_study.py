"""The event study: known moves give known findings, and nothing from the future counts."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from pipeline.model import Article, Candle
from pipeline.news.study import HORIZONS, Event, Finding, study
from pipeline.store.aftermath import Aftermath
from pipeline.store.engine import engine
from pipeline.store.migrate import migrate
from pipeline.store.session import at
from pipeline.store.write import Store

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
T = 1_790_000_000_000 // DAY * DAY
NOW = T + 3 * DAY


def label(score: float) -> str:
    return "negative" if score < 0 else "positive" if score > 0 else "neutral"


def event(score: float, before: float, after: float, was: float = 1, came: float = 1) -> Event:
    """Prices `before` → 100 → `after` at every horizon."""
    prices = {0: 100.0} | {-span: before for span in HORIZONS.values()} | dict.fromkeys(HORIZONS.values(), after)
    return Event(
        T, score, "BTC/USDT", prices, {s * sign: v for s in HORIZONS.values() for sign, v in ((-1, was), (1, came))}
    )


def finding(found: list[Finding], name: str, horizon: str) -> Finding:
    return next(one for one in found if (one.label, one.horizon) == (name, horizon))


def test_means_medians_and_shares() -> None:
    found = study([event(1, 80, 102, 2, 6), event(1, 125, 101), event(1, 100, 97), event(-1, 100, 90)], label)
    assert len(found) == 9
    good = finding(found, "positive", "1h")
    assert (good.articles, good.mean, good.median, good.rising, good.volume) == (3, 0, 1, 0.6667, 1)
    assert good.before == pytest.approx((25 - 20 + 0) / 3, abs=1e-4)
    assert good.low is not None and good.high is not None and good.low < 0 < good.high
    bad = finding(found, "negative", "24h")
    assert (bad.articles, bad.mean, bad.low, bad.high) == (1, -10, None, None)
    assert finding(found, "neutral", "5m") == Finding("neutral", "5m", 0, None, None, None, None, None, None, None)


def test_an_unknown_price_counts_for_nothing() -> None:
    blind = Event(T, 1, "BTC/USDT", {0: 100.0, HORIZONS["5m"]: 110.0}, {})
    found = study([blind], label)
    assert finding(found, "positive", "5m").mean == 10
    assert finding(found, "positive", "5m").before is None
    assert finding(found, "positive", "1h").articles == 0


@pytest.fixture
def aftermath(database_url: str) -> Iterator[Aftermath]:
    """A coin that costs 100 until T, then a cent more each minute; volume 1 a minute, 3 after T."""
    migrate(database_url)
    store, candles = Store(database_url), []
    for n in range(-2 * 1440, 2 * 1440):
        start, after = T + n * MINUTE, max(0, n + 1)
        price = Decimal(100) + Decimal(after) / 100
        candles.append(
            Candle(
                "BINANCE", "BTC/USDT", "1m", start, start + MINUTE, price, price, price, price,
                Decimal(3 if n >= 0 else 1), 1, True, source="historical",
            )
        )  # fmt: skip
    for n in range(-48, 48):
        start = T + n * HOUR
        one = Decimal(100)
        candles.append(
            Candle(
                "BINANCE", "BTC/USDT", "1h", start, start + HOUR, one, one, one, one,
                Decimal(180 if n >= 0 else 60), 1, True, source="historical",
            )
        )  # fmt: skip
    store.write([], candles)
    store.write([], [], [], [
        Article(T, "Wire", "https://a.example/1", "Up", "", 0.5, ("btc",)),
        Article(T + 2 * DAY - HOUR // 2, "Wire", "https://a.example/2", "Late", "", 0.5, ("btc", "eth")),
        Article(T, "Wire", "https://a.example/3", "Other coin", "", 0.5, ("eth",)),
        Article(T, "Wire", "https://a.example/4", "No score", "", None, ("btc",)),
    ])  # fmt: skip
    store.close()
    pool = engine(database_url)
    yield Aftermath(pool)
    pool.dispose()


def ask(aftermath: Aftermath, now: int = NOW, symbols: str = "btc") -> list[Event]:
    known = {"btc": "BTC/USDT", "eth": "ETH/USDT"}
    wanted = {coin: known[coin] for coin in symbols.split()}
    return aftermath.events("BINANCE", wanted, at(T - DAY), at(T + 10 * DAY), at(now))


def test_prices_and_volumes_around_an_article(aftermath: Aftermath) -> None:
    late, first = ask(aftermath)
    assert (late.time, first.time, first.symbol) == (T + 2 * DAY - HOUR // 2, T, "BTC/USDT")
    assert first.prices == {
        0: 100.0, -5 * MINUTE: 100.0, -HOUR: 100.0, -DAY: 100.0, 5 * MINUTE: 100.05, HOUR: 100.6, DAY: 114.4,
    }  # fmt: skip
    assert first.volumes == {
        -5 * MINUTE: 5, 5 * MINUTE: 15, -HOUR: 60, HOUR: 180, -DAY: 1440, DAY: 4320,
    }  # fmt: skip
    # Half an hour of candles is left after the other one.
    assert set(late.prices) == {0, 5 * MINUTE, -5 * MINUTE, -HOUR, -DAY}


def test_what_is_not_over_is_not_known(aftermath: Aftermath) -> None:
    event = ask(aftermath, now=T + 10 * MINUTE)[-1]
    assert set(event.prices) == {0, 5 * MINUTE, -5 * MINUTE, -HOUR, -DAY}
    assert set(event.volumes) == {5 * MINUTE, -5 * MINUTE, -HOUR, -DAY}


def test_an_article_counts_for_every_coin_it_names(aftermath: Aftermath) -> None:
    found = ask(aftermath, symbols="btc eth")
    assert sorted((event.time - T, event.symbol) for event in found) == [
        (0, "BTC/USDT"), (0, "ETH/USDT"), (2 * DAY - HOUR // 2, "BTC/USDT"), (2 * DAY - HOUR // 2, "ETH/USDT"),
    ]  # fmt: skip
    assert all(not event.prices for event in found if event.symbol == "ETH/USDT")
