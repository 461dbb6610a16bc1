"""Tables `alerts` and `alert_firings`: what somebody wants to be told of, and what they were told."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec
from psycopg2.extras import Json

from pipeline.alerting.rules import Condition, Firing, Rule
from pipeline.store.session import Session, at, ms

#: Alerts of one user: more than anybody watches, and few enough to be read whole at every change.
MOST: Final = 200
State = Literal["active", "paused", "fired", "expired"]

#: Firings that are kept of each user; the oldest go.
KEPT: Final = 1000


class AlertRow(Condition, kw_only=True):
    """A condition as it is kept. `state` expired is an active one whose time is over. `fired_at`: the event that it last fired for."""

    id: int
    state: State
    created_at: datetime
    changed_at: datetime
    fired_at: datetime | None
    fired_count: int


class FiringRow(msgspec.Struct, kw_only=True):
    """`time` is the exchange's, `value` what was seen then, `alert` what was asked for then. `alert_id` None: it was deleted since."""

    id: int
    alert_id: int | None
    symbol: str
    time: datetime
    value: Decimal
    alert: Condition
    article: dict[str, str] | None
    created_at: datetime


class Told(msgspec.Struct, frozen=True):
    """A stored firing, and whose it is."""

    user_id: int | None
    row: FiringRow


_CONDITION: Final = Condition.__struct_fields__
_PLACES: Final = ", ".join(["%s"] * len(_CONDITION))
_NAMES: Final = ", ".join(_CONDITION)
_ALERT: Final = ", ".join(
    "CASE WHEN state = 'active' AND expires_at <= now() THEN 'expired' ELSE state END" if name == "state" else name
    for name in AlertRow.__struct_fields__
)
_RULE: Final = (
    "id", "revision", "user_id", "symbol", "kind", "direction", "value", "timeframe", "span", "indicator", "figure", "repeat",
    "cooldown", "changed_at", "expires_at", "fired_at",
)  # fmt: skip
# The driver would make floats of numbers within JSON.
_FIRING: Final = ", ".join("alert::text" if name == "alert" else name for name in FiringRow.__struct_fields__)
# Nothing where the alert was changed, paused or deleted since, has fired for this event already, or too shortly before: another process
# may have fired it. The row is locked, so that of two at once one waits for the other.
_FIRE: Final = f"""
WITH due AS (
    UPDATE alerts SET fired_at = %(time)s, fired_count = fired_count + 1,
        state = CASE repeat WHEN 'once' THEN 'fired' ELSE state END
    WHERE id = %(id)s AND revision = %(revision)s AND state = 'active'
        AND (fired_at IS NULL OR fired_at + make_interval(secs => cooldown) <= %(time)s)
        AND NOT EXISTS (SELECT 1 FROM alert_firings WHERE alert_id = %(id)s AND event = %(event)s)
    RETURNING id, user_id, symbol, {_NAMES.replace("symbol, ", "")}
)
INSERT INTO alert_firings (alert_id, event, user_id, partition, symbol, time, value, alert, article)
SELECT id, %(event)s, user_id, %(partition)s, symbol, %(time)s, %(value)s, to_jsonb(due) - 'id' - 'user_id', %(article)s
FROM due ON CONFLICT DO NOTHING RETURNING user_id, {_FIRING}
"""  # noqa: S608


