"""Every rule, and what happens on the partitions that this process owns: messages in, firings out."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, Protocol

from pipeline.alerting.market import Market, Saved
from pipeline.alerting.moves import Bucket
from pipeline.alerting.rules import AVERAGED, Firing, Gate, Rule, crossed
from pipeline.bus.base import Message
from pipeline.bus.topics import NEWS, TRADES, bars, indicators
from pipeline.errors import BadMessage
from pipeline.model import Article, Candle, Indicator, Trade
from pipeline.symbols import plain
from pipeline.timeframes import TIMEFRAMES
from pipeline.wire import read, read_trade, read_trades

#: ms after which what happened is history: an alert about it would only mislead.
AGE: Final = 600_000
#: Of news, by the time they were published: feeds are hours behind sometimes.
NEWS_AGE: Final = 6 * 3_600_000


class Past(Protocol):
    """What is stored of the time before a message. `exchange` is the message's, times are ms."""

    def range(self, exchange: str, symbol: str, span: str) -> list[Bucket]: ...

    def indicator(
        self, exchange: str, symbol: str, timeframe: str, type_: str, figure: str, before: int
    ) -> float | None:
        """The figure at the bar before."""

    def volume(self, exchange: str, symbol: str, timeframe: str, before: int, count: int) -> Decimal | None:
        """The average of the `count` candles before; None when there are not as many."""


