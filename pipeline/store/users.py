"""Who may use the terminal: table `users`."""

from datetime import datetime
from typing import Final, Literal

import msgspec
import psycopg2.errors

from pipeline.errors import SetupError
from pipeline.store.session import Session

Role = Literal["user", "admin"]


class User(msgspec.Struct, frozen=True):
    """`password_hash` is the hasher's business; it is in no text form of this."""

    id: int
    name: str
    password_hash: str
    role: Role
    disabled: bool
    created_at: datetime
    updated_at: datetime

    def __repr__(self) -> str:
        return f"User(id={self.id}, name={self.name!r}, role={self.role}, disabled={self.disabled})"


_COLUMNS: Final = ", ".join(User.__struct_fields__)


class Users:
    """Names are found in any case. Raises psycopg2 errors."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, name: str, password_hash: str, role: Role = "user") -> User:
        """Raises SetupError when the name is taken."""
        try:
            with self._session.transaction() as cursor:
                cursor.execute(
                    f"INSERT INTO users (name, password_hash, role) VALUES (%s, %s, %s) RETURNING {_COLUMNS}",  # noqa: S608
                    (name, password_hash, role),
                )
                return User(*cursor.fetchone())
        except psycopg2.errors.UniqueViolation:
            raise SetupError(f"There is a user '{name}' already.") from None

    def find(self, name: str) -> User | None:
        with self._session.transaction() as cursor:
            cursor.execute(f"SELECT {_COLUMNS} FROM users WHERE lower(name) = lower(%s)", (name,))  # noqa: S608
            row = cursor.fetchone()
            return User(*row) if row else None

    def all(self) -> list[User]:
        """By name."""
        with self._session.transaction() as cursor:
            cursor.execute(f"SELECT {_COLUMNS} FROM users ORDER BY lower(name)")  # noqa: S608
            return [User(*row) for row in cursor.fetchall()]

    def set_password(self, name: str, password_hash: str) -> bool:
        """False when there is no such user; likewise below."""
        return self._change("password_hash = %s", password_hash, name)

    def disable(self, name: str, disabled: bool = True) -> bool:
        return self._change("disabled = %s", disabled, name)

    def remove(self, name: str) -> bool:
        with self._session.transaction() as cursor:
            cursor.execute("DELETE FROM users WHERE lower(name) = lower(%s)", (name,))
            return bool(cursor.rowcount)

    def _change(self, what: str, value: object, name: str) -> bool:
        with self._session.transaction() as cursor:
            cursor.execute(
                f"UPDATE users SET {what}, updated_at = now() WHERE lower(name) = lower(%s)",  # noqa: S608 - `what` is ours
                (value, name),
            )
            return bool(cursor.rowcount)
