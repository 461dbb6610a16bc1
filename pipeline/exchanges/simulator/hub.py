"""Who listens to which stream, and the pump that moves the market and tells them."""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol

from pipeline.exchanges.simulator.bars import INTERVALS
from pipeline.exchanges.simulator.exchange import Exchange
from pipeline.exchanges.simulator.faults import Faults
from pipeline.exchanges.simulator.frames import Voice, frame
from pipeline.exchanges.simulator.history import Bar

#: Shortest nap of the pump (s). An event loop's timer rounds up to whole ms, so slices are 1-2 ms.
_SLICE: Final = 0.0005
#: Longest nap (s): how soon a stop is seen.
_NAP: Final = 0.02
#: Steps (of 20 ms of market) at most to catch up with at the start: 4 s.
_CATCH_UP: Final = 200


class Client(Protocol):
    """One open WebSocket."""

    combined: bool
    micro: bool
    streams: dict[str, None]

    def send(self, data: bytes) -> None: ...
    def beat(self, now: float) -> None: ...
    def close(self, code: int, reason: str) -> None: ...


Output = dict[Client, list[bytes]]


class Hub:
    """`begun` is the `time.perf_counter()` of the exchange's start: its clock goes from there."""

    def __init__(self, exchange: Exchange, faults: Faults, begun: float) -> None:
        self.exchange = exchange
        self.faults = faults
        self.clients: dict[Client, None] = {}
        self._streams: dict[str, dict[Client, None]] = {}
        self._sent = {name: voice.market.tape.end_id for name, voice in exchange.voices.items()}
        self._touches: dict[str, tuple[int, int, int, int]] = {}
        self._tick = 0
        self._windows: dict[str, int] = {}  # kline stream → window last told, ms
        self._begun = begun
        self.trades = 0

    def listen(self, client: Client, stream: str) -> None:
        client.streams[stream] = None
        self._streams.setdefault(stream, {})[client] = None

    def leave(self, client: Client, stream: str) -> None:
        client.streams.pop(stream, None)
        clients = self._streams.get(stream, {})
        clients.pop(client, None)
        if not clients:
            self._streams.pop(stream, None)
            self._windows.pop(stream, None)

    async def run(self, stopped: Callable[[], bool]) -> None:
        """Until `stopped`: advance, tell, sleep to the next event."""
        while not stopped():
            self.step()
            late = self.exchange.behind > 0
            nap = 0.0 if late else min(_NAP, max(_SLICE, self.exchange.due() / 1e6))
            await asyncio.sleep(_NAP if self.exchange.paused else nap)

    def catch_up(self) -> None:
        """Live through the time that setting up took, before anybody listens; not for ever where the rate is beyond the machine."""
        for _ in range(_CATCH_UP):
            self.step()
            if self.exchange.behind <= 0:
                break

    def step(self) -> None:
        self.exchange.advance((time.perf_counter() - self._begun) * 1e6)
        self.tell()

    def tell(self) -> None:
        """Send everything that is new."""
        now = self.exchange.now_us
        out: Output = {}
        for voice in self.exchange.voices.values():
            self._tell_trades(voice, now, out)
            if f"{voice.stream}@bookTicker" in self._streams and self._touches.get(voice.name) != (
                touch := voice.touch()
            ):
                self._touches[voice.name] = touch
                self._say(out, f"{voice.stream}@bookTicker", voice.book_ticker)
        tick = now // 100_000
        if tick != self._tick:
            second = tick // 10 != self._tick // 10
            self._tick = tick
            self._tell_depths(now, tick % 10 == 0, out)
            if second:
                self._tell_seconds(now, out)
                beat = time.monotonic()
                for client in list(self.clients):
                    client.beat(beat)
        for client, chunks in out.items():
            client.send(b"".join(chunks))

    def _tell_trades(self, voice: Voice, now: int, out: Output) -> None:
        first, end = self._sent[voice.name], voice.market.tape.end_id
        if first != end:
            self._sent[voice.name] = end
            self.trades += end - first
            voice.bars.read()
            self._spread(out, f"{voice.stream}@aggTrade", partial(_agg_trades, voice, first, end))
        ids = self.faults.apply(voice.name, first, end, now)
        if ids:
            self._spread(out, f"{voice.stream}@trade", partial(_trades, voice, ids))

    def _tell_depths(self, now: int, second: bool, out: Output) -> None:
        for voice in self.exchange.voices.values():
            depth = self.exchange.depths[voice.name]
            fast, slow = f"{voice.stream}@depth@100ms", f"{voice.stream}@depth"
            depth.watched = fast in self._streams or slow in self._streams
            # One chain of updates: the stream of 1 s is told every 100 ms too while somebody hears the fast one.
            if depth.watched and (second or fast in self._streams) and (change := depth.look()) is not None:
                self._say(out, fast, partial(voice.diff, change, now))
                self._say(out, slow, partial(voice.diff, change, now))
            for count in (5, 10, 20):
                self._say(out, f"{voice.stream}@depth{count}@100ms", partial(voice.partial_depth, count))
                if second:
                    self._say(out, f"{voice.stream}@depth{count}", partial(voice.partial_depth, count))

    def _tell_seconds(self, now: int, out: Output) -> None:
        voices = self.exchange.voices
        for stream in self._streams:
            symbol, _, kind = stream.partition("@")
            if stream == "!ticker@arr":
                self._say(out, stream, partial(_array, [partial(voice.ticker, now) for voice in voices.values()]))
            elif stream == "!miniTicker@arr":
                self._say(out, stream, partial(_array, [partial(voice.mini_ticker, now) for voice in voices.values()]))
            elif symbol == symbol.lower() and (voice := voices.get(symbol.upper())) is not None:
                if kind == "ticker":
                    self._say(out, stream, partial(voice.ticker, now))
                elif kind == "miniTicker":
                    self._say(out, stream, partial(voice.mini_ticker, now))
                elif (interval := kind.removeprefix("kline_")) in INTERVALS and interval != kind:
                    for event in self._klines(voice, stream, interval, now):
                        self._say(out, stream, partial(voice.kline, interval, *event, now))

    def _klines(self, voice: Voice, stream: str, interval: str, now: int) -> list[tuple[int, Bar, int, bool]]:
        """(window, bar, last id, closed) of the windows that closed since the last second, and of the forming one."""
        length = INTERVALS[interval]
        window = now // 1000 // length * length
        told = self._windows.get(stream, window)
        self._windows[stream] = window
        last = voice.market.tape.end_id - 1
        events = []
        for at, bar in reversed(list(voice.bars.klines(length, told, window))):
            events.append((at, bar, last, at < window))
            last -= bar.trades
        return events[::-1]

    def _spread(self, out: Output, stream: str, make: Callable[[bool, bool], bytes]) -> None:
        """Append `make(combined, micro)` to the output of each of the stream's clients, made once for each kind."""
        made: dict[tuple[bool, bool], bytes] = {}
        for client in self._streams.get(stream, ()):
            kind = (client.combined, client.micro)
            if kind not in made:
                made[kind] = make(*kind)
            out.setdefault(client, []).append(made[kind])

    def _say(self, out: Output, stream: str, say: Callable[[bool], str]) -> None:
        """The same for one payload, `say(micro)`."""
        self._spread(out, stream, lambda combined, micro: frame(_wrap(stream, say(micro)) if combined else say(micro)))


def _wrap(stream: str, payload: str) -> str:
    return f'{{"stream":"{stream}","data":{payload}}}'


def _trades(voice: Voice, ids: Sequence[int], combined: bool, micro: bool) -> bytes:
    return "".join(voice.trades(ids, combined, micro)).encode("latin-1")


def _agg_trades(voice: Voice, first: int, end: int, combined: bool, micro: bool) -> bytes:
    payloads = voice.agg_trades(first, end, micro)
    return b"".join(frame(_wrap(f"{voice.stream}@aggTrade", payload) if combined else payload) for payload in payloads)


def _array(parts: list[Callable[[bool], str]], micro: bool) -> str:
    return "[" + ",".join(part(micro) for part in parts) + "]"
