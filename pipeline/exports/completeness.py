"""What the ledger of quality says of what was exported: the part of a manifest that answers "is anything missing?"."""

from datetime import datetime, timedelta
from typing import Any, Final

from pipeline.store.read import Reader

#: Hours of the ledger: forty years of one symbol.
_HOURS: Final = 400_000
#: Gaps named one by one.
_GAPS: Final = 1000


def completeness(reader: Reader, exchange: str, symbol: str, first: datetime, last: datetime) -> dict[str, Any]:
    """Of the hours that hold `first` to `last`. `complete` is None where the ledger knows too little to say."""
    begin = first.replace(minute=0, second=0, microsecond=0)
    hours = reader.quality(exchange, symbol, limit=_HOURS, ascending=True, start=begin, end=last)
    gaps = [
        gap
        for gap in reader.gaps(exchange, symbol, limit=_GAPS)
        if gap.ends_at >= first and gap.starts_at < last + timedelta(microseconds=1)
    ]
    missing = sum(hour.trades_missing or 0 for hour in hours)
    known = bool(hours) and all(hour.trades_missing is not None for hour in hours)
    return {
        "symbol": symbol,
        "complete": False if missing or gaps else True if known else None,
        "hours": len(hours),
        "trades_expected": sum(hour.trades_expected or 0 for hour in hours) if known else None,
        "trades_stored": sum(hour.trades_stored for hour in hours),
        "trades_missing": missing if known else None,
        "candles_checked": sum(hour.candles_checked for hour in hours),
        "candles_mismatched": sum(hour.candles_mismatched for hour in hours),
        "gaps": [
            {
                "first_id": gap.first_id,
                "last_id": gap.last_id,
                "starts_at": gap.starts_at.isoformat(),
                "ends_at": gap.ends_at.isoformat(),
                "reason": gap.reason,
            }
            for gap in gaps
        ],
    }
