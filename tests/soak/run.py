"""One soak: a market, the whole terminal as a user starts it, a feed of news, a crowd of clients, and a look every few seconds."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import psycopg2
import redis

from pipeline.exchanges.simulator.market import KEEP
from pipeline.exchanges.simulator.specs import spec_of
from pipeline.live import HISTORY_PREFIX, KEPT_KEY, LiveReader
from pipeline.store.engine import dsn
from tests.drill.freshness import Freshness
from tests.drill.truth import compare, first_stored
from tests.feed import Feed
from tests.soak.clients import Crowd
from tests.soak.feed import Replay
from tests.soak.parts import look
from tests.soak.report import Asked, Report, Sample
from tests.stack import Market, Up, eventually

#: Many, so that half an hour of one symbol is what the market remembers to compare with; the busiest first.
SYMBOLS: Final = (
    *("BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT", "BNB/USDT", "DOGE/USDT", "ADA/USDT", "LTC/USDT"),
    *("AVAX/USDT", "LINK/USDT", "DOT/USDT", "TRX/USDT", "NEAR/USDT", "ATOM/USDT", "UNI/USDT", "FIL/USDT", "APT/USDT"),
    *("ARB/USDT", "OP/USDT", "SUI/USDT", "AAVE/USDT", "ETC/USDT", "XLM/USDT", "ALGO/USDT", "ICP/USDT", "INJ/USDT"),
    *("GRT/USDT", "SAND/USDT"),
)
#: Seconds between two looks.
EVERY: Final = 10.0
#: Name of our own connections, which are not counted.
_OURS: Final = "soak"
_CONNECTIONS: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name <> %s"
)


def soak(
    folder: Path, asked: Asked, *, symbols: Sequence[str] = SYMBOLS, every: float = EVERY, patience: float = 300,
    say: Callable[[str], None] = lambda line: None,
) -> Report:  # fmt: skip
    """Raises AssertionError when the terminal does not come up, ValueError when the market cannot remember so much. Everything it
    started has ended when it returns."""
    busiest = spec_of(symbols[0]).share / sum(spec_of(symbol).share for symbol in symbols)
    if busiest * asked.rate * (asked.minutes * 60 + 60) > KEEP:
        raise ValueError(
            f"the market keeps {KEEP:,} trades of a symbol to compare with: fewer minutes, or a lower rate"
        )
    market = Market(folder, asked.rate, ",".join(symbols), seed=asked.seed)
    feed = Feed()
    sources = folder / "news.toml"
    sources.write_text(feed.config("Replay"))
    try:
        up = Up(
            folder, "--exchange", "binance", "--symbols", ",".join(symbols),
            **market.env, CRYPTOVIZ_NEWS_CONFIG=str(sources),
        )  # fmt: skip
        try:
            return _soak(market, up, feed, asked, symbols, every, patience, say)
        finally:
            up.close()
    finally:
        feed.close()
        market.close()


def _soak(
    market: Market, up: Up, feed: Feed, asked: Asked, symbols: Sequence[str], every: float, patience: float, say: Callable[[str], None]
) -> Report:  # fmt: skip
    up.ready(60)
    database = dsn(up.setting("database_url"))
    valkey: Any = redis.Redis.from_url(up.setting("redis_url"))

    def connect() -> Any:
        return psycopg2.connect(database, connect_timeout=5, options="-c timezone=UTC", application_name=_OURS)

    firsts = {symbol: first_stored(connect, symbol) for symbol in symbols}
    connection = connect()
    connection.autocommit = True
    cursor = connection.cursor()
    freshness = Freshness(connect, symbols[:1])
    freshness.start()
    # Who starts catches up with what was traded meanwhile: a burst that no client need be there for.
    if not eventually(lambda: _settled(freshness), 120):
        say("the terminal has not caught up with the market: this machine is too slow, or busy with something else")
    samples: list[Sample] = []
    news = Replay(feed, asked.seed)
    with Crowd(up.port, asked.clients, asked.seed, symbols) as crowd:
        news.start()
        begin = time.monotonic()
        say(f"{asked.clients} clients listen")
        while time.monotonic() < begin + asked.minutes * 60:
            time.sleep(max(0.0, begin + (len(samples) + 1) * every - time.monotonic()))
            told = crowd.tell()
            cursor.execute(_CONNECTIONS, [_OURS])
            samples.append(
                Sample(
                    at=time.monotonic() - begin,
                    parts=look(up.program.process.pid),
                    valkey=int(valkey.info("memory")["used_memory"]),
                    histories=_histories(valkey),
                    fullest=max(map(int, valkey.hvals(KEPT_KEY)), default=0),
                    connections=cursor.fetchone()[0],
                    late_market=market.stats()["behind_ms"],
                    messages=told["messages"],
                    late=Counter(dict(told["late"])),
                    rest=told["rest"],
                )
            )
            say(str(samples[-1]))
        freshness.stop()
        news.stop()
        market.control(action="pause")
        newest = _still(LiveReader(valkey))
        missing, told = crowd.missing(newest), crowd.tell()
        # What was in the feed, and is not in the database.
        lost_news: set[str] = set()

        def all_news() -> bool:
            cursor.execute("SELECT url FROM news")
            lost_news.clear()
            lost_news.update(news.urls - {row[0] for row in cursor.fetchall()})
            return not lost_news

        eventually(all_news, 30, every=1)
    say("the market stands still; comparing every trade")
    verdicts = []
    for symbol in symbols:
        verdicts.append(compare(market.url, connect, symbol, firsts[symbol], patience))
    connection.close()
    valkey.close()
    return Report(
        asked=asked,
        symbols=len(symbols),
        samples=samples,
        behind=[(at - begin, seconds * 1000) for at, seconds in freshness.samples],
        verdicts=verdicts,
        crowd=told,
        missing=missing,
        news=len(news.urls),
        lost_news=sorted(lost_news),
    )


def _settled(freshness: Freshness) -> bool:
    newest = [behind for _, behind in freshness.samples[-8:]]
    return len(newest) == 8 and max(newest) < 1


def _histories(valkey: Any) -> int:
    """Bytes of what is kept for clients that come back."""
    names = [f"{HISTORY_PREFIX}{name.decode()}" for name in valkey.hkeys(KEPT_KEY)]
    pipeline = valkey.pipeline(transaction=False)
    for name in names:
        pipeline.memory_usage(name)
    return sum(size or 0 for size in pipeline.execute())


def _still(live: LiveReader) -> dict[str, int]:
    """Channel → newest number, once nothing more comes; of what a market that stands still does not tell any more."""
    found: dict[str, int] = {}

    def same() -> bool:
        before = dict(found)
        names = [name for name in live.channels() if name.startswith(("trade|", "candle|", "news|"))]
        found.update({name: live.newest(name)[1] for name in names})
        return found == before

    eventually(same, 300, every=2)
    return found
