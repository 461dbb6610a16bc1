"""Keys of programs: table `api_keys`. Only their digests are known here."""

from datetime import datetime
from typing import Final

import msgspec

from pipeline.store.session import Session


class ApiKey(msgspec.Struct, frozen=True):
    id: int
    user_id: int
    name: str
    hint: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None


_COLUMNS: Final = ", ".join(ApiKey.__struct_fields__)


class ApiKeys:
    """Raises psycopg2 errors."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(
        self, user_id: int, name: str, hint: str, digest: bytes, scopes: list[str], expires_at: datetime | None
    ) -> ApiKey:
        with self._session.transaction() as cursor:
            cursor.execute(
                "INSERT INTO api_keys (user_id, name, hint, digest, scopes, expires_at) "  # noqa: S608
                "VALUES (%s, %s, %s, %s, %s, %s) "
                f"RETURNING {_COLUMNS}",
                (user_id, name, hint, digest, scopes, expires_at),
            )
            return ApiKey(*cursor.fetchone())

    def of(self, user_id: int) -> list[ApiKey]:
        """Those that are not revoked, newest first."""
        with self._session.transaction() as cursor:
            cursor.execute(
                f"SELECT {_COLUMNS} FROM api_keys WHERE user_id = %s AND revoked_at IS NULL ORDER BY id DESC",  # noqa: S608
                (user_id,),
            )
            return [ApiKey(*row) for row in cursor.fetchall()]

    def find(self, digest: bytes) -> ApiKey | None:
        """One that may be used now."""
        with self._session.transaction() as cursor:
            cursor.execute(
                # Not every call is worth a write.
                "UPDATE api_keys SET used_at = now() WHERE digest = %s AND (used_at IS NULL OR used_at < now() - interval '1 minute')",
                (digest,),
            )
            cursor.execute(
                f"SELECT {', '.join('k.' + name for name in ApiKey.__struct_fields__)} "  # noqa: S608
                "FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.digest = %s AND k.revoked_at IS NULL "
                "AND (k.expires_at IS NULL OR k.expires_at > now()) AND NOT u.disabled",
                (digest,),
            )
            row = cursor.fetchone()
            return ApiKey(*row) if row else None

    def revoke(self, id_: int, user_id: int) -> bool:
        """False when the user has no such key."""
        with self._session.transaction() as cursor:
            cursor.execute(
                "UPDATE api_keys SET revoked_at = now() WHERE id = %s AND user_id = %s AND revoked_at IS NULL",
                (id_, user_id),
            )
            return bool(cursor.rowcount)
