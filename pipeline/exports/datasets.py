"""What can be exported: of each dataset its fields, in order, and the statement that reads them, oldest first."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from pipeline.store.columns import CANDLE_COLUMNS
from pipeline.store.rows import CandleRow, IndicatorRow, QualityRow, TradeRow

#: A spreadsheet takes a text that begins like this for a formula.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_SPELLED: Final = ", ".join(f"chr({ord(one)})" for one in FORMULA)


class Dataset(NamedTuple):
    """`fields`: name → kind: time, word (ours), text (anybody's), decimal, float, int, bool, list. The first is the time.

    `order` names its table, or it would mean what is written, not what is stored.
    """

    fields: Mapping[str, str]
    table: str
    where: str
    order: str
    #: Whether a series has a timeframe, and whether it needs a symbol.
    timeframe: bool = False
    symbol: bool = True

    @property
    def time(self) -> str:
        return next(iter(self.fields))

    @property
    def free_text(self) -> bool:
        return bool({"text", "list"} & set(self.fields.values()))

    def sql(self, columns: str, start: datetime | None, end: datetime | None) -> str:
        """Parameters as psycopg2 spells them: exchange, symbol, coin, timeframe, start, end."""
        where = [self.where]
        if start is not None:
            where.append(f"{self.time} >= %(start)s")
        if end is not None:
            where.append(f"{self.time} <= %(end)s")
        return f"SELECT {columns} FROM {self.table} WHERE {' AND '.join(where)} ORDER BY {self.order}"  # noqa: S608

    @property
    def columns(self) -> str:
        return ", ".join(self.fields)

    @property
    def csv_columns(self) -> str:
        """With everything spelled as our files have it, but for the times of datasets without free text (files.py)."""
        return ", ".join(self._csv(name, kind) for name, kind in self.fields.items())

    def _csv(self, name: str, kind: str) -> str:
        if kind == "bool":
            return f"{name}::text"
        if kind == "time" and self.free_text:
            return f"replace(replace({name}::text, ' ', 'T'), '+00', 'Z')"
        if kind == "text":
            return f"CASE WHEN left({name}, 1) IN ({_SPELLED}) THEN '''' || {name} ELSE {name} END"
        if kind == "list":
            return f"(SELECT string_agg(one, ' ') FROM jsonb_array_elements_text({name}) AS one)"  # noqa: S608
        return name


def _kinds(fields: tuple[str, ...], **kinds: str) -> dict[str, str]:
    return {name: kinds.get(name, "float") for name in fields}


_TIMES: Final = dict.fromkeys(("time", "hour", "event_ts", "created_at", "updated_at"), "time")
_WORDS: Final = dict.fromkeys(("exchange", "symbol", "timeframe", "indicator_type", "side"), "word")
_QUALITY: Final = dict.fromkeys(
    (name for name in QualityRow.__struct_fields__ if name not in ("hour", "exchange", "symbol", "updated_at")), "int"
)

DATASETS: Final[dict[str, Dataset]] = {
    "candles": Dataset(
        {name: CANDLE_COLUMNS[name] for name in CandleRow.__struct_fields__}, "candles",
        "exchange = %(exchange)s AND symbol = %(symbol)s AND timeframe = %(timeframe)s", "candles.window_start", timeframe=True,
    ),
    "trades": Dataset(
        _kinds(TradeRow.__struct_fields__, **_TIMES, **_WORDS, trade_id="text", price="decimal", amount="decimal"), "trades",
        "exchange = %(exchange)s AND symbol = %(symbol)s", "trades.event_ts, length(trades.trade_id), trades.trade_id",
    ),
    "indicators": Dataset(
        _kinds(IndicatorRow.__struct_fields__, **_TIMES, **_WORDS), "indicators",
        "exchange = %(exchange)s AND symbol = %(symbol)s AND timeframe = %(timeframe)s", "indicators.time, indicators.indicator_type",
        timeframe=True,
    ),
    "news": Dataset(
        {"time": "time", "source": "text", "url": "text", "title": "text", "content": "text", "sentiment_score": "float",
         "symbols": "list", "created_at": "time"},
        "news", "(%(coin)s IS NULL OR symbols @> to_jsonb(%(coin)s::text))", "news.time, news.url", symbol=False,
    ),
    "quality": Dataset(
        _kinds(QualityRow.__struct_fields__, **_TIMES, **_WORDS, **_QUALITY),
        "(SELECT *, greatest(trades_expected - trades_stored, 0) AS trades_missing FROM quality) AS quality",
        "exchange = %(exchange)s AND symbol = %(symbol)s", "quality.hour",
    ),
}  # fmt: skip


def parameters(
    exchange: str, symbol: str | None, timeframe: str, start: datetime | None, end: datetime | None
) -> dict[str, Any]:
    coin = symbol.partition("/")[0].lower() if symbol else None
    return {
        "exchange": exchange, "symbol": symbol, "coin": coin, "timeframe": timeframe, "start": start, "end": end,
    }  # fmt: skip
