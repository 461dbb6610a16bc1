"""Applies `sql/` in the order of its file names and records what it applied.

A name that ends in `plain` runs on plain PostgreSQL only, one that ends in `timescale`
on TimescaleDB only, the rest everywhere. Each file can run again; it does when its text has changed since.
"""

from hashlib import sha256
from pathlib import Path

import psycopg2
from psycopg2.extensions import connection as Connection

from pipeline.errors import SetupError
from pipeline.store.engine import dsn

# Any constant: all `migrate` calls queue on this lock, so workers may start side by side.
_LOCK = 0x43525950

_RECORD = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name text PRIMARY KEY, digest text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
)
"""


def folder() -> Path:
    """`sql/` of the checkout, or its copy inside an installed wheel."""
    inside = Path(__file__).parent.parent / "_sql"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "sql"


def migrate(database_url: str) -> list[str]:
    """Bring the database up to date; the names of the files that ran. Raises SetupError naming file and cause."""
    connection = psycopg2.connect(dsn(database_url))
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            cursor.execute(_RECORD)
            cursor.execute("SELECT name, digest FROM schema_migrations")
            done = dict(cursor.fetchall())
            return [path.name for path in _files(connection) if _apply(connection, path, done.get(path.name))]
    finally:
        connection.close()


def _files(connection: Connection) -> list[Path]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'")
        other = "plain" if cursor.fetchone() else "timescale"
    return [path for path in sorted(folder().glob("*.sql")) if not path.stem.endswith(other)]


def _apply(connection: Connection, path: Path, known: str | None) -> bool:
    text = path.read_text()
    digest = sha256(text.encode()).hexdigest()
    if digest == known:
        return False
    with connection.cursor() as cursor:
        try:
            cursor.execute(text)
        except psycopg2.Error as error:
            raise SetupError(f"sql/{path.name} could not be applied: {error}") from error
        cursor.execute(
            "INSERT INTO schema_migrations (name, digest) VALUES (%s, %s) "
            "ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, applied_at = now()",
            (path.name, digest),
        )
    return True
