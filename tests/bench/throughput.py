"""Raw frames to committed rows with candles made, beside COPY and upsert of the same rows."""

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path

import psycopg2
import redis

from pipeline import status
from pipeline.embedded.postgres import EmbeddedPostgres
from pipeline.embedded.valkey import EmbeddedValkey
from pipeline.exchanges.recording import Recorder
from pipeline.model import Trade
from pipeline.store.engine import dsn
from pipeline.store.migrate import migrate
from tests.stack import Program, eventually

TRADES = 600_000
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


def through_the_pipeline(database_url: str, redis_url: str, folder: Path, trades: list[Trade]) -> float:
    """Trades a second from the first committed row to the last one and its candles."""
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
    client = redis.Redis.from_url(redis_url)
    connection = psycopg2.connect(dsn(database_url))
    connection.autocommit = True
    cursor = connection.cursor()

    def one(query: str) -> int:
        cursor.execute(query)
        row = cursor.fetchone()
        return int(row[0]) if row else 0

    programs = [Program(name, log=folder / f"{name}.log", **env) for name in ("writer", "candles", "bridge")]
    try:
        eventually(
            lambda: all(
                s in {k for k, v in status.read_all(client).items() if v.state == "running"}
                for s in ("writer", "candles", "bridge")
            )
        )
        programs.append(Program("collector", log=folder / "collector.log", **env))
        eventually(lambda: one("SELECT count(*) FROM (SELECT FROM trades LIMIT 1) AS t"), every=0.005)
        begin, early = time.perf_counter(), one("SELECT count(*) FROM trades")
        # Every whole 5s window of every symbol must be there as well.
        windows = (TRADES // PER_MS) // 5000 - 1
        candles = f"SELECT (count(*) >= {windows * len(SYMBOLS)})::int FROM candles WHERE timeframe = '5s' AND closed"
        if not eventually(lambda: one("SELECT count(*) FROM trades") == TRADES and one(candles), 120, every=0.05):
            raise SystemExit(
                "\n".join(p.log.read_text()[-2000:] for p in programs) + f"\n{one('SELECT count(*) FROM trades')} rows"
            )
        return (TRADES - early) / (time.perf_counter() - begin)
    finally:
        for program in reversed(programs):
            program.stop()
        connection.close()
        client.close()


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


def main() -> None:
    trades = list(market())
    with servers() as (database_url, redis_url, folder):
        migrate(database_url)
        pipeline = through_the_pipeline(database_url, redis_url, folder, trades)
        baseline = copy_and_upsert(database_url, trades)
    print(f"pipeline, frames to rows and candles   {pipeline:>10,.0f} trades/s")
    print(f"COPY and upsert of the same rows       {baseline:>10,.0f} rows/s     ratio {pipeline / baseline:.2f}")
