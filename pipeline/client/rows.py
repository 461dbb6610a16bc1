"""What the server answers, typed. Prices and amounts are Decimals with every digit the exchange sent, times are UTC datetimes."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

if TYPE_CHECKING:
    import pandas as pd


class Candle(msgspec.Struct, frozen=True):
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
    first_trade_ts: datetime | None = None
    last_trade_ts: datetime | None = None
    duration_ms: int | None = None
    source: str = ""
    created_at: datetime | None = None
    complete: bool = True


class Trade(msgspec.Struct, frozen=True):
    event_ts: datetime
    exchange: str
    symbol: str
    trade_id: str
    price: Decimal
    amount: Decimal
    side: str
    created_at: datetime | None = None


class Indicator(msgspec.Struct, frozen=True):
    """One bar; figures it does not have are None. `outputs`: of indicators that are computed on request, by the library's names."""

    time: datetime
    symbol: str
    timeframe: str
    indicator_type: str
    created_at: datetime | None = None
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
    outputs: dict[str, float | None] = {}


class Article(msgspec.Struct, frozen=True):
    time: datetime
    source: str
    url: str
    title: str
    content: str
    sentiment_score: float | None
    symbols: list[str]
    created_at: datetime | None = None


class Mood(msgspec.Struct, frozen=True):
    time: datetime
    coin: str
    timeframe: str
    value: float
    low: float
    high: float
    articles: int
    weight: float
    created_at: datetime | None = None


class Stats(msgspec.Struct, frozen=True):
    symbol: str
    timeframe: str
    latest_price: Decimal | None
    price_change_24h: Decimal | None
    price_change_pct_24h: Decimal | None
    volume_24h: Decimal | None
    high_24h: Decimal | None
    low_24h: Decimal | None
    last_update: datetime | None


T = TypeVar("T", bound=msgspec.Struct)


class Rows(list[T]):
    """A list that can be a table."""

    def columns(self, exact: bool = False) -> dict[str, list[Any]]:
        """Name → cells. Decimals are floats unless `exact`."""
        if not self:
            return {}

        def cell(value: Any) -> Any:
            return float(value) if isinstance(value, Decimal) and not exact else value

        return {name: [cell(getattr(row, name)) for row in self] for name in self[0].__struct_fields__}

    def pandas(self, exact: bool = False) -> "pd.DataFrame":
        """Indexed by the first column, which is the time."""
        import pandas as pd

        table = pd.DataFrame(self.columns(exact))
        return table.set_index(table.columns[0]) if len(table.columns) else table

    def polars(self, exact: bool = False) -> Any:
        """A polars.DataFrame; polars is not installed with CryptoViz."""
        import polars

        return polars.DataFrame(self.columns(exact), strict=False, infer_schema_length=None)
