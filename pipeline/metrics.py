"""What a process counts and measures for Prometheus: every metric of the pipeline, named once, with what it means.

A worker is one process, so every sample carries the worker's name (`begin`). Labels are bounded: types, servers, exchanges and
sources that are configured; never symbols, addresses or texts. What a part never touches it does not show, and what it may count
later it shows at once as 0 (`Counter.add(0)`), for Prometheus sees no increase where there was nothing before.

Only a dict and a lock here: prometheus_client takes 50 ms to import, which is paid by who is asked (`pipeline.exposition`), not by each
of ten processes that start together. One `add` is 0.3 us; hot paths call it once a batch.
"""

import re
import time
from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from threading import Lock
from typing import Final

from pipeline.bus.base import Message
from pipeline.bus.topics import BARS, DEADLETTER, INDICATORS, NEWS, TICKER, TRADES
from pipeline.clock import now_ms

_worker: str = ""


def begin(worker: str) -> None:
    """Once at the start of a process: whose metrics these are."""
    global _worker
    _worker = worker


def worker() -> str:
    return _worker


class Metric:
    """`name` with its unit, `words` for people, `labels` beside the worker's name. Registered where it is made, below."""

    every: Final[list["Metric"]] = []

    def __init__(self, name: str, words: str, *labels: str) -> None:
        self.name = name
        self.words = words
        self.labels = labels
        self._lock = Lock()
        self.every.append(self)


class Counter(Metric):
    """Only grows."""

    def __init__(self, name: str, words: str, *labels: str) -> None:
        super().__init__(name, words, *labels)
        self._values: dict[tuple[str, ...], float] = {}

    def add(self, count: float = 1, *labels: str) -> None:
        with self._lock:
            self._values[labels] = self._values.get(labels, 0) + count

    def reached(self, count: float, *labels: str) -> None:
        """For what is counted elsewhere already, since the start of the process."""
        self._values[labels] = count

    def samples(self) -> Iterator[tuple[tuple[str, ...], float]]:
        yield from self._values.copy().items()


class Gauge(Metric):
    """Goes up and down."""

    def __init__(self, name: str, words: str, *labels: str) -> None:
        super().__init__(name, words, *labels)
        self._reads: dict[tuple[str, ...], Callable[[], float]] = {}

    def set(self, value: float, *labels: str) -> None:
        self._reads[labels] = lambda: value

    def read(self, now: Callable[[], float], *labels: str) -> None:
        """`now` is called when Prometheus asks, on a thread of its own."""
        self._reads[labels] = now

    def samples(self) -> Iterator[tuple[tuple[str, ...], float]]:
        for labels, now in self._reads.copy().items():
            yield labels, float(now())


class Histogram(Metric):
    """How often a value was at most each of `bounds`."""

    def __init__(self, name: str, words: str, bounds: Sequence[float], *labels: str) -> None:
        super().__init__(name, words, *labels)
        self.bounds = tuple(bounds)
        self._values: dict[tuple[str, ...], tuple[list[int], float]] = {}

    def add(self, value: float, times: int = 1, *labels: str) -> None:
        place = bisect_left(self.bounds, value)
        with self._lock:
            counts, total = self._values.get(labels) or ([0] * (len(self.bounds) + 1), 0.0)
            counts[place] += times
            self._values[labels] = counts, total + value * times

    def samples(self) -> Iterator[tuple[tuple[str, ...], tuple[list[int], float]]]:
        """Labels, then the count of each bucket (the last is beyond all bounds) and the sum."""
        with self._lock:
            yield from [(labels, (counts.copy(), total)) for labels, (counts, total) in self._values.items()]


#: Seconds: a trade passes in tens of milliseconds; a minute is an outage.
_DELAY: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
#: Seconds: from a row out of memory to the server's time limit of 15 s.
_QUERY: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)

# -- every worker --------------------------------------------------------------------------------------------------------

