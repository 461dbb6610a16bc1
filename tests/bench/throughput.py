"""Raw frames to committed rows with candles made, on both buses, beside COPY and upsert of the same rows.

Beside trades a second it says what a trade cost each part in CPU time: that hardly depends on what else the machine does, and shows
where the time goes.
"""

import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import psycopg2
import redis

from pipeline import status
from pipeline.embedded.postgres import EmbeddedPostgres
from pipeline.embedded.valkey import EmbeddedValkey
from pipeline.exchanges.recording import Recorder
from pipeline.model import Trade
from pipeline.store.engine import dsn
from pipeline.store.migrate import migrate
from tests.bench.figure import Figure
from tests.drill.harm import children
from tests.kafka.broker import JARS, Broker
from tests.stack import Program, eventually

TRADES = 600_000
#: Trades a second that the embedded terminal is to carry on two cores.
AIM = 100_000
WORKERS = ("writer", "candles", "bridge")
SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "BNB/USDT")
#: 2024-08-09, and 5000 trades a second of exchange time: two minutes of a very busy market.
START, PER_MS = 1_723_161_600_000, 5


def market() -> Iterator[Trade]:
    """The same walk every time."""
    walk = random.Random(1)
    price = dict(zip(SYMBOLS, (6_183_763, 265_512, 15_341, 52_120), strict=True))
    order = dict.fromkeys(SYMBOLS, 1_000_000)
    for n in range(TRADES):
        symbol = SYMBOLS[walk.choices(range(4), (55, 25, 12, 8))[0]]
        price[symbol] += walk.choice((-1, 0, 0, 0, 1))
        order[symbol] += 1
        amount = Decimal(walk.randrange(1, 200_000)).scaleb(-5)
        yield Trade(
            "BINANCE", symbol, START + n // PER_MS, Decimal(price[symbol]).scaleb(-2), amount,
            walk.choice(("buy", "sell")), str(order[symbol]),
        )  # fmt: skip


def frame(t: Trade) -> bytes:
    """As Binance sends it on a combined stream."""
    name = t.symbol.replace("/", "")
    return (
        f'{{"stream":"{name.lower()}@trade","data":{{"e":"trade","E":{t.ts + 1},"s":"{name}","t":{t.trade_id},'
        f'"p":"{t.price}000000","q":"{t.amount}000","T":{t.ts},"m":{"true" if t.side == "sell" else "false"},"M":true}}}}'
    ).encode()


