"""HTTP of the simulator: Binance's REST, and `/control` for faults, single trades and the truth. Loopback only."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import orjson

from pipeline.exchanges.simulator.faults import GARBAGE
from pipeline.exchanges.simulator.frames import Voice, frame
from pipeline.exchanges.simulator.hub import Hub
from pipeline.exchanges.simulator.rest import Refused, Rest, trade_rows
from pipeline.exchanges.simulator.server import Answer, Connection

#: Rows of the truth made between two looks at the sockets: 3 ms.
_CHUNK: Final = 2_000


class Control:
    """Answers every HTTP request. `POST /control` takes `{"action": …}`; each action's fields are its method's arguments."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._rest = Rest(hub.exchange)
        self._actions: dict[str, Callable[..., dict[str, Any]]] = {
            "drop": self._drop,
            "stall": self._stall,
            "duplicate": lambda **kw: self._shape("duplicate", **kw),
            "reorder": lambda **kw: self._shape("reorder", **kw),
            "gap": lambda **kw: self._shape("gap", **kw),
            "bad_frame": self._bad_frame,
            "http_429": lambda **kw: self._refuse(429, **kw),
            "http_418": lambda **kw: self._refuse(418, **kw),
            "shutdown": self._shutdown,
            "rate": self._rate,
            "trade": self._trade,
            "halt": lambda symbol: self._end(symbol, "BREAK"),
            "delist": lambda symbol: self._end(symbol, ""),
            "pause": self._pause_at,
            "resume": self._resume,
        }
        self._begun = time.monotonic()

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes) -> Answer:
        try:
            if path.startswith("/control"):
                return self._control(method, path, query, body)
            if not path.startswith("/api/v3/"):
                raise Refused(-1, "Not found.", 404)
            return self._api(path, query)
        except Refused as refused:
            return Answer(refused.status, refused.body)

    def _api(self, path: str, query: dict[str, str]) -> Answer:
        if self._hub.faults.answers:
            status, wait = self._hub.faults.answers.popleft()
            body = orjson.dumps({"code": -1003, "msg": "Too many requests; please use the websocket for live updates."})
            return Answer(status, body, {"Retry-After": f"{wait:g}"})
        try:
            answer = Answer(200, self._rest.answer(path, query))
        except Refused as refused:
            answer = Answer(refused.status, refused.body)
        weight = str(self._rest.used_weight)
        answer.headers = {"X-MBX-USED-WEIGHT": weight, "X-MBX-USED-WEIGHT-1M": weight}
        return answer

    def _control(self, method: str, path: str, query: dict[str, str], body: bytes) -> Answer:
        if path == "/control/stats":
            return Answer(200, orjson.dumps(self._stats()))
        if path == "/control/truth":
            return Answer(200, self._truth(self._voice(query.get("symbol"))), {"Content-Type": "application/x-ndjson"})
        if path != "/control" or method != "POST":
            raise Refused(-1, "POST /control, GET /control/stats or GET /control/truth?symbol=", 404)
        try:
            request = orjson.loads(body)
            action = self._actions[request.pop("action")]
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            raise Refused(-1, f'Send {{"action": …}} with one of: {", ".join(self._actions)}') from None
        try:
            return Answer(200, orjson.dumps({"ok": True, **action(**request)}))
        except (TypeError, ValueError, InvalidOperation) as error:
            raise Refused(-1, f"Bad arguments: {error}") from error

    def _voice(self, symbol: object) -> Voice:
        name = str(symbol or next(iter(self._hub.exchange.voices))).replace("/", "").upper()
        voice = self._hub.exchange.voices.get(name)
        if voice is None:
            raise Refused(-1121, "Invalid symbol.")
        return voice

    def _stats(self) -> dict[str, Any]:
        exchange = self._hub.exchange
        return {
            "trades": self._hub.trades,
            "seconds": time.monotonic() - self._begun,
            "rate": exchange.rate,
            "behind_ms": exchange.behind / 1000,
            "clients": len(self._hub.clients),
            "paused": exchange.paused,
            "now": exchange.now_us // 1000,
            "start": exchange.start_ms,
            "symbols": {
                name: {"first_id": voice.market.tape.first_id, "last_id": voice.market.tape.end_id - 1}
                for name, voice in exchange.voices.items()
            },
        }

    async def _truth(self, voice: Voice) -> AsyncIterator[bytes]:
        """Every trade made until now and still kept, one REST trade object a line."""
        tape = voice.market.tape
        start, end = tape.first_id, tape.end_id
        while start < end:
            start = max(start, tape.first_id)
            yield b"\n".join(trade_rows(voice, start, min(end, start + _CHUNK))) + b"\n"
            start += _CHUNK
            await asyncio.sleep(0)

    # Actions

    def _connections(self) -> list[Connection]:
        return [client for client in self._hub.clients if isinstance(client, Connection)]

    def _drop(self) -> dict[str, Any]:
        """Cut every WebSocket."""
        connections = self._connections()
        for connection in connections:
            connection.drop()
        return {"sockets": len(connections)}

    def _stall(self, seconds: float) -> dict[str, Any]:
        """Send nothing on the sockets that are open now; what would have been sent is lost to them."""
        for connection in self._connections():
            connection.silent_until = time.monotonic() + float(seconds)
        return {}

    def _shape(self, kind: str, count: int, symbol: str | None = None) -> dict[str, Any]:
        """The next `count` `@trade` frames of the symbol, or of each symbol."""
        names = [self._voice(symbol).name] if symbol else list(self._hub.exchange.voices)
        self._hub.faults.plan_trades(kind, names, int(count))
        return {}

    def _bad_frame(self, count: int = 1) -> dict[str, Any]:
        for i in range(int(count)):
            data = frame(GARBAGE[i % len(GARBAGE)])
            for connection in self._connections():
                connection.send(data)
        return {}

    def _refuse(self, status: int, count: int = 1, retry_after: float = 1) -> dict[str, Any]:
        """Answer the next `count` REST calls with `status`."""
        self._hub.faults.answers.extend([(status, float(retry_after))] * int(count))
        return {}

    def _shutdown(self, seconds: float = 10) -> dict[str, Any]:
        """Announce the end to the sockets that are open now, and close them after `seconds`; new ones stay."""
        notice = frame(f'{{"e":"serverShutdown","E":{self._hub.exchange.now_us // 1000}}}')
        connections = self._connections()
        for connection in connections:
            connection.send(notice)
            asyncio.get_running_loop().call_later(float(seconds), connection.close, 1001, "server shutdown")
        return {"sockets": len(connections)}

    def _rate(self, rate: float) -> dict[str, Any]:
        """Trades a second over all symbols, from now on."""
        if not 0 < float(rate) <= 1_000_000:
            raise ValueError("rate is in trades a second, above 0")
        self._hub.exchange.set_rate(float(rate))
        return {"rate": float(rate)}

    def _trade(
        self, symbol: str | None = None, price: str | None = None, amount: str | None = None, side: str = "buy"
    ) -> dict[str, Any]:
        """One trade now, sent before this is answered. `sent_ns` is the machine's clock just before."""
        voice = self._voice(symbol)
        spec = voice.market.spec
        if side not in ("buy", "sell"):
            raise ValueError("side is buy or sell")
        ticks = None if price is None else int(Decimal(str(price)).scaleb(spec.tick_digits))
        lots = None if amount is None else int(Decimal(str(amount)).scaleb(spec.lot_digits))
        if (ticks is not None and ticks < 1) or (lots is not None and lots < 1):
            raise ValueError("price and amount are at least one step")
        self._hub.step()
        sent = time.time_ns()
        trade_id = self._hub.exchange.inject(voice.name, ticks, lots, side == "buy")
        self._hub.tell()
        tape = voice.market.tape
        at = trade_id - tape.first_id
        return {"id": trade_id, "time": tape.times[at] // 1000, "price": voice.price[tape.prices[at]], "sent_ns": sent}

    def _end(self, symbol: str, status: str) -> dict[str, Any]:
        """The symbol trades no more."""
        self._hub.exchange.end(self._voice(symbol).name, status)
        return {}

    def _pause_at(self, at: int | None = None) -> dict[str, Any]:
        """Nobody trades any more, from now or from the exchange time `at` (Unix ms) on. The clock goes on."""
        if at is None:
            self._hub.exchange.pause(True)
        else:
            self._hub.exchange.pause_at(int(at))
        return {"paused": self._hub.exchange.paused}

    def _resume(self) -> dict[str, Any]:
        self._hub.exchange.pause(False)
        return {"paused": False}
