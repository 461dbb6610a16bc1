"""The poll loop: one thread an address, so that a slow one delays nobody; what fails is asked less and less often."""

import random
import time
from collections.abc import Callable
from queue import SimpleQueue
from threading import Event, Thread
from typing import Final, NamedTuple

import structlog

from pipeline import metrics
from pipeline.news.config import KINDS, NewsConfig, SourceConfig
from pipeline.news.sources.base import Item, Source, SourceUnavailable

log = structlog.get_logger()

#: Failures in a row after which a source is only tried now and then; fewer are hiccups.
TRIPS_AFTER: Final = 3
#: A source that stays away is tried at least this often. Seconds.
_LONGEST: Final = 1800.0
#: Between the first polls of two addresses, by priority: so the better source's copy of an article is the one that is published.
_STAGGER: Final = 0.3


class Breaker:
    """How long to leave a source alone. Closed: its interval. Open after `TRIPS_AFTER` failures: twice as long with each more."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self.failures = 0
        self._wish = 0.0

    @property
    def open(self) -> bool:
        return self.failures >= TRIPS_AFTER

    def worked(self) -> None:
        self.failures, self._wish = 0, 0.0

    def failed(self, retry_after: float = 0.0) -> None:
        self.failures += 1
        self._wish = retry_after

    def delay(self) -> float:
        """Seconds until the next try, with a tenth of jitter so that many terminals never come at once."""
        # 2**30 intervals are for ever; a larger power would not fit a float after weeks without a network.
        doubled = self._interval * (1 << min(30, max(0, self.failures - TRIPS_AFTER + 1)))
        wait = max(self._interval, min(_LONGEST, doubled), self._wish)
        return wait * random.uniform(1.0, 1.1)


class Poll(NamedTuple):
    """One address answered; `items` are all it holds, known ones too."""

    feed: "Feed"
    items: list[Item]


class Feed:
    """One address, its thread and its health."""

    def __init__(self, config: SourceConfig, url: str) -> None:
        self.config = config
        self.source: Source = KINDS[config.kind](url, config.options)
        self.breaker = Breaker(config.interval)
        self.error = ""
        self.polls = 0
        metrics.ARTICLES.add(0, config.name)
        for outcome in ("answered", "failed"):
            metrics.POLLS.add(0, config.name, outcome)

    def run(self, found: SimpleQueue[Poll], stop: Event, first: float) -> None:
        """Until `stop`."""
        if stop.wait(first):
            return
        while True:
            started = time.monotonic()
            self.poll(found, stop.is_set)
            if stop.wait(max(0.0, self.breaker.delay() - (time.monotonic() - started))):
                self.source.close()
                return

    def poll(self, found: SimpleQueue[Poll], stopping: Callable[[], bool]) -> None:
        try:
            items = self.source.fetch(stopping)
        except SourceUnavailable as error:
            self._fails(str(error), error.retry_after)
        except Exception as error:  # a source's own bug must not end its thread, nor hide
            log.exception("source failed", source=self.config.name, address=self.source.address)
            self._fails(f"{type(error).__name__}: {error}", 0.0)
        else:
            self.breaker.worked()
            self.error = ""
            metrics.POLLS.add(1, self.config.name, "answered")
            found.put(Poll(self, items))
        self.polls += 1

    def _fails(self, reason: str, retry_after: float) -> None:
        if reason != self.error:
            log.warning("source unavailable", source=self.config.name, address=self.source.address, error=reason)
        metrics.POLLS.add(1, self.config.name, "failed")
        self.breaker.failed(retry_after)
        self.error = reason


class Feeds:
    """All that is switched on."""

    def __init__(self, config: NewsConfig) -> None:
        sections = sorted((one for one in config.source if one.enabled), key=lambda one: one.priority)
        self.feeds = [Feed(section, url) for section in sections for url in section.urls]
        self.found: SimpleQueue[Poll] = SimpleQueue()

    def start(self, stop: Event) -> None:
        """Daemons: one that hangs in a name look-up must not hold up the end of the process."""
        for n, feed in enumerate(self.feeds):
            Thread(
                target=feed.run, args=(self.found, stop, n * _STAGGER), name=f"news-{feed.config.name}-{n}", daemon=True
            ).start()

    def health(self) -> dict[str, str]:
        """Source → one line."""
        lines: dict[str, str] = {}
        for name in dict.fromkeys(feed.config.name for feed in self.feeds):
            mine = [feed for feed in self.feeds if feed.config.name == name]
            asked, failing = [feed for feed in mine if feed.polls], [feed for feed in mine if feed.error]
            if not asked:
                lines[name] = "not asked yet"
            elif failing:
                how = "fail (tried less often)" if all(feed.breaker.open for feed in failing) else "fail"
                lines[name] = f"{len(failing)} of {len(mine)} addresses {how}: {failing[0].error}"
            else:
                lines[name] = "ok"
        return lines

    @property
    def asked(self) -> bool:
        """Whether every address had its first try."""
        return all(feed.polls for feed in self.feeds)

    @property
    def answering(self) -> bool:
        """Whether any address answered the last time it was asked."""
        return any(feed.polls and not feed.error for feed in self.feeds)