MESSAGES_IN: Final = Counter("cryptoviz_messages_in_total", "Messages taken from the exchange or the bus.", "type")
MESSAGES_OUT: Final = Counter(
    "cryptoviz_messages_out_total", "Messages handed on, and acknowledged where they went.", "type"
)
LAG_MESSAGES: Final = Gauge(
    "cryptoviz_lag_messages", "Messages on the bus (stored batches, on Streams) yet to be read."
)
LAG_SECONDS: Final = Gauge(
    "cryptoviz_lag_seconds", "Age of the newest trade (of a 5s candle its end) in hand; 0 when nothing is left to do."
)
BATCH: Final = Histogram(
    "cryptoviz_batch_messages", "Messages that one read of the bus gave.", (1, 10, 100, 500, 1000, 2500, 5000, 10_000)
)
PROGRESS: Final = Gauge(
    "cryptoviz_progress_timestamp_seconds", "When the worker last did what it is for, or had nothing to."
)
RETRIES: Final = Counter("cryptoviz_retries_total", "Calls that failed and were made again.", "server")
QUERY: Final = Histogram(
    "cryptoviz_database_query_seconds", "Time of a statement, or of writing a batch.", _QUERY, "kind"
)
POOL: Final = Gauge(
    "cryptoviz_database_pool_connections", "Connections of the pool: used, idle, and the most there may be.", "state"
)

# -- collector -----------------------------------------------------------------------------------------------------------

FEED_NEWEST: Final = Gauge(
    "cryptoviz_feed_newest_timestamp_seconds", "When the exchange last sent anything.", "exchange"
)
FEED_DELAY: Final = Gauge(
    "cryptoviz_feed_delay_seconds", "Median age of the last second's trades as they came.", "exchange"
)
FEED_FRAMES: Final = Counter("cryptoviz_feed_frames_total", "Frames read from the exchange.", "exchange")
FEED_IGNORED: Final = Counter(
    "cryptoviz_feed_frames_ignored_total", "Frames of an unknown kind, or that cannot be read.", "exchange"
)
RECONNECTS: Final = Counter(
    "cryptoviz_feed_reconnects_total", "Connections to the exchange that were lost.", "exchange"
)
SYMBOLS: Final = Gauge("cryptoviz_symbols_followed", "Symbols that are collected.", "exchange")
QUEUED: Final = Gauge("cryptoviz_publish_queue_messages", "Messages waiting for the bus.", "exchange")
GAPS_OPEN: Final = Gauge("cryptoviz_gaps_open", "Symbols whose missing trades are being fetched.", "exchange")
GAPS_REPAIRED: Final = Counter("cryptoviz_gaps_repaired_total", "Gaps whose trades were fetched.", "exchange")
GAPS_GIVEN_UP: Final = Counter(
    "cryptoviz_gaps_given_up_total", "Gaps whose trades the exchange did not give.", "exchange"
)
TRADES_REPAIRED: Final = Counter(
    "cryptoviz_trades_repaired_total", "Trades that were fetched to fill gaps.", "exchange"
)
REPEATED: Final = Counter("cryptoviz_trades_repeated_total", "Trades that came twice, and were dropped.", "exchange")

# -- candles, indicators ---------------------------------------------------------------------------------------------------

SERIES: Final = Gauge("cryptoviz_series", "Series in memory.")
TOO_LATE: Final = Gauge("cryptoviz_too_late", "Of these series: what came after its window was put away for good.")

# -- writer ----------------------------------------------------------------------------------------------------------------

STORED: Final = Histogram("cryptoviz_exchange_to_stored_seconds", "From a trade at the exchange to its commit.", _DELAY)
DEAD_LETTERS: Final = Counter("cryptoviz_dead_letters_total", "Messages that cannot be read, put aside.")

# -- keeper ----------------------------------------------------------------------------------------------------------------

