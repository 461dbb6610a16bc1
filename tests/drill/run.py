"""One drill: a market, the whole terminal as a user starts it, harm by seed, and the reckoning."""

import time
from collections.abc import Callable, Sequence
from math import inf
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import psycopg2

from pipeline.store.engine import dsn
from tests.drill.freshness import Freshness
from tests.drill.harm import Done, Harm
from tests.drill.truth import Verdict, compare, first_stored
from tests.stack import Market, Up, eventually

SYMBOLS: Final = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
#: Seconds at the end of the traffic without new harm: a market that stops in the middle of a repair is another test's business.
QUIET: Final = 10.0


class Event(NamedTuple):
    """`recovery`: seconds from the harm until the newest trades were stored again, 0 when they never stopped being, infinite when
    they were not before the market stopped."""

    second: float
    what: str
    recovery: float


class Report(NamedTuple):
    events: list[Event]
    verdicts: list[Verdict]
    #: What the ledger says: rows of /api/v1/quality.
    ledger: list[dict[str, Any]]
    settled: float

    @property
    def complete(self) -> bool:
        """The ledger says so, and it is so."""
        return all(v.fine for v in self.verdicts) and {r["symbol"] for r in self.ledger if complete(r)} == {
            v.symbol for v in self.verdicts
        }

    def __str__(self) -> str:
        lines = [f"{e.second:7.1f} s  {e.what:<36} {_words(e.recovery)}" for e in self.events]
        lines.append("")
        for v in self.verdicts:
            lines.append(_sentence(v))
            lines += [f"          {wrong}" for wrong in v.wrong_candles[:3]]
        for r in self.ledger:
            lines.append(
                f"ledger {r['hour']} {r['symbol']}: {r['trades_stored']} of {r['trades_expected']} stored, "
                f"{r['trades_repaired']} repaired, {r['duplicates']} duplicates dropped, {r['gaps']} gaps, "
                f"{r['candles_mismatched']} of {r['candles_checked']} checked candles differ"
            )
        worst = max((e.recovery for e in self.events if e.recovery < inf), default=0.0)
        lines.append(
            f"{len(self.events)} events, longest recovery {worst:.1f} s, settled {self.settled:.1f} s after the last"
        )
        return "\n".join(lines)


def complete(row: dict[str, Any]) -> bool:
    return bool(row["trades_expected"] == row["trades_stored"] and not row["gaps"] and not row["candles_mismatched"])


def drill(
    folder: Path, *, seed: int, seconds: float, rate: float, symbols: Sequence[str] = SYMBOLS, patience: float = 120,
    say: Callable[[str], None] = lambda line: None,
) -> Report:  # fmt: skip
    """Raises AssertionError when the terminal does not come up. Everything it started has ended when it returns."""
    market = Market(folder, rate, ",".join(symbols), seed=seed)
    try:
        up = Up(folder, "--exchange", "binance", "--symbols", ",".join(symbols), **market.env)
        try:
            return _drill(market, up, symbols, seed, seconds, patience, say)
        finally:
            up.close()
    finally:
        market.close()


def _drill(
    market: Market, up: Up, symbols: Sequence[str], seed: int, seconds: float, patience: float, say: Callable[[str], None]
) -> Report:  # fmt: skip
    up.ready(60)
    database = dsn(up.setting("database_url"))

    def connect() -> Any:
        return psycopg2.connect(database, connect_timeout=2, options="-c timezone=UTC")

    firsts = {symbol: first_stored(connect, symbol) for symbol in symbols}
    freshness = Freshness(connect, symbols)
    freshness.start()
    harm = Harm(up, market, seed)
    done: list[Done] = []
    begin = time.monotonic()
    due = begin + 2
    try:
        while (now := time.monotonic()) < begin + seconds:
            if now >= due and now < begin + seconds - QUIET:
                did = harm.next()
                if did is not None:
                    done.append(did)
                    say(f"{did.at - begin:7.1f} s  {did.what}")
                due = time.monotonic() + harm.pause()
            harm.tick()
            time.sleep(0.05)
    finally:
        harm.end()
    over = time.monotonic()
    freshness.stop()
    market.control(action="pause")
    say(f"{over - begin:7.1f} s  the market stands still; waiting for repairs")
    verdicts = []
    for symbol in symbols:
        verdicts.append(compare(market.url, connect, symbol, firsts[symbol], patience))
        say(f"{time.monotonic() - begin:7.1f} s  {_sentence(verdicts[-1])}")
    ledger: list[dict[str, Any]] = []

    def told() -> bool:
        ledger[:] = _ledger(up)
        return {r["symbol"] for r in ledger} >= set(symbols) and all(map(complete, ledger)) and (
            sum(r["trades_stored"] for r in ledger) == sum(v.sent for v in verdicts)
        )  # fmt: skip

    eventually(told, patience, every=1)
    settled = time.monotonic() - over
    return Report([Event(d.at - begin, d.what, freshness.recovery(d)) for d in done], verdicts, ledger, settled)


def _ledger(up: Up) -> list[dict[str, Any]]:
    try:
        answer = httpx.get(f"{up.url}/api/v1/quality", params={"limit": 100}, timeout=10).json()
    except (httpx.HTTPError, ValueError):
        return []
    return list(answer.get("data") or [])


def _sentence(v: Verdict) -> str:
    return (
        f"{v.symbol:<9} {v.sent:>9,} sent  {v.missing:>4} missing  {v.double:>4} double  {v.altered:>4} altered   "
        f"{v.candles:>4} candles, {len(v.wrong_candles)} wrong"
    )


def _words(recovery: float) -> str:
    if not recovery:
        return "data stayed fresh"
    return "not fresh again before the market stopped" if recovery == inf else f"fresh again after {recovery:.1f} s"