class Desk:
    """`live` False for a recording. What cannot be read is passed over: the writer sends it to the dead letters."""

    def __init__(self, past: Past, live: bool = True) -> None:
        self._past = past
        self._gate = Gate(live, AGE)
        # Before the rules are known nothing may be forgotten of what they need.
        self._informed = False
        self._on_price: dict[str, list[Rule]] = {}
        self._on_news: list[Rule] = []
        # (topic, symbol as in keys, timeframe) → rules on such messages.
        self._on_bars: dict[tuple[str, str, str], list[Rule]] = {}
        self._watched: dict[bytes, bool] = {}
        self._markets: dict[int, dict[tuple[str, str], Market]] = {}

    # -- rules and ownership -----------------------------------------------------------------------------------------

    def know(self, rules: Sequence[Rule]) -> None:
        """All active rules, in place of those before."""
        self._informed = True
        self._gate.know(rules)
        self._on_price, self._on_news, self._on_bars = {}, [], {}
        self._watched.clear()
        for rule in rules:
            if rule.kind in ("price", "change"):
                self._on_price.setdefault(rule.symbol, []).append(rule)
            elif rule.kind == "news":
                self._on_news.append(rule)
            else:
                timeframe = rule.timeframe or ""
                topic = bars(timeframe) if rule.kind == "volume" else indicators(rule.indicator or "")
                self._on_bars.setdefault((topic, plain(rule.symbol), timeframe), []).append(rule)
        for owned in self._markets.values():
            for market in owned.values():
                self._tell(market)

    def own(self, partition: int, saved: Iterable[Saved] = ()) -> None:
        self._markets[partition] = {(one.exchange, one.symbol): Market(one) for one in saved}
        for market in self._markets[partition].values():
            self._tell(market)

    def disown(self, partition: int) -> None:
        self._markets.pop(partition, None)

    def save(self, partition: int) -> list[Saved]:
        return [market.save() for market in self._markets[partition].values()]

    def _tell(self, market: Market) -> None:
        def past(span: str) -> list[Bucket]:
            return self._past.range(market.exchange, market.symbol, span)

        if self._informed:
            market.know(self._on_price.get(market.symbol, ()), past)

    # -- messages ----------------------------------------------------------------------------------------------------

    def take(self, messages: Sequence[Message], now: int) -> list[Firing]:
        firings = self._trades([message for message in messages if message.topic == TRADES], now)
        for message in messages:
            if message.topic == TRADES or message.partition not in self._markets:
                continue
            if message.topic == NEWS:
                firings += self._news(message, now) if self._on_news else ()
            elif self._on_bars:
                firings += self._bar(message, now)
        return firings

    def _trades(self, messages: Sequence[Message], now: int) -> list[Firing]:
        watched, others = [], {}
        for message in messages:
            if self._is_watched(message.key):
                watched.append(message)
            else:
                # Of symbols that nobody asked about only the last price matters: an alert made now starts from it.
                others[message.partition, message.key] = message
        found: list[Firing] = []
        shares: dict[tuple[int, str, str], list[Trade]] = {}
        trades: list[Trade | None] = read_trades([message.value for message in watched]) if watched else []
        for message, trade in zip(watched, trades, strict=True):
            if trade is not None:
                shares.setdefault((message.partition, trade.exchange, trade.symbol), []).append(trade)
        for message in others.values():
            try:
                trade = read_trade(message.value)
            except BadMessage:
                continue
            shares.setdefault((message.partition, trade.exchange, trade.symbol), []).append(trade)
        for (partition, exchange, symbol), share in shares.items():
            owned = self._markets.get(partition)
            if owned is None:
                continue
            market = owned.get((exchange, symbol))
            if market is None:
                market = owned[exchange, symbol] = Market(Saved(exchange, symbol))
                self._tell(market)
            found += [
                Firing(
                    rule=hit.rule, event=f"trade {hit.trade.trade_id}", time=hit.trade.ts, value=hit.value, partition=partition
                )
                for hit in market.take(share)
                if self._gate.let(hit.rule, hit.trade.ts, now)
            ]  # fmt: skip
        return found

    def _is_watched(self, key: bytes | None) -> bool:
        if key is None:
            return True
        known = self._watched.get(key)
        if known is None:
            name = key.decode(errors="replace").partition("|")[2]
            known = self._watched[key] = any(plain(symbol) == name for symbol in self._on_price)
        return known

    def _bar(self, message: Message, now: int) -> list[Firing]:
        if message.headers.get("closed") == "false":
            return []
        parts = (message.key or b"").decode(errors="replace").split("|")
        rules = self._on_bars.get((message.topic, *parts[1:3])) if len(parts) == 4 else None  # type: ignore[arg-type]
        if not rules:
            return []
        try:
            model = read(message)
        except BadMessage:
            return []
        if not isinstance(model, Candle | Indicator):
            return []
        end = model.window_end if isinstance(model, Candle) else model.time + TIMEFRAMES[model.timeframe]
        # Before the database is asked: history comes by the thousand.
        if not self._gate.fresh(end, now):
            return []
        met = self._louder(model, rules) if isinstance(model, Candle) else self._reached(model, rules)
        return [
            Firing(rule=rule, event=f"bar {end}", time=end, value=value, partition=message.partition)
            for rule, value in met
            if self._gate.let(rule, end, now)
        ]

    def _louder(self, candle: Candle, rules: Sequence[Rule]) -> list[tuple[Rule, Decimal]]:
        """Rules that the candle's volume meets, and how many times the average it is."""
        usual = self._past.volume(candle.exchange, candle.symbol, candle.timeframe, candle.window_start, AVERAGED)
        if not candle.closed or not usual:
            return []
        times = (candle.volume / usual).quantize(Decimal("0.01"))
        return [(rule, times) for rule in rules if candle.volume > rule.value * usual]

    def _reached(self, bar: Indicator, rules: Sequence[Rule]) -> list[tuple[Rule, Decimal]]:
        found = []
        before: dict[str, float | None] = {}
        for rule in rules:
            figure = rule.figure or "value"
            now = getattr(bar, figure)
            if now is None:
                continue
            if figure not in before:
                before[figure] = self._past.indicator(
                    bar.exchange, bar.symbol, bar.timeframe, bar.indicator_type, figure, bar.time
                )
            last = before[figure]
            if last is not None and crossed(rule.direction, _exact(last), _exact(now), rule.value):
                found.append((rule, _exact(now)))
        return found

    def _news(self, message: Message, now: int) -> list[Firing]:
        try:
            article = read(message)
        except BadMessage:
            return []
        if not isinstance(article, Article) or article.sentiment_score is None or now - article.time > NEWS_AGE:
            return []
        score = _exact(article.sentiment_score)
        return [
            Firing(
                rule=rule, event=f"news {article.url}", time=now, value=score, partition=message.partition,
                article={"title": article.title, "url": article.url},
            )
            for rule in self._on_news
            if rule.symbol.partition("/")[0].lower() in article.symbols
            and (score >= rule.value if rule.direction == "above" else score <= rule.value)
            and self._gate.let(rule, now, now)
        ]  # fmt: skip


def _exact(value: float) -> Decimal:
    return Decimal(repr(value))
