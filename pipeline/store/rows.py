"""Rows as they are read and answered: in the order and spelling of CONTRACT §2, with exact Decimals and UTC datetimes."""

from datetime import datetime
from decimal import Decimal

import msgspec


class CandleRow(msgspec.Struct, gc=False):
    window_start: datetime
    window_end: datetime
    exchange: str
    symbol: str
    timeframe: str
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    trade_count: int
    closed: bool
    first_trade_ts: datetime | None
    last_trade_ts: datetime | None
    duration_ms: int | None
    source: str
    created_at: datetime
    complete: bool


class TradeRow(msgspec.Struct, gc=False):
    event_ts: datetime
    exchange: str
    symbol: str
    trade_id: str
    price: Decimal
    amount: Decimal
    side: str
    created_at: datetime


class IndicatorRow(msgspec.Struct, omit_defaults=True):
    """Figures that are not set are left out of the answer (CONTRACT §2)."""

    time: datetime
    symbol: str
    timeframe: str
    indicator_type: str
    created_at: datetime
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


class SpanRow(msgspec.Struct):
    """What a stretch of a series amounts to; None where there is no candle."""

    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    volume: Decimal | None


class QualityRow(msgspec.Struct):
    """One symbol's hour in the ledger. Where ids do not count up, what is expected and missing is unknown."""

    hour: datetime
    exchange: str
    symbol: str
    trades_expected: int | None
    trades_stored: int
    trades_missing: int | None
    trades_repaired: int
    duplicates: int
    gaps: int
    candles_checked: int
    candles_mismatched: int
    lag_p50_ms: int | None
    lag_p99_ms: int | None
    updated_at: datetime


class GapRow(msgspec.Struct):
    """Trades that are missing for good: ids `first_id`…`last_id`, between two trades of these times."""

    exchange: str
    symbol: str
    first_id: int
    last_id: int
    starts_at: datetime
    ends_at: datetime
    reason: str
    noted_at: datetime
