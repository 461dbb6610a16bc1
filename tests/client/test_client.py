"""The Python client against a real server, over a line that breaks."""

import asyncio
import contextlib
import gc
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import redis

from pipeline.client import AsyncCryptoViz, CryptoViz, Message, Refused, Unreachable
from pipeline.client.feed import Feed, Hole
from pipeline.live import LivePublisher, channel
from pipeline.live_messages import candle_data, trade_data
from pipeline.store.write import Store
from tests.dashboard.conftest import NOON, candle, live, store, trade
from tests.dashboard.test_socket import Web, server
from tests.stack import free_port
from tests.tools import REPOSITORY

__all__ = ["live", "server", "store"]  # fixtures

# A socket that is cut in the midst of its handshake is left to the collector of garbage by the library below us; here, not in whatever
# test comes after.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture(autouse=True, scope="module")
def collected_at_last() -> Iterator[None]:
    """What a line's threads still held when its test ended."""
    yield
    time.sleep(0.2)
    gc.collect()


def at(n: int) -> datetime:
    return datetime.fromtimestamp((NOON + n * 60_000) / 1000, UTC)


@pytest.fixture
def url(server: Web, store: Store) -> str:
    store.write([trade(n) for n in range(30)], [candle(n) for n in range(30)])
    return f"http://127.0.0.1:{server.port}"


def test_rows_are_typed_and_exact(url: str) -> None:
    with CryptoViz(url) as viz:
        rows = viz.candles("btc-usdt", "1m", start=at(5), end=at(9))
        assert [row.window_start for row in rows] == [at(n) for n in range(5, 10)]
        assert (str(rows[0].open), rows[0].closed) == ("60000.00000000", True)
        assert str(viz.trades("BTC/USDT", limit=1)[0].amount) == "0.00000100"
        assert viz.latest("BTC/USDT").window_start == at(29)