CHECKED: Final = Counter("cryptoviz_candles_checked_total", "Candles of ours held against the exchange's.", "exchange")
MISMATCHED: Final = Counter(
    "cryptoviz_candles_mismatched_total", "Candles of ours that differ from the exchange's.", "exchange"
)
BACKFILL_LEFT: Final = Gauge("cryptoviz_backfill_windows_left", "Windows of history yet to be fetched.", "exchange")

# -- news ------------------------------------------------------------------------------------------------------------------

ARTICLES: Final = Counter("cryptoviz_news_articles_total", "Articles published.", "source")
POLLS: Final = Counter(
    "cryptoviz_news_polls_total", "Times that an address was asked: answered, or failed.", "source", "outcome"
)
NEWS_NEWEST: Final = Gauge("cryptoviz_news_newest_timestamp_seconds", "Time of the newest article.")

# -- web -------------------------------------------------------------------------------------------------------------------

SOCKET: Final = Histogram(
    "cryptoviz_exchange_to_socket_seconds",
    "From a trade at the exchange to a client's socket: of each write the oldest.",
    _DELAY,
)
SOCKETS_CLOSED: Final = Counter(
    "cryptoviz_ws_closed_total", "WebSockets that we closed, by code: 1013 is a client too slow.", "code"
)
DROPPED: Final = Counter(
    "cryptoviz_ws_messages_dropped_total", "Forming candles and tickers that a slow client did not get."
)

# -- the bus ---------------------------------------------------------------------------------------------------------------

#: Topic → what lies on it, in one word.
TYPES: Final = (
    {TRADES: "trade", TICKER: "ticker", NEWS: "news", DEADLETTER: "dead letter"}
    | dict.fromkeys(BARS, "candle")
    | dict.fromkeys(INDICATORS, "indicator")
)
_topic: Final = attrgetter("topic")
_STAMP: Final = re.compile(rb'"(?:event_ts|window_end)"\s*:\s*(\d{1,15})')
#: Trades of a batch that are looked at for their age, at even distances: 100 of 10 000 say what all would, for a hundredth.
_SAMPLES: Final = 100


class Reading:
    """What one worker reads, told batch by batch. `clock`: the topic by whose messages it is late or not."""

    def __init__(self, clock: str) -> None:
        self._clock = clock
        self._newest = 0
        self._left = 0
        self._in_hand = False
        MESSAGES_IN.add(0, TYPES[clock])
        LAG_SECONDS.read(self._seconds)

    def took(self, messages: Sequence[Message]) -> None:
        """They are in hand from now on; those before are done with."""
        self._in_hand = bool(messages)
        if not messages:
            return
        BATCH.add(len(messages))
        for topic, count in Tally(map(_topic, messages)).items():
            MESSAGES_IN.add(count, TYPES.get(topic, "other"))
        self._newest = next((stamp(one) for one in reversed(messages) if one.topic == self._clock), self._newest)

    def left(self, count: int) -> None:
        """Messages yet to be read."""
        self._left = count
        LAG_MESSAGES.set(count)

    def _seconds(self) -> float:
        behind = self._newest and (self._in_hand or self._left)
        return max(0, now_ms() - self._newest) / 1000 if behind else 0.0


def stamp(message: Message) -> int:
    """When it happened at the exchange, Unix ms; 0 for a message that does not say."""
    found = _STAMP.search(message.value)
    return int(found[1]) if found else 0


def stored(messages: Sequence[Message]) -> None:
    """These are committed now: how old are the trades among them?"""
    now, step = now_ms(), max(1, len(messages) // _SAMPLES)
    for message in messages[::step]:
        if message.topic == TRADES and (at := stamp(message)):
            STORED.add(max(0, now - at) / 1000, step)


class Timer:
    """`with Timer("write"):` measures a statement or batch of this process."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._began = 0.0

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        QUERY.add(time.perf_counter() - self._began, 1, self._kind)
