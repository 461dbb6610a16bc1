"""Pages by key: what of a series lies within a range and past a page's end."""

from datetime import datetime


def within(
    column: str, ascending: bool, start: datetime | None, end: datetime | None, after: datetime | None = None
) -> list[str]:
    """Conditions on `column`, for the parameters `start`, `end` (both inclusive) and `after` that are given."""
    found = {
        f"{column} >= :start": start,
        f"{column} <= :end": end,
        f"{column} {'>' if ascending else '<'} :after": after,
    }
    return [condition for condition, value in found.items() if value is not None]
