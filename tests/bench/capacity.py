"""docs/capacity.md: what one core carries by the bench's figures, and sums of what more would need."""

from collections.abc import Mapping
from math import ceil
from pathlib import Path

from pipeline.exchanges.binance import STREAMS, STREAMS_PER_CONNECTION
from pipeline.indicators.incremental import STREAMED
from pipeline.timeframes import TIMEFRAMES
from tests.bench.figure import spelled
from tests.bench.page import table
from tests.bench.results import Section, value
from tests.tools import REPOSITORY

PATH = REPOSITORY / "docs" / "capacity.md"
#: Binance's spot pairs: "1,630 trading pairs", reported in December 2025.
PAIRS = 1_630
#: BTC/USDT by the ids in our recordings: from 3 071 245 454 on 2023-04-05 to 3 735 693 016 on 2024-08-09.
BTC_TRADES, BTC_SECONDS, BTC_PEAK = 664_447_562, 492 * 86_400, 950
#: What part of all trades is taken to be BTC/USDT's: an assumption.
BTC_SHARE = 0.1
DAY = 86_400
LOADS = (("Binance's whole spot market", 1), ("ten times that", 10), ("a hundred times that", 100))
_PROSE = Path(__file__).with_suffix(".md")


def text(sections: Mapping[str, Section]) -> str:
    """Raises KeyError when a figure that it needs was never measured."""
    streams, kafka = (
        value(sections, "throughput", f"raw frames to committed rows with candles, {bus}")
        for bus in ("Valkey", "Apache")
    )
    cost, kafka_cost = (value(sections, "throughput", f"CPU of a trade, {bus}") for bus in ("Valkey", "Apache"))
    rows = value(sections, "store", "rows into the database").value
    candle, packed = (
        value(sections, "store", what).value for what in ("a million candles", "the same on TimescaleDB, compressed")
    )
    trade = value(sections, "store", "a million trades").value
    bar = value(sections, "indicators", "one bar of a series").value
    sent = value(sections, "fanout", "one web worker").value
    place = sections["throughput"].place

    mean, peak = BTC_TRADES / BTC_SECONDS / BTC_SHARE, BTC_PEAK / BTC_SHARE
    day = mean * DAY / 1e6
    needs = table(
        (
            *("", "trades/s in the busiest second", "cores, embedded bus", "cores, Kafka", "collectors", "candles workers"),
            *("connections that write", "trades a day", "stored a day"),
        ),
        [
            (
                name, spelled(peak * times), _cores(peak * times * cost.value), _cores(peak * times * kafka_cost.value),
                *(_cores(peak * times * cost.parts[part]) for part in ("collector", "candles")),
                f"{ceil(peak * times / rows)}", f"{day * times:,.0f} million", f"{day * times * trade / 1024:,.1f} GiB",
            )
            for name, times in LOADS
        ],
    )  # fmt: skip
    bars_a_day = sum(DAY * 1000 // length for length in TIMEFRAMES.values())
    candles = PAIRS * bars_a_day / 1e6
    return _PROSE.read_text().format(
        date=place.date,
        commit=place.commit,
        parts=table((*cost.parts, "together"), [(*map(spelled, cost.parts.values()), spelled(cost.value))]),
        core=spelled(1e6 / cost.value),
        two_cores=spelled(2e6 / cost.value),
        **{f"{part}_core": spelled(1e6 / cost.parts[part]) for part in ("collector", "candles", "valkey")},
        streams=spelled(streams.value),
        kafka=spelled(kafka.value),
        kafka_cost=spelled(kafka_cost.value),
        bar=spelled(bar),
        indicators=len(STREAMED),
        sent=spelled(sent),
        trade=spelled(trade),
        candle=spelled(candle),
        packed=spelled(packed),
        rows=spelled(rows),
        pairs=f"{PAIRS:,}",
        btc_trades=f"{BTC_TRADES:,}",
        btc_days=BTC_SECONDS // DAY,
        btc_mean=spelled(BTC_TRADES / BTC_SECONDS),
        btc_peak=BTC_PEAK,
        btc_share="ten",
        mean=spelled(mean),
        peak=spelled(peak),
        peak_10=spelled(peak * 10),
        peak_100=spelled(peak * 100),
        needs=needs,
        streams_each=len(STREAMS),
        streams_all=f"{PAIRS * len(STREAMS):,}",
        per_connection=STREAMS_PER_CONNECTION,
        connections=ceil(PAIRS * len(STREAMS) / STREAMS_PER_CONNECTION),
        hour_seconds=f"{5 * PAIRS * bar / 1e6:.2f}",
        five_seconds=f"{PAIRS * bar / 1e6:.2f}",
        candles=spelled(candles),
        fives=f"{DAY * 1000 // TIMEFRAMES['5s'] / bars_a_day:.0%}",
        candles_plain=spelled(candles * candle / 1024),
        candles_packed=spelled(candles * packed / 1024),
        indicator_rows=spelled(candles * len(STREAMED)),
    )


def _cores(microseconds: float) -> str:
    return f"{microseconds / 1e6:.1f}" if microseconds < 1e7 else f"{microseconds / 1e6:.0f}"
