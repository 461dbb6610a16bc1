"""Who is logged in: table `logins`. A login lives as long as it is refreshed; its token changes with every refresh."""

from datetime import datetime
from enum import Enum
from typing import Final
from uuid import UUID

import msgspec

from pipeline.store.session import Session
from pipeline.store.users import User

#: How long a login lives without being refreshed.
LIFE: Final = "30 days"
#: How long the token before is still good: two tabs may refresh at the same time, and an answer may get lost.
GRACE: Final = "10 seconds"

_USER: Final = ", ".join("u." + name for name in User.__struct_fields__)


class Login(msgspec.Struct, frozen=True):
    """`rotated_at`: when it was last refreshed."""

    id: UUID
    agent: str
    created_at: datetime
    rotated_at: datetime
    expires_at: datetime


_COLUMNS: Final = ", ".join(Login.__struct_fields__)


class Turn(Enum):
    """What became of a refresh."""

    NEW = "the new token is good"
    AGAIN = "the token before, a moment ago: whoever asks has the new one already"
    STOLEN = "a token that was used up: somebody has a copy, and the login is over"
    NONE = "no such login, or it is over"


class Logins:
    """Raises psycopg2 errors."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def begin(self, id_: UUID, user_id: int, digest: bytes, agent: str) -> None:
        with self._session.transaction() as cursor:
            cursor.execute("DELETE FROM logins WHERE expires_at < now() - interval '1 day'")
            cursor.execute(
                "INSERT INTO logins (id, user_id, digest, agent, expires_at) VALUES (%s, %s, %s, %s, now() + %s::interval)",
                (str(id_), user_id, digest, agent, LIFE),
            )

    def rotate(self, id_: UUID, digest: bytes, new: bytes) -> Turn:
        """`digest` of the token that was shown, `new` of the one that takes its place."""
        with self._session.transaction() as cursor:
            cursor.execute(
                "SELECT digest, previous, rotated_at > now() - %s::interval FROM logins l JOIN users u ON u.id = l.user_id "
                "WHERE l.id = %s AND revoked_at IS NULL AND expires_at > now() AND NOT u.disabled FOR UPDATE OF l",
                (GRACE, str(id_)),
            )
            row = cursor.fetchone()
            if row is None:
                return Turn.NONE
            current, previous, fresh = bytes(row[0]), row[1] and bytes(row[1]), row[2]
            if digest == current:
                cursor.execute(
                    "UPDATE logins SET previous = digest, digest = %s, rotated_at = now(), "
                    "expires_at = now() + %s::interval WHERE id = %s",
                    (new, LIFE, str(id_)),
                )
                return Turn.NEW
            if digest == previous and fresh:
                return Turn.AGAIN
            cursor.execute("UPDATE logins SET revoked_at = now() WHERE id = %s", (str(id_),))
            return Turn.STOLEN

    def user(self, id_: UUID) -> User | None:
        """Who is logged in by it; None when it is over, or the user is disabled."""
        with self._session.transaction() as cursor:
            cursor.execute(
                f"SELECT {_USER} FROM logins l JOIN users u ON u.id = l.user_id "  # noqa: S608
                "WHERE l.id = %s AND l.revoked_at IS NULL AND l.expires_at > now() AND NOT u.disabled",
                (str(id_),),
            )
            row = cursor.fetchone()
            return User(*row) if row else None

    def of(self, user_id: int) -> list[Login]:
        """Those that go on, newest first."""
        with self._session.transaction() as cursor:
            cursor.execute(
                f"SELECT {_COLUMNS} FROM logins WHERE user_id = %s AND revoked_at IS NULL AND expires_at > now() "  # noqa: S608
                "ORDER BY rotated_at DESC",
                (user_id,),
            )
            return [Login(UUID(str(row[0])), *row[1:]) for row in cursor.fetchall()]

    def end(self, id_: UUID, user_id: int) -> bool:
        """False when the user has no such login."""
        with self._session.transaction() as cursor:
            cursor.execute(
                "UPDATE logins SET revoked_at = now() WHERE id = %s AND user_id = %s AND revoked_at IS NULL",
                (str(id_), user_id),
            )
            return bool(cursor.rowcount)

    def end_all(self, user_id: int, but: UUID | None = None) -> None:
        with self._session.transaction() as cursor:
            cursor.execute(
                "UPDATE logins SET revoked_at = now() WHERE user_id = %s AND revoked_at IS NULL AND id::text <> %s",
                (user_id, str(but or "")),
            )
