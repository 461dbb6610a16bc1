"""The one vocabulary: frozen structs that every stage speaks.

Times are Unix milliseconds (int, UTC, the exchange's clock), prices and amounts exact `Decimal`s, symbols `BASE/QUOTE`.
`tag` and `rename` are the spelling of CONTRACT §1, so that msgspec reads a Kafka message straight into its struct.
"""

from decimal import Decimal
from typing import Literal

import msgspec

Side = Literal["buy", "sell"]


class Trade(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="trade", rename={"ts": "event_ts"}):
    """One trade as the exchange told it. `side` is the taker's; `trade_id` is unique per exchange and symbol."""

    exchange: str
    symbol: str
    ts: int
    price: Decimal
    amount: Decimal
    side: Side
    trade_id: str
    #: Trades this one stands for: more than 1 only for an exchange's aggregates.
    count: int = 1
    #: Fetched by its id after a break, not heard live.
    repaired: bool = False


class Candle(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="bar"):
    """OHLCV of one window. `window_end` is exclusive.

    `complete` is False when the window was not seen whole (the run began inside it, or trades are missing):
    such a candle is shown, but never replaces a whole one.
    `source` is who made it: "live" (our own, from trades) or "historical" (the exchange's own kline).
    """

    exchange: str
    symbol: str
    timeframe: str
    window_start: int
    window_end: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    trade_count: int
    closed: bool
    first_trade_ts: int | None = None
    last_trade_ts: int | None = None
    complete: bool = True
    source: Literal["live", "historical"] = "live"


class Ticker(
    msgspec.Struct,
    frozen=True,
    gc=False,
    tag_field="type",
    tag="ticker",
    rename={"ts": "event_ts", "base_volume": "baseVolume", "quote_volume": "quoteVolume"},
):
    """Best bid and ask, last price and 24 h volumes; each figure may be unknown."""

    exchange: str
    symbol: str
    ts: int
    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
    base_volume: Decimal | None = None
    quote_volume: Decimal | None = None
    #: Newest trade the ticker knows of. Lets the candle maker close a window of a quiet market once it has seen that trade.
    last_trade_id: str | None = None


class Indicator(
    msgspec.Struct,
    frozen=True,
    gc=False,
    omit_defaults=True,
    tag_field="type",
    tag="indicator",
):
    """One bar's values of one indicator; `time` is the bar's window_start. Floats: pictures and signals, not money.

    Only the figures that the indicator has are set (CONTRACT §1); none is ever NaN or infinite.
    """

    time: int
    symbol: str
    timeframe: str
    indicator_type: str
    exchange: str = "BINANCE"
    value: float | None = None
    value_signal: float | None = None
    value_histogram: float | None = None
    upper_band: float | None = None
    middle_band: float | None = None
    lower_band: float | None = None
    support_level: float | None = None
    resistance_level: float | None = None
    support_strength: float | None = None
    resistance_strength: float | None = None


class Article(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="news"):
    """One news article. `url` is its identity, `symbols` lower-case coin tokens, `sentiment_score` -1…1 or None when unscored.

    Texts are plain, without markup.
    """

    time: int
    source: str
    url: str
    title: str
    content: str = ""
    sentiment_score: float | None = None
    symbols: tuple[str, ...] = ()


#: The figures of an Indicator, in the order of the table's columns.
FIGURES = (
    "value",
    "value_signal",
    "value_histogram",
    "upper_band",
    "middle_band",
    "lower_band",
    "support_level",
    "resistance_level",
    "support_strength",
    "resistance_strength",
)


class Book(msgspec.Struct, frozen=True, gc=False):
    """The best levels of an order book, best first: (price, amount)."""

    exchange: str
    symbol: str
    ts: int
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]


class Market(msgspec.Struct, frozen=True, gc=False):
    """What an exchange says of a symbol: the steps that prices and amounts move in."""

    exchange: str
    symbol: str
    base: str
    quote: str
    tick_size: Decimal
    lot_size: Decimal
