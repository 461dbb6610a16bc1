"""Everything the market sent, held against everything stored. Streams: ten minutes of a flood are millions of trades."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import httpx
import psycopg2

from pipeline.timeframes import TIMEFRAMES
from tests.stack import eventually

Figures = tuple[Decimal, Decimal, Decimal, Decimal, Decimal, int]


class Verdict(NamedTuple):
    """Of one symbol. `candles` counts the windows that were checked, `wrong_candles` shows those that differ or are not there."""

    symbol: str
    sent: int
    missing: int
    double: int
    altered: int
    candles: int
    wrong_candles: list[str]

    @property
    def fine(self) -> bool:
        return bool(self.sent) and not (self.missing or self.double or self.altered or self.wrong_candles)


class Windows:
    """Closed candles of the windows that trades cover whole, the obvious way."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], list[Any]] = {}
        self._begin = self._end = 0

    def add(self, ts: int, order: int, price: Decimal, amount: Decimal) -> None:
        self._begin, self._end = min(self._begin or ts, ts), max(self._end, ts)
        for name, length in TIMEFRAMES.items():
            key = name, ts - ts % length
            known = self._open.get(key)
            if known is None:
                self._open[key] = [(ts, order), price, price, price, (ts, order), price, amount, 1]
                continue
            if (ts, order) < known[0]:
                known[0], known[1] = (ts, order), price
            known[2], known[3] = max(known[2], price), min(known[3], price)
            if (ts, order) > known[4]:
                known[4], known[5] = (ts, order), price
            known[6] += amount
            known[7] += 1

    def closed(self) -> dict[tuple[str, int], Figures]:
        return {
            (name, start): (bar[1], bar[2], bar[3], bar[5], bar[6], bar[7])
            for (name, start), bar in self._open.items()
            if self._begin < start and start + TIMEFRAMES[name] <= self._end
        }


def first_stored(connect: Callable[[], Any], symbol: str) -> int:
    """The id with which storing of a symbol began: nothing was harmed yet, so nothing before it will come."""

    def look() -> int:
        connection = connect()
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT min(trade_id::bigint) FROM trades WHERE symbol = %s", [symbol])
            row = cursor.fetchone()
        connection.close()
        return int(row[0] or 0)

    found = eventually(look, 60)
    assert found, f"no trade of {symbol} was ever stored"
    return found


def compare(url: str, connect: Callable[[], Any], symbol: str, first: int, patience: float) -> Verdict:
    """Wait up to `patience` seconds for what is on its way, then compare. `first`: the id with which storing began."""
    plain = symbol.replace("/", "")
    last = httpx.get(f"{url}/control/stats", timeout=60).json()["symbols"][plain]["last_id"]
    expected = last - first + 1
    count = "SELECT count(*) FROM trades WHERE symbol = %s"
    eventually(lambda: (_one(connect, count, symbol) or 0) >= expected, patience, every=1)

    windows = Windows()
    missing = altered = double = 0
    connection = connect()
    try:
        with connection, connection.cursor("stored") as cursor:
            cursor.itersize = 20_000
            cursor.execute(
                "SELECT trade_id::bigint, (extract(epoch FROM event_ts) * 1000)::bigint, price, amount, side "
                "FROM trades WHERE symbol = %s ORDER BY 1",
                [symbol],
            )
            rows = iter(cursor)
            row = next(rows, None)
            for order, ts, price, amount, side in sent(url, plain):
                if order < first:
                    continue
                windows.add(ts, order, price, amount)
                while row is not None and row[0] < order:
                    double, row = double + 1, next(rows, None)
                if row is None or row[0] != order:
                    missing += 1
                    continue
                altered += row[1:] != (ts, price, amount, side)
                row = next(rows, None)
            double += (row is not None) + sum(1 for _ in rows)
    finally:
        connection.close()

    right = windows.closed()

    def stored() -> dict[tuple[str, int], Figures]:
        connection = connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT timeframe, (extract(epoch FROM window_start) * 1000)::bigint, open, high, low, close, volume, trade_count "
                    "FROM candles WHERE symbol = %s AND closed AND complete",
                    [symbol],
                )
                return {(row[0], row[1]): row[2:] for row in cursor.fetchall()}
        finally:
            connection.close()

    eventually(lambda: right.keys() <= stored().keys(), patience, every=1)
    found = stored()
    wrong = [f"{key}: {found.get(key)}, not {bar}" for key, bar in sorted(right.items()) if found.get(key) != bar]
    return Verdict(symbol, expected, missing, double, altered, len(right), wrong)


def sent(url: str, plain: str) -> Iterator[tuple[int, int, Decimal, Decimal, str]]:
    """(id, time in ms, price, amount, taker's side) of every trade the market made, in order."""
    with httpx.stream("GET", f"{url}/control/truth", params={"symbol": plain}, timeout=120) as answer:
        for line in answer.iter_lines():
            if line:
                t = json.loads(line)
                side = "sell" if t["isBuyerMaker"] else "buy"
                yield t["id"], t["time"], Decimal(t["price"]), Decimal(t["qty"]), side


def _one(connect: Callable[[], Any], query: str, *parameters: object) -> int | None:
    """One figure; None while the database is away."""
    try:
        connection = connect()
    except psycopg2.Error:
        return None
    try:
        with connection.cursor() as cursor:
            cursor.execute(query, parameters)
            row = cursor.fetchone()
            return None if row is None or row[0] is None else int(row[0])
    except psycopg2.Error:
        return None
    finally:
        connection.close()
