"""What the money is called: table `currencies`, seeded by sql/040_people.sql."""

from typing import Literal

import msgspec

from pipeline.store.session import Session

Kind = Literal["coin", "stable", "fiat"]


class Currency(msgspec.Struct, frozen=True):
    """`code` is upper case, as in symbols."""

    code: str
    name: str
    kind: Kind


class Currencies:
    """Raises psycopg2 errors."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, code: str) -> Currency | None:
        """By its code, in any case."""
        with self._session.transaction() as cursor:
            cursor.execute("SELECT code, name, kind FROM currencies WHERE code = upper(%s)", (code,))
            row = cursor.fetchone()
            return Currency(*row) if row else None

    def all(self, kind: Kind | None = None) -> list[Currency]:
        """By code; of one kind, or all."""
        with self._session.transaction() as cursor:
            cursor.execute(
                "SELECT code, name, kind FROM currencies WHERE kind = coalesce(%s, kind) ORDER BY code", (kind,)
            )
            return [Currency(*row) for row in cursor.fetchall()]

    def put(self, currency: Currency) -> None:
        """Add it, or replace what is known by its code."""
        with self._session.transaction() as cursor:
            cursor.execute(
                "INSERT INTO currencies (code, name, kind) VALUES (upper(%s), %s, %s) "
                "ON CONFLICT (code) DO UPDATE SET name = excluded.name, kind = excluded.kind",
                (currency.code, currency.name, currency.kind),
            )
