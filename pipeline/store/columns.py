"""What a file of the cold tier has of a row: names → kinds, in order (pipeline.store.parts)."""

from typing import Final

TRADE_COLUMNS: Final = {
    "event_ts": "time", "exchange": "word", "symbol": "word", "trade_id": "text", "price": "decimal", "amount": "decimal",
    "side": "word", "source": "word", "created_at": "time",
}  # fmt: skip
CANDLE_COLUMNS: Final = {
    "window_start": "time", "window_end": "time", "exchange": "word", "symbol": "word", "timeframe": "word",
    "open": "decimal", "high": "decimal", "low": "decimal", "close": "decimal", "volume": "decimal", "trade_count": "int",
    "closed": "bool", "complete": "bool", "first_trade_ts": "time", "last_trade_ts": "time", "duration_ms": "int",
    "source": "word", "created_at": "time",
}  # fmt: skip