class Alerts:
    """`user_id` None stands for everybody where nobody logs in. Raises psycopg2 errors."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # -- of a user ---------------------------------------------------------------------------------------------------

    def of(self, user_id: int | None) -> list[AlertRow]:
        """Newest first."""
        return self._alerts("true ORDER BY id DESC", user_id)

    def get(self, user_id: int | None, alert_id: int) -> AlertRow | None:
        return next(iter(self._alerts("id = %s", user_id, alert_id)), None)

    def add(self, user_id: int | None, asked: Condition, paused: bool, most: int) -> AlertRow | None:
        """None when they have `most` already."""
        with self._session.transaction() as cursor:
            # Two at once would both find room: one waits for the other.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('alerts'), %s)", ((user_id or 0) % 2**31,))
            cursor.execute("SELECT count(*) FROM alerts WHERE user_id IS NOT DISTINCT FROM %s", (user_id,))
            if cursor.fetchone()[0] >= most:
                return None
            cursor.execute(
                f"INSERT INTO alerts (user_id, state, {_NAMES}) VALUES (%s, %s, {_PLACES}) RETURNING {_ALERT}",  # noqa: S608
                (user_id, "paused" if paused else "active", *_cells(asked)),
            )
            return _row(cursor.fetchone())

    def put(self, user_id: int | None, alert_id: int, asked: Condition, paused: bool) -> AlertRow | None:
        """Ask for this instead: it begins anew. None when there is no such alert."""
        with self._session.transaction() as cursor:
            cursor.execute(
                f"UPDATE alerts SET ({_NAMES}) = ({_PLACES}), state = %s, revision = revision + 1, changed_at = now(), "  # noqa: S608
                f"fired_at = NULL WHERE id = %s AND user_id IS NOT DISTINCT FROM %s RETURNING {_ALERT}",
                (*_cells(asked), "paused" if paused else "active", alert_id, user_id),
            )
            found = cursor.fetchone()
            return _row(found) if found else None

    def remove(self, user_id: int | None, alert_id: int) -> bool:
        """False when there is no such alert. What it fired stays."""
        with self._session.transaction() as cursor:
            cursor.execute("DELETE FROM alerts WHERE id = %s AND user_id IS NOT DISTINCT FROM %s", (alert_id, user_id))
            return bool(cursor.rowcount)

    def firings(
        self, user_id: int | None, limit: int, symbol: str | None = None, before: int | None = None
    ) -> list[FiringRow]:
        """Newest first; those with an id below `before`."""
        sql = (
            f"SELECT user_id, {_FIRING} FROM alert_firings WHERE user_id IS NOT DISTINCT FROM %(user)s "  # noqa: S608
            "AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s) AND (%(before)s::bigint IS NULL OR id < %(before)s) "
            "ORDER BY id DESC LIMIT %(limit)s"
        )
        values = {"user": user_id, "symbol": symbol, "before": before, "limit": limit}
        with self._session.transaction() as cursor:
            cursor.execute(sql, values)
            return [told.row for told in map(_told, cursor.fetchall())]

    def _alerts(self, where: str, user_id: int | None, *values: object) -> list[AlertRow]:
        with self._session.transaction() as cursor:
            cursor.execute(
                f"SELECT {_ALERT} FROM alerts WHERE user_id IS NOT DISTINCT FROM %s AND {where}",  # noqa: S608
                (user_id, *values),
            )
            return list(map(_row, cursor.fetchall()))

    # -- of the worker -----------------------------------------------------------------------------------------------

    def rules(self) -> list[Rule]:
        """Those that may fire."""
        with self._session.transaction() as cursor:
            cursor.execute(
                f"SELECT {', '.join(_RULE)} FROM alerts WHERE state = 'active' AND (expires_at IS NULL OR expires_at > now())"  # noqa: S608
            )
            return [_rule(row) for row in cursor.fetchall()]

    def fire(self, cursor: Any, firings: Iterable[Firing]) -> list[Told]:
        """Store them, each once, in the caller's transaction. What comes back is new."""
        told: list[Told] = []
        for one in firings:
            cursor.execute(
                _FIRE,
                {
                    "id": one.rule.id, "revision": one.rule.revision, "event": one.event, "partition": one.partition,
                    "time": at(one.time), "value": one.value, "article": Json(one.article) if one.article else None,
                },
            )  # fmt: skip
            told += map(_told, cursor.fetchall())
        for user in {one.user_id for one in told}:
            cursor.execute(
                "DELETE FROM alert_firings WHERE user_id IS NOT DISTINCT FROM %(user)s AND id <= (SELECT id FROM alert_firings "
                "WHERE user_id IS NOT DISTINCT FROM %(user)s ORDER BY id DESC OFFSET %(kept)s LIMIT 1)",
                {"user": user, "kept": KEPT},
            )
        return told

    def untold(self, partition: int, after: int, seconds: int) -> list[Told]:
        """Firings of a partition with an id above `after`, stored in the last `seconds`, oldest first."""
        with self._session.transaction() as cursor:
            cursor.execute(
                f"SELECT user_id, {_FIRING} FROM alert_firings WHERE partition = %s AND id > %s "  # noqa: S608
                "AND created_at > now() - make_interval(secs => %s) ORDER BY id",
                (partition, after, seconds),
            )
            return list(map(_told, cursor.fetchall()))


def _cells(asked: Condition) -> Sequence[object]:
    return [getattr(asked, name) for name in _CONDITION]


def _row(cells: Sequence[Any]) -> AlertRow:
    return AlertRow(**dict(zip(AlertRow.__struct_fields__, cells, strict=True)))


def _told(cells: Sequence[Any]) -> Told:
    user, *rest = cells
    found = dict(zip(FiringRow.__struct_fields__, rest, strict=True))
    found["alert"] = msgspec.json.decode(found["alert"], type=Condition)
    return Told(user, FiringRow(**found))


def _rule(cells: Sequence[Any]) -> Rule:
    found = dict(zip(_RULE, cells, strict=True))
    changed, expires, fired = (found.pop(name) for name in ("changed_at", "expires_at", "fired_at"))
    return Rule(
        **found, since=ms(changed), expires=ms(expires) if expires else None, fired=ms(fired) if fired else None
    )
