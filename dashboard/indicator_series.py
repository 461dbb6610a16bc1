"""An indicator's series: what is stored, or computed from the stored candles when that is not enough."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

import msgspec

from pipeline.bus.topics import INDICATOR_TYPES
from pipeline.indicators.bar import Bar, Figures
from pipeline.indicators.registry import Entry, Value
from pipeline.store.read import Reader
from pipeline.store.rows import CandleRow, IndicatorRow
from pipeline.timeframes import MINUTE, TIMEFRAMES

#: Bars before the first one asked for: Wilder's average forgets its start to 1e-13 in 30 times its length. In 20 times it is 2e-9, and
#: the same bar differed between a short answer and a long one.
_FORGET: Final = 30
_WARM: Final = 500
_WARMEST: Final = 5000
#: Results kept: those of a dozen charts. A newly closed bar makes another key, so nothing has to be thrown out in time.
_KEPT: Final = 64

Rows = list[tuple[int, Figures]]


class Computed(msgspec.Struct):
    """A row of an indicator that is not streamed: its outputs under their own names, `value` the first of them."""

    time: datetime
    symbol: str
    timeframe: str
    indicator_type: str
    created_at: datetime
    value: float | None
    outputs: dict[str, float]


class IndicatorSeries:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._cache: OrderedDict[bytes, Rows] = OrderedDict()

    def page(
        self,
        entry: Entry,
        given: Mapping[str, Value],
        exchange: str,
        symbol: str,
        timeframe: str,
        *,
        limit: int,
        ascending: bool,
        start: datetime | None = None,
        end: datetime | None = None,
        after: datetime | None = None,
    ) -> Sequence[IndicatorRow | Computed]:
        """As Reader.indicators, for any indicator with any parameters."""
        stored: list[IndicatorRow] = []
        between: dict[str, Any] = {"limit": limit, "ascending": ascending, "start": start, "end": end, "after": after}
        if entry.streamed and not given:
            stored = self._reader.indicators(exchange, symbol, timeframe, entry.name, **between)
            if len(stored) == limit:
                return stored
        if ascending:
            # The first bars of a series have no figures: a page must not end there.
            between["limit"] += _warm(entry, given, timeframe)
        candles = [c for c in self._reader.candles(exchange, symbol, timeframe, **between) if c.closed]
        if len(candles) <= len(stored):
            return stored
        candles.sort(key=lambda c: c.window_start)
        computed = self._compute(entry, given, exchange, symbol, timeframe, candles)
        # All of one or all of the other: a series that starts elsewhere need not meet the stored one (on-balance volume).
        if len(computed) <= len(stored):
            return stored
        return computed[:limit] if ascending else computed[::-1]

    def newest(self, exchange: str, symbol: str, timeframe: str) -> list[IndicatorRow]:
        return self._reader.newest_indicators(exchange, symbol, timeframe, INDICATOR_TYPES)

    def _compute(
        self,
        entry: Entry,
        given: Mapping[str, Value],
        exchange: str,
        symbol: str,
        timeframe: str,
        candles: list[CandleRow],
    ) -> Sequence[IndicatorRow | Computed]:
        """The rows of `candles`, which are in order of time; older ones are read to warm up."""
        first = candles[0].window_start
        before = self._reader.candles(
            exchange, symbol, timeframe, limit=_warm(entry, given, timeframe), ascending=False,
            end=first - timedelta(milliseconds=1),
        )  # fmt: skip
        bars = [_bar(c) for c in (*reversed(before), *candles) if c.closed]
        found = dict(self._cached(entry, given, bars))
        out: list[IndicatorRow | Computed] = []
        for c in candles:
            figures = found.get(_ms(c.window_start))
            if figures is None:
                continue
            at, made = c.window_start, c.created_at
            if entry.streamed:
                out.append(IndicatorRow(at, symbol, timeframe, entry.name, made, **figures))
            else:
                outputs = {name: figure for name, figure in figures.items() if name != "value"}
                out.append(Computed(at, symbol, timeframe, entry.name, made, figures.get("value"), outputs))
        return out

    def _cached(self, entry: Entry, given: Mapping[str, Value], bars: list[Bar]) -> Rows:
        key = blake2b(msgspec.msgpack.encode((entry.name, sorted(given.items()), bars)), digest_size=16).digest()
        rows = self._cache.get(key)
        if rows is None:
            rows = self._cache[key] = _run(entry, given, bars)
            if len(self._cache) > _KEPT:
                self._cache.popitem(last=False)
        else:
            self._cache.move_to_end(key)
        return rows


def _run(entry: Entry, given: Mapping[str, Value], bars: list[Bar]) -> Rows:
    # pandas takes half a second and 60 MB: only a web process that is asked for it pays.
    from pipeline.indicators import pandas_engine

    if entry.streamed:
        return pandas_engine.streamed(entry.name, bars, **_numbers(given))
    return pandas_engine.computed(entry.name, entry.inputs, bars, **given)


def _numbers(given: Mapping[str, Value]) -> dict[str, int | float]:
    return {name: value for name, value in given.items() if isinstance(value, int | float)}


def _warm(entry: Entry, given: Mapping[str, Value], timeframe: str) -> int:
    """Bars of history to read."""
    if entry.name == "vwap":
        # It starts at midnight.
        return min(TIMEFRAMES["1d"] // max(TIMEFRAMES[timeframe], MINUTE) + 1, _WARMEST)
    lengths = [int(value) for value in given.values() if isinstance(value, int | float)]
    return min(max(_WARM, *(_FORGET * length for length in lengths), 0), _WARMEST)


def _bar(c: CandleRow) -> Bar:
    return Bar(_ms(c.window_start), float(c.open), float(c.high), float(c.low), float(c.close), float(c.volume))


def _ms(at: datetime) -> int:
    return round(at.astimezone(UTC).timestamp() * 1000)
