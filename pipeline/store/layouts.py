"""Layouts of the terminal: table `layouts`. What is in one is the page's business."""

from typing import Any

from psycopg2.extras import Json

from pipeline.store.session import Session


class Layouts:
    """Raises psycopg2 errors."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def of(self, user_id: int) -> dict[str, Any]:
        """By name."""
        with self._session.transaction() as cursor:
            cursor.execute("SELECT name, value FROM layouts WHERE user_id = %s ORDER BY lower(name)", (user_id,))
            return dict(cursor.fetchall())

    def put(self, user_id: int, name: str, value: dict[str, Any], most: int) -> bool:
        """Keep one, in place of what had its name. False when they have `most` others already."""
        with self._session.transaction() as cursor:
            # Two at once would both find room: one waits for the other.
            cursor.execute("SELECT 1 FROM users WHERE id = %s FOR UPDATE", (user_id,))
            cursor.execute("SELECT count(*) FROM layouts WHERE user_id = %s AND name <> %s", (user_id, name))
            if cursor.fetchone()[0] >= most:
                return False
            cursor.execute(
                "INSERT INTO layouts (user_id, name, value) VALUES (%s, %s, %s) "
                "ON CONFLICT (user_id, name) DO UPDATE SET value = excluded.value, updated_at = now()",
                (user_id, name, Json(value)),
            )
            return True

    def remove(self, user_id: int, name: str) -> bool:
        """False when there is no such layout."""
        with self._session.transaction() as cursor:
            cursor.execute("DELETE FROM layouts WHERE user_id = %s AND name = %s", (user_id, name))
            return bool(cursor.rowcount)