def test_pages_are_hidden(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.client.calls._PAGE", 7)
    with CryptoViz(url) as viz:
        assert [row.window_start for row in viz.candles("BTC/USDT", order="asc", limit=None)] == [
            at(n) for n in range(30)
        ]
        assert [row.trade_id for row in viz.trades("BTC/USDT", limit=17)] == [str(29 - n) for n in range(17)]


def test_tables(url: str) -> None:
    with CryptoViz(url) as viz:
        rows = viz.candles("BTC/USDT", limit=20)
        frame = rows.pandas()
        assert (frame.index.name, len(frame), float(frame["open"].iloc[0])) == ("window_start", 20, 60000.0)
        assert rows.pandas(exact=True)["volume"].iloc[0] == Decimal("1.00000001")
        assert rows.polars().height == 20
        assert viz.candles("BTC/USDT", start=at(500)).pandas().empty


def test_what_the_server_refuses(url: str) -> None:
    with CryptoViz(url) as viz:
        with pytest.raises(Refused, match="INVALID_INTERVAL") as raised:
            viz.candles("BTC/USDT", "7m")
        assert raised.value.status == 400
        with pytest.raises(Refused, match="NOT_FOUND"):
            viz.latest("NONE/USDT")
        with pytest.raises(Refused, match="timeframe"):
            next(viz.live("candle", "BTC/USDT", timeframe="7m"))


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.client.blocking.TRIES", 2)
    with CryptoViz(f"http://127.0.0.1:{free_port()}") as viz, pytest.raises(Unreachable, match="does not answer"):
        viz.symbols()


class Line:
    """A TCP line to the server that can be cut."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._whole = threading.Event()
        self._whole.set()
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._whole.wait(20)
                try:
                    far = socket.create_connection(("127.0.0.1", self._to))
                except OSError:
                    near.close()
                    raise
                with self._lock:
                    self._open += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    @staticmethod
    def _pump(one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)
        one.close()

    def cut(self, for_good: bool = False) -> None:
        """Waits for a connection to cut, longer than the client does at the most. `for_good`: until `mend`."""
        end = time.monotonic() + 6
        while not self._open and time.monotonic() < end:
            time.sleep(0.005)
        time.sleep(0.05)  # for the handshake: a line that carries nothing is not worth cutting
        with self._lock:
            ends, self._open = self._open, []
        if for_good:
            self._whole.clear()
        self.cuts += 1 if ends else 0
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # the pumps close them

    def mend(self) -> None:
        self._whole.set()

    def close(self) -> None:
        self._listener.close()
        self.mend()
        if self._open:
            self.cut()


@pytest.fixture
def line(server: Web) -> Iterator[Line]:
    line = Line(server.port)
    yield line
    line.close()


TRADES = 2000


def published(
    live: LivePublisher, store: Store, line: Line, cuts: int, forget: Callable[[], None] | None = None
) -> None:
    """Trades in small batches, and cuts spread among them. As the pipeline does: to the database and to the bridge."""
    every = TRADES // 10 // cuts
    for n in range(0, TRADES, 10):
        batch = [trade(k) for k in range(n, n + 10)]
        live.publish({channel("trade", "BTC/USDT"): [trade_data(one) for one in batch]})
        store.write(batch, [])
        line.mend()
        if n // 10 % every == every - 1:
            line.cut(for_good=forget is not None)  # what is forgotten is missed, so the next batch is, too
            if forget is not None:
                forget()
        time.sleep(0.05)
    line.mend()


def test_a_hundred_drops_and_nothing_missing_or_doubled(
    server: Web, line: Line, live: LivePublisher, store: Store
) -> None:
    store.write([], [candle(0)])
    seen: list[str] = []
    done = threading.Event()

    def listen() -> None:
        with (
            CryptoViz(f"http://127.0.0.1:{line.port}") as viz,
            contextlib.closing(viz.live("trade", "BTC/USDT")) as messages,  # type: ignore[type-var]
        ):
            for message in messages:
                seen.append(message.data.trade_id)
                if seen[-1] == str(TRADES - 1):
                    done.set()
                    return

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    wait_for_client(server)
    published(live, store, line, 100)
    assert done.wait(60), f"{len(seen)} came, the last {seen[-1:]}"
    thread.join(10)
    assert line.cuts >= 95
    assert seen == [str(n) for n in range(TRADES)]


def test_what_the_bridge_forgot_comes_over_rest(
    server: Web, line: Line, live: LivePublisher, store: Store, redis_url: str
) -> None:
    client = redis.Redis.from_url(redis_url)
    seen: list[Message] = []
    done = threading.Event()

    async def listen() -> None:
        async with (
            AsyncCryptoViz(f"http://127.0.0.1:{line.port}") as viz,
            contextlib.aclosing(viz.live("trades", "btc-usdt")) as messages,  # type: ignore[type-var]
        ):
            async for message in messages:
                seen.append(message)
                if message.data.trade_id == str(TRADES - 1):
                    done.set()
                    return

    def forget() -> None:
        client.flushdb()
        live.publish({})

    thread = threading.Thread(target=lambda: asyncio.run(listen()), daemon=True)
    thread.start()
    wait_for_client(server)
    published(live, store, line, 4, forget)
    assert done.wait(60), f"{len(seen)} came"
    thread.join(10)
    client.close()
    assert [message.data.trade_id for message in seen] == [str(n) for n in range(TRADES)]
    assert any(message.seq is None for message in seen), "some were fetched"
    assert len({(message.data.price, message.data.event_ts) for message in seen}) == TRADES


def wait_for_client(server: Web) -> None:
    end = time.monotonic() + 20
    while server.stats()["active_connections"] < 1 and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.5)


def test_forming_candles_repeat_their_seq_and_closed_ones_do_not() -> None:
    def sent(n: int, closed: bool, seq: int) -> str:
        data = candle_data(candle(n, closed=closed)).decode()
        return f'{{"type":"candle","data":{data},"timestamp":1,"seq":{seq}}}'

    feed = Feed("candle", ["BTC/USDT"], "1m", True)
    assert '"since"' not in feed.hello()[0]
    feed.receive(
        '{"type":"subscribed","data":{"type":"candle","symbol":"BTC/USDT","timeframe":"1m"},"timestamp":1,"epoch":"a","seq":4}'
    )
    assert len(feed.receive(sent(0, False, 4))) == len(feed.receive(sent(0, False, 4))) == 1
    assert len(feed.receive(sent(0, True, 5))) == 1
    assert feed.receive(sent(0, True, 5)) == []
    assert '"since":5' in feed.hello()[0] and '"epoch":"a"' in feed.hello()[0]
    feed.receive(
        '{"type":"subscribed","data":{"type":"candle","symbol":"BTC/USDT","timeframe":"1m"},"timestamp":1,"epoch":"b","seq":1,"recovered":false}'
    )
    assert len(feed.receive(sent(3, False, 1))) == 1, "a forming one shows no hole"
    hole, message = feed.receive(sent(3, True, 2))
    assert isinstance(hole, Hole) and isinstance(message, Message)
    assert (hole.after.data.window_start, hole.before.data.window_start) == (at(0), at(3))


def test_the_examples_of_the_docs_run(url: str, live: LivePublisher) -> None:
    stop = threading.Event()

    def market() -> None:
        n = 1000
        while not stop.wait(0.05):
            n += 1
            live.publish({channel("trade", "BTC/USDT"): [trade_data(trade(n))]})

    thread = threading.Thread(target=market, daemon=True)
    thread.start()
    text = "".join((REPOSITORY / "docs" / page).read_text() for page in ("client.md", "quick-start.md"))
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 4
    for block in blocks:
        exec(compile(block.replace("http://127.0.0.1:8050", url), "docs", "exec"), {"__name__": "__main__"})
    stop.set()
    thread.join()
