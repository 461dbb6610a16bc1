"""Workers as processes between a bus that the test feeds and a database that it reads: nothing lost, double or bent."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg2
import redis

from pipeline import bus as buses
from pipeline import status
from pipeline.bus.base import BusUnavailable
from pipeline.bus.topics import TOPICS, TRADES
from pipeline.model import Trade
from pipeline.settings import Settings
from pipeline.store.engine import dsn
from pipeline.wire import trade_record
from tests.drill.truth import Windows
from tests.stack import Program, eventually


class Line:
    """`start("writer")` starts a process; several of a kind share the work. Logs lie in `folder`."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._programs: list[Program] = []
        self._client: Any = redis.Redis.from_url(settings.redis_url, socket_timeout=2)
        self._bus = buses.connect(settings)
        self._bus.ensure_topics(TOPICS)
        self.sent: list[Trade] = []

    def start(self, worker: str, **env: str) -> Program:
        names = ("bus", "kafka_brokers", "redis_url", "database_url", "exchange", "symbols", "replay_speed")
        settings = {f"CRYPTOVIZ_{name.upper()}": getattr(self._settings, name) for name in names}
        settings["CRYPTOVIZ_SYMBOLS"] = ",".join(self._settings.symbols)
        log = self._folder / f"{worker}{len(self._programs)}.log"
        self._programs.append(Program(worker, log=log, **settings | env))
        return self._programs[-1]

    def publish(self, trades: Sequence[Trade]) -> None:
        """Returns when they are on the bus, which may be away for a while."""
        records = [trade_record(trade) for trade in trades]

        def sent() -> bool:
            try:
                self._bus.publish(TRADES, records)
            except BusUnavailable:
                return False
            return True

        assert eventually(sent, 60)
        self.sent += trades

    def said(self, worker: str) -> status.Status:
        try:
            return status.read_all(self._client).get(worker, status.Status("starting"))
        except redis.RedisError:
            return status.Status("starting", "Redis is away")

    def logs(self) -> str:
        return "\n".join(f"--- {p.log.name}\n{p.log.read_text()[-3000:]}" for p in self._programs)

    def stored(self) -> int:
        return int(self._rows("SELECT count(*) FROM trades")[0][0])

    def settle(self, seconds: float = 90) -> None:
        """Wait until everything sent is stored, then hold all of it against what was sent."""
        count = len({(t.symbol, t.trade_id) for t in self.sent})
        assert eventually(lambda: self.stored() >= count, seconds), f"{self.stored()} of {count}\n{self.logs()}"
        rows = self._rows(
            "SELECT symbol, trade_id, (extract(epoch FROM event_ts) * 1000)::bigint, price, amount, side FROM trades"
        )
        assert len(rows) == count
        assert set(rows) == {(t.symbol, t.trade_id, t.ts, t.price, t.amount, t.side) for t in self.sent}
        right: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        for symbol in {t.symbol for t in self.sent}:
            windows = Windows()
            for t in {t.trade_id: t for t in self.sent if t.symbol == symbol}.values():
                windows.add(t.ts, int(t.trade_id), t.price, t.amount)
            right |= {(symbol, *key): figures for key, figures in windows.closed().items()}
        assert right
        assert eventually(lambda: right.keys() <= self.candles().keys(), seconds), self.logs()
        assert self.candles() == right

    def candles(self) -> dict[tuple[str, str, int], tuple[Decimal | int, ...]]:
        """(symbol, timeframe, start) → OHLCV and count of those closed and whole."""
        rows = self._rows(
            "SELECT symbol, timeframe, (extract(epoch FROM window_start) * 1000)::bigint, open, high, low, close, volume, trade_count "
            "FROM candles WHERE closed AND complete"
        )
        return {row[:3]: row[3:] for row in rows}

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(dsn(self._settings.database_url))
        try:
            with connection.cursor() as cursor:
                cursor.execute(query)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def close(self) -> None:
        for program in self._programs:
            if program.process.poll() is None:
                program.stop()
        self._bus.close()
        self._client.close()
