"""What an alert can ask for, and whether it makes sense."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec

from pipeline.bus.topics import INDICATOR_TYPES
from pipeline.indicators.registry import entries
from pipeline.timeframes import TIMEFRAMES

Kind = Literal["price", "change", "indicator", "volume", "news"]
Direction = Literal["cross", "above", "below"]
Repeat = Literal["once", "every"]

#: Span of a change → timeframe of the candles whose lows and highs it is measured by.
SPANS: Final = {"5m": "5s", "1h": "1m", "24h": "15m"}
#: Candles before the one whose volume is compared.
AVERAGED: Final = 20
#: Fields that a kind has beside those that all have.
_OWN: Final[dict[str, tuple[str, ...]]] = {
    "price": (),
    "change": ("span",),
    "indicator": ("timeframe", "indicator", "figure"),
    "volume": ("timeframe",),
    "news": (),
}
_DIRECTIONS: Final = {"volume": ("above",), "news": ("above", "below")}
#: More digits than any market has would only cost.
_LARGEST, _DIGITS = Decimal(10**18), 30


class Condition(msgspec.Struct, kw_only=True):
    """`value` is a price, a change in per cent, a level of the indicator, a multiple of the average volume, or a score.

    `direction` of a change: above is a rise, below a fall, cross either. `cooldown` in seconds, for `repeat` every.
    """

    symbol: str
    kind: Kind
    direction: Direction
    value: Decimal
    timeframe: str | None = None
    span: str | None = None
    indicator: str | None = None
    figure: str | None = None
    repeat: Repeat = "once"
    cooldown: Annotated[int, msgspec.Meta(ge=0, le=604_800)] = 60
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    note: Annotated[str, msgspec.Meta(max_length=200)] = ""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """An active alert as the worker has it. Times in ms: `since` when it was made or changed, `fired` the event that it last fired for."""

    id: int
    revision: int
    user_id: int | None
    symbol: str
    kind: Kind
    direction: Direction
    value: Decimal
    timeframe: str | None = None
    span: str | None = None
    indicator: str | None = None
    figure: str | None = None
    repeat: Repeat = "once"
    cooldown: int = 60
    since: int = 0
    expires: int | None = None
    fired: int | None = None


class Firing(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that happened: `event` names what made it fire, `time` (ms) when that was, `value` what was seen."""

    rule: Rule
    event: str
    time: int
    value: Decimal
    partition: int
    article: dict[str, str] | None = None


def check(asked: Condition) -> None:
    """Raises ValueError with a sentence that begins with the field."""
    own = _OWN[asked.kind]
    for name in ("timeframe", "span", "indicator", "figure"):
        if getattr(asked, name) is not None and name not in own:
            raise ValueError(f"{name}: an alert of the kind {asked.kind} has none.")
    if asked.direction not in _DIRECTIONS.get(asked.kind, ("cross", "above", "below")):
        raise ValueError(f"direction: of {asked.kind} it is {_or(_DIRECTIONS[asked.kind])}.")
    if "span" in own and asked.span not in SPANS:
        raise ValueError(f"span: one of {', '.join(SPANS)}.")
    if "timeframe" in own and asked.timeframe not in TIMEFRAMES:
        raise ValueError(f"timeframe: one of {', '.join(TIMEFRAMES)}.")
    if "indicator" in own:
        _check_indicator(asked)
    _check_value(asked)


def _check_indicator(asked: Condition) -> None:
    if asked.indicator not in INDICATOR_TYPES:
        raise ValueError(f"indicator: one of {', '.join(INDICATOR_TYPES)}.")
    figures = [output.name for output in entries()[asked.indicator].outputs]
    if asked.figure not in figures:
        raise ValueError(f"figure: of {asked.indicator} it is {_or(figures)}.")


def _check_value(asked: Condition) -> None:
    value = asked.value
    if not value.is_finite() or abs(value) >= _LARGEST or len(value.as_tuple().digits) > _DIGITS:
        raise ValueError(f"value: a number of at most {_DIGITS} digits, below 10^18.")
    if value and value.adjusted() < -_DIGITS:
        raise ValueError(f"value: a number of at most {_DIGITS} digits, below 10^18.")
    if asked.kind == "news":
        if not -1 <= value <= 1:
            raise ValueError("value: a score from -1 to 1.")
    elif asked.kind != "indicator" and value <= 0:
        raise ValueError("value: a number above 0.")
    if asked.kind == "change" and (value > 1000 or (value >= 100 and asked.direction != "above")):
        raise ValueError("value: per cent, at most 1000; of a fall, below 100.")


def crossed(direction: Direction, before: Decimal, now: Decimal, level: Decimal) -> bool:
    """Whether a step from `before` to `now` reaches or passes the level. To leave it again is no crossing."""
    if before < level <= now:
        return direction != "below"
    return before > level >= now and direction != "above"


class Gate:
    """Whether a rule that happened may fire: not before it was made, not after its end, not too late, not too often.

    `live` False for a recording, whose times lie in the past. The database asks the same again when a firing is stored, for others may
    have fired the same alert.
    """

    def __init__(self, live: bool, age: int) -> None:
        self._live = live
        self._age = age
        self._fired: dict[tuple[int, int], int] = {}

    def know(self, rules: Iterable[Rule]) -> None:
        kept = {(rule.id, rule.revision): rule.fired for rule in rules}
        before = self._fired
        self._fired = {
            key: max(fired or 0, before.get(key, 0)) for key, fired in kept.items() if fired or key in before
        }

    def fresh(self, time: int, now: int) -> bool:
        return not self._live or now - time <= self._age

    def let(self, rule: Rule, time: int, now: int) -> bool:
        """Call once for each thing that happened: what may fire counts as fired."""
        if not self.fresh(time, now) or (self._live and time < rule.since):
            return False
        if rule.expires is not None and time >= rule.expires:
            return False
        key = rule.id, rule.revision
        fired = self._fired.get(key)
        if fired is not None and (rule.repeat == "once" or time < fired + rule.cooldown * 1000):
            return False
        self._fired[key] = time
        return True


def _or(names: Iterable[str]) -> str:
    return " or ".join(names)
