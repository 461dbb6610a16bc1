"""`cryptoviz backfill` of half a million klines into the database, with every worker that reads them."""

import multiprocessing
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg2
import redis

from pipeline import status
from pipeline.store.engine import dsn
from pipeline.store.migrate import migrate
from tests.bench.figure import Figure
from tests.bench.throughput import servers
from tests.stack import Program, eventually, free_port

KLINES = 500_000
SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "BNB/USDT")
WORKERS = ("writer", "candles", "bridge", "indicators")
_MINUTE = 60_000


class Klines(BaseHTTPRequestHandler):
    """As much of Binance's REST as backfill asks for, answered at once: the exchange is not what is measured."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        if url.path.endswith("/klines"):
            start, end = int(query["startTime"]), int(query["endTime"])
            rows = (
                f'[{t},"{9_000_000 + t // _MINUTE % 977}.10000000","{9_001_000}.20000000","{8_999_000}.30000000",'
                f'"{9_000_000 + t // _MINUTE % 613}.40000000","{t // _MINUTE % 89}.50000000",{t + 59_999},"1",{t % 7 + 1},"0","0","0"]'
                for t in range(start, end, _MINUTE)
            )
            body = f"[{','.join(rows)}]"
        elif url.path.endswith("/time"):
            body = f'{{"serverTime":{time.time_ns() // 1_000_000}}}'
        else:
            one = '{{"symbol":"{}","baseAsset":"{}","quoteAsset":"USDT","filters":[]}}'
            body = f'{{"symbols":[{",".join(one.format(s.replace("/", ""), s[:3]) for s in SYMBOLS)}]}}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Not to the screen."""


def serve(port: int) -> None:
    ThreadingHTTPServer(("127.0.0.1", port), Klines).serve_forever()


def measure() -> Iterator[Figure]:
    port = free_port()
    exchange = multiprocessing.get_context("spawn").Process(target=serve, args=(port,), daemon=True)
    exchange.start()
    with servers() as (database_url, redis_url, folder):
        migrate(database_url)
        env = {
            "CRYPTOVIZ_DATABASE_URL": database_url,
            "CRYPTOVIZ_REDIS_URL": redis_url,
            "CRYPTOVIZ_BINANCE_REST_URL": f"http://127.0.0.1:{port}",
            "CRYPTOVIZ_SYMBOLS": ",".join(SYMBOLS),
            "CRYPTOVIZ_LOG_LEVEL": "warning",
        }
        client = redis.Redis.from_url(redis_url)
        programs = [Program(name, log=folder / f"{name}.log", **env) for name in WORKERS]
        try:
            eventually(
                lambda: {k for k, v in status.read_all(client).items() if v.state == "running"} >= set(WORKERS), 60
            )
            since = datetime.fromtimestamp(time.time() - KLINES / len(SYMBOLS) * 60, UTC).isoformat()
            begin = time.perf_counter()
            run = Program("backfill", "--timeframe", "1m", "--since", since, log=folder / "backfill.log", **env)
            code = run.process.wait(600)
            took = time.perf_counter() - begin
            if code:
                raise SystemExit(run.log.read_text())
            connection = psycopg2.connect(dsn(database_url))
            with connection, connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM candles WHERE closed AND source = 'historical'")
                stored = cursor.fetchone()[0]
            connection.close()
        finally:
            for program in reversed(programs):
                program.stop()
            client.close()
            exchange.terminate()
    yield Figure(f"backfill of {stored:,} klines, start included", stored / took, "candles/s")