@contextmanager
def servers() -> Iterator[tuple[str, str, Path]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        postgres, valkey = EmbeddedPostgres(folder / "data"), EmbeddedValkey(folder / "data")
        try:
            yield postgres.start(), valkey.start(), folder
        finally:
            postgres.stop()
            valkey.stop()


class Run(NamedTuple):
    """`rate`: trades a second from the first committed row to the last one and its candles. `costs`: part → us of CPU a trade."""

    rate: float
    costs: dict[str, float]


def through_the_pipeline(
    database_url: str, redis_url: str, folder: Path, trades: list[Trade], kafka: Broker | None = None
) -> Run:
    recording = folder / "frames.zst"
    recorder = Recorder(recording)
    recorder.write([(t.ts * 1_000_000, frame(t)) for t in trades])
    recorder.close()
    env = {
        "CRYPTOVIZ_DATABASE_URL": database_url,
        "CRYPTOVIZ_REDIS_URL": redis_url,
        "CRYPTOVIZ_EXCHANGE": f"replay:{recording}",
        "CRYPTOVIZ_REPLAY_SPEED": "max",
        "CRYPTOVIZ_SYMBOLS": ",".join(SYMBOLS),
        "CRYPTOVIZ_LOG_LEVEL": "warning",
    }
    if kafka is not None:
        env |= {"CRYPTOVIZ_BUS": "kafka", "CRYPTOVIZ_KAFKA_BROKERS": kafka.address}
    client = redis.Redis.from_url(redis_url)
    connection = psycopg2.connect(dsn(database_url))
    connection.autocommit = True
    cursor = connection.cursor()

    def one(query: str, *parameters: object) -> int:
        cursor.execute(query, parameters)
        row = cursor.fetchone()
        return int(row[0]) if row else 0

    last = {t.symbol: int(t.trade_id) for t in trades}
    newest = (
        "SELECT trade_id FROM trades WHERE exchange = 'BINANCE' AND symbol = %s "
        "ORDER BY event_ts DESC, length(trade_id) DESC, trade_id DESC LIMIT 1"
    )
    # Every whole 5s window of every symbol must be there as well.
    windows = (TRADES // PER_MS) // 5000 - 1
    candles = f"SELECT (count(*) >= {windows * len(SYMBOLS)})::int FROM candles WHERE timeframe = '5s' AND closed"

    def over() -> bool:
        # By the newest of each symbol: counting half a million rows twenty times a second took the pipeline a core.
        return all(one(newest, symbol) == number for symbol, number in last.items()) and bool(one(candles))

    programs = {name: Program(name, log=folder / f"{name}.log", **env) for name in WORKERS}
    try:
        eventually(
            lambda: {name for name, said in status.read_all(client).items() if said.state == "running"} >= set(WORKERS),
            90,
        )
        time.sleep(3)  # groups form
        postmaster = int(_fields(connection.info.backend_pid)[1])
        parts = {name: program.process.pid for name, program in programs.items()}
        parts |= {"postgres": postmaster, "valkey": int(client.info("server")["process_id"])}
        if kafka is not None:
            parts["kafka"] = kafka.pid
        before = {name: _cpu(pid) for name, pid in parts.items()}
        programs["collector"] = Program("collector", log=folder / "collector.log", **env)
        parts["collector"], before["collector"] = programs["collector"].process.pid, 0.0
        eventually(lambda: one("SELECT count(*) FROM (SELECT FROM trades LIMIT 1) AS t"), 60, every=0.005)
        begin, early = time.perf_counter(), one("SELECT count(*) FROM trades")
        if not eventually(over, 200, every=0.05):
            raise SystemExit(
                "\n".join(p.log.read_text()[-2000:] for p in programs.values())
                + f"\n{one('SELECT count(*) FROM trades')} rows"
            )
        took = time.perf_counter() - begin
        costs = {name: (_cpu(pid) - before[name]) / len(trades) * 1e6 for name, pid in parts.items()}
        stored = one("SELECT count(*) FROM trades")
        if stored != len(trades):
            raise SystemExit(f"{stored} rows of {len(trades)}")
        return Run((len(trades) - early) / took, costs)
    finally:
        for program in reversed(programs.values()):
            program.stop()
        connection.close()
        client.close()


def _fields(pid: int) -> list[str]:
    """Of /proc/…/stat from the state on; [] when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []


def _cpu(pid: int) -> float:
    """Seconds of CPU that it and its children took, those that have ended included."""
    ticks = sum(map(int, _fields(pid)[11:15])) + sum(sum(map(int, _fields(child)[11:13])) for child in children(pid))
    return ticks / os.sysconf("SC_CLK_TCK")


def copy_and_upsert(database_url: str, trades: list[Trade]) -> float:
    """The same rows, ready-made lines, COPY into a temporary table and an upsert from there; nothing else running."""
    batches = [
        "".join(
            f"{datetime.fromtimestamp(t.ts / 1000, UTC).isoformat()}\t{t.exchange}\t{t.symbol}\t{t.trade_id}\t"
            f"{t.price}\t{t.amount}\t{t.side}\n"
            for t in trades[at : at + 5000]
        )
        for at in range(0, len(trades), 5000)
    ]
    connection = psycopg2.connect(dsn(database_url))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE trades, candles")
        cursor.execute("CHECKPOINT")
        cursor.execute(
            "CREATE TEMP TABLE incoming (event_ts timestamptz, exchange text, symbol text, trade_id text, price numeric, "
            "amount numeric, side text) ON COMMIT DELETE ROWS"
        )
    connection.autocommit = False
    columns = "event_ts, exchange, symbol, trade_id, price, amount, side"
    begin = time.perf_counter()
    for lines in batches:
        with connection, connection.cursor() as cursor:
            cursor.copy_expert("COPY incoming FROM STDIN", StringIO(lines))
            cursor.execute(f"INSERT INTO trades ({columns}) SELECT {columns} FROM incoming ON CONFLICT DO NOTHING")
    took = time.perf_counter() - begin
    connection.close()
    return len(trades) / took


def measure() -> Iterator[Figure]:
    trades = list(market())
    for name, words, aim in (("streams", "Valkey Streams", AIM), ("kafka", "Apache Kafka on the same cores", None)):
        with ExitStack() as stack:
            database_url, redis_url, folder = stack.enter_context(servers())
            kafka = None
            if name == "kafka":
                if shutil.which("java") is None or not any(JARS.glob("kafka_*.jar")):
                    raise SystemExit("Kafka is not installed: make kafka")
                kafka = Broker(folder)
                kafka.start()
                stack.callback(kafka.stop)
            migrate(database_url)
            run = through_the_pipeline(database_url, redis_url, folder, trades, kafka)
            baseline = copy_and_upsert(database_url, trades)
        yield Figure(
            f"raw frames to committed rows with candles, {words}", run.rate, "trades/s",
            "COPY and upsert of the same rows, alone", baseline, least=aim,
        )  # fmt: skip
        costs = dict(sorted(run.costs.items(), key=lambda cost: -cost[1]))
        yield Figure(
            f"CPU of a trade, {words}", sum(costs.values()), "us", note="the collector's start included", parts=costs
        )
