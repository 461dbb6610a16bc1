"""Sources to bus: every article once, with its coins and its score. One at a time: two would publish everything twice.

At-least-once: an article is remembered as published after the bus has it. A kill between the two publishes it again, which
the store takes for the same row.
"""

import time
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from threading import Event
from typing import TYPE_CHECKING, Final, NamedTuple

import redis
import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from pipeline import bus as buses
from pipeline import followed, metrics, status
from pipeline.bus.base import Bus, BusUnavailable
from pipeline.bus.topics import NEWS
from pipeline.clock import now_ms
from pipeline.live import LivePublisher
from pipeline.model import Article
from pipeline.retry import Retry, Stopped
from pipeline.settings import Settings
from pipeline.store.engine import engine
from pipeline.wire import article_record

if TYPE_CHECKING:
    from pipeline.news.articles import Maker
    from pipeline.news.feeds import Feeds, Poll
    from pipeline.news.moods import Moods
    from pipeline.news.seen import Seen

log = structlog.get_logger()

_DAY_MS: Final = 86_400_000
#: Seconds. With `up` ten processes start at once on few cores; news is the last thing anybody waits for.
_AFTER_THE_OTHERS: Final = 2.0
#: Seconds between two reports.
_REPORT: Final = 2.0
#: Seconds between two looks at the moods when nothing comes: they fade by a hundredth in minutes.
_MOODS: Final = 60.0


class _Counts(NamedTuple):
    published: int = 0
    newest: int = 0

    def with_(self, articles: Sequence[Article]) -> "_Counts":
        return _Counts(self.published + len(articles), max([self.newest, *(article.time for article in articles)]))


def run(settings: Settings, stop: Event) -> None:
    client = redis.Redis.from_url(settings.redis_url)
    bus = buses.connect(settings)

    def waiting(reason: str) -> None:
        status.report(client, "news", "waiting", reason)

    waiting("for the other parts to start")
    patient_bus = Retry("bus", BusUnavailable, stop, waiting)
    patient_redis = Retry("redis", redis.RedisError, stop, waiting)
    pool = engine(settings.database_url, pool_size=1)
    try:
        if stop.wait(_AFTER_THE_OTHERS):
            return
        # Here, for they take half a second to import.
        from pipeline.news import config
        from pipeline.news.articles import Maker
        from pipeline.news.coins import Coins
        from pipeline.news.feeds import Feeds
        from pipeline.news.moods import Moods
        from pipeline.news.seen import Seen
        from pipeline.news.sentiment import Analyzer

        wanted = config.load(settings.news_config)
        analyzer, symbols = Analyzer(), followed.read(client, settings).symbols

        def maker_of(symbols: Sequence[str]) -> Maker:
            """Every base that is followed is a coin that articles can name."""
            return Maker(Coins(wanted.coins, (symbol.partition("/")[0] for symbol in symbols)), analyzer)

        maker = maker_of(symbols)
        patient_bus(bus.ensure_topics, [NEWS])
        seen: Seen = patient_redis(Seen, client)
        feeds = Feeds(wanted)
        feeds.start(stop)
        moods = Moods({source.name: source.priority for source in wanted.source})
        keeper = _Moods(moods, pool, LivePublisher(client))
        counts, reported, looked = _Counts(), 0.0, 0.0
        while not stop.is_set():
            poll = _next(feeds.found)
            if poll is not None:
                articles = _publish(poll, maker, seen, bus, patient_bus, patient_redis)
                moods.take(articles)
                counts = counts.with_(articles)
            if feeds.found.empty() and (poll is not None or time.monotonic() - looked >= _MOODS):
                # Moods hold no news up: they come when the last poll that waits was published.
                patient_redis(keeper.keep, now_ms())
                if (now_followed := followed.read(client, settings).symbols) != symbols:
                    symbols, maker = now_followed, maker_of(now_followed)
                looked = time.monotonic()
            if time.monotonic() - reported >= _REPORT:
                _report(client, feeds, counts)
                reported = time.monotonic()
    except Stopped:
        pass
    finally:
        bus.close()
        pool.dispose()
        status.report(client, "news", "stopped")
        client.close()


class _Moods:
    """Without the database there are none; news goes on, and they are made up for when it is back."""

    def __init__(self, moods: "Moods", pool: Engine, live: LivePublisher) -> None:
        from pipeline.store.moods import Moods as Table

        self._moods = moods
        self._table = Table(pool)
        self._live = live
        self._remembered = False

    def keep(self, now: int) -> None:
        from pipeline.news.moods import keep
        from pipeline.store.moods import REMEMBERED

        try:
            if not self._remembered:
                self._moods.know(self._table.scored(now - REMEMBERED))
                self._remembered = True
            keep(self._moods, self._table.write, self._live.publish, now)
        except SQLAlchemyError as error:
            log.warning("moods wait for the database", error=str(error).partition("\n")[0])


def _next(found: "SimpleQueue[Poll]") -> "Poll | None":
    try:
        return found.get(timeout=0.5)
    except Empty:
        return None


def _publish(
    poll: "Poll", maker: "Maker", seen: "Seen", bus: Bus, patient_bus: Retry, patient_redis: Retry
) -> list[Article]:
    now = now_ms()
    config = poll.feed.config
    oldest = now - config.days_back * _DAY_MS if config.days_back else 0
    recent = [item for item in poll.items if item.published is None or item.published >= oldest]
    fresh = patient_redis(seen.unseen, recent, now)
    if not fresh:
        return []
    articles = [maker.article(item, config.name, now) for item in fresh]
    patient_bus(bus.publish, NEWS, [article_record(article) for article in articles])
    patient_redis(seen.published, fresh, now)
    metrics.ARTICLES.add(len(articles), config.name)
    log.info("articles", source=config.name, new=len(articles))
    return articles


def _report(client: redis.Redis, feeds: "Feeds", counts: _Counts) -> None:
    health = feeds.health()
    metrics.NEWS_NEWEST.set(counts.newest / 1000)
    facts: dict[str, str | int | float | bool] = {"published": counts.published, "newest_ms": counts.newest, **health}
    if not feeds.feeds:
        status.report(client, "news", "running", "no source is switched on", **facts)
    elif not feeds.asked and not feeds.answering:
        status.report(client, "news", "waiting", "for the sources' first answers", **facts)
    elif not feeds.answering:
        reasons = "; ".join(f"{name}: {line}" for name, line in health.items())
        status.report(client, "news", "waiting", f"no source answers. {reasons}", **facts)
    else:
        status.report(client, "news", "running", "", **facts)
