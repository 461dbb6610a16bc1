"""What the web tier works with, made once per process."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import redis
from flask import Flask, current_app

from dashboard.access.setup import Access, access
from dashboard.gauges import Gauges
from dashboard.hot import HotCandles
from dashboard.indicator_series import IndicatorSeries
from dashboard.jobs import Jobs
from dashboard.series import Series
from pipeline import followed
from pipeline.followed import Followed
from pipeline.live import LiveReader
from pipeline.settings import Settings
from pipeline.store.aftermath import Aftermath
from pipeline.store.alerts import Alerts
from pipeline.store.articles import ArticleReader
from pipeline.store.cold import Cold
from pipeline.store.engine import engine
from pipeline.store.moods import Moods
from pipeline.store.overview import Overview
from pipeline.store.places import Places
from pipeline.store.read import Reader
from pipeline.store.session import Session

_KEY: Final = "SERVICES"
#: A question takes a millisecond: a thousand clients that subscribe at once wait for these rather than connect a thousand times.
_REDIS_CONNECTIONS: Final = 32


@dataclass(frozen=True)
class Services:
    settings: Settings
    redis: redis.Redis
    live: LiveReader
    reader: Reader
    series: Series
    indicators: IndicatorSeries
    articles: ArticleReader
    alerts: Alerts
    moods: Moods
    aftermath: Aftermath
    overview: Overview
    places: Places
    gauges: Gauges
    hot: HotCandles
    jobs: Jobs
    #: None where it is off.
    access: Access | None

    def followed(self) -> Followed:
        return followed.read(self.redis, self.settings)


def mount(server: Flask, settings: Settings) -> None:
    """Nothing connects before the first use."""
    # An answer that takes longer than this is an answer that nobody waits for; the caller hears NOT_READY.
    client = redis.Redis.from_pool(
        redis.BlockingConnectionPool.from_url(
            settings.redis_url,
            max_connections=_REDIS_CONNECTIONS,
            timeout=5,
            socket_timeout=5,
            socket_connect_timeout=2,
        )
    )
    live = LiveReader(client)
    pool = engine(settings.database_url)
    reader = Reader(pool, Cold(settings.cold_url, pool, _aside) if settings.cold_url else None)
    moods, hot = Moods(pool), HotCandles(client)
    server.config[_KEY] = Services(
        settings,
        client,
        live,
        reader,
        Series(reader, live, hot),
        IndicatorSeries(reader),
        ArticleReader(pool),
        Alerts(Session(settings.database_url)),
        moods,
        Aftermath(pool),
        Overview(pool),
        Places(pool),
        Gauges(reader, moods),
        hot,
        Jobs(client, Path(settings.exports or settings.data / "exports")),
        access(settings, client, _aside),
    )


def _aside(work: Callable[[], Any]) -> Any:
    """On a real thread where gevent rules: reading a file from an object store stands still, and nobody else must."""
    if "gevent.monkey" not in sys.modules:
        return work()
    import gevent

    return gevent.get_hub().threadpool.apply(work)


def services(server: Flask | None = None) -> Services:
    """Of the app that serves the current request, or of `server`."""
    return cast("Services", (server or current_app).config[_KEY])
