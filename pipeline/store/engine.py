"""Connections to PostgreSQL: a SQLAlchemy pool for reads, a bare psycopg2 DSN for COPY and migrations."""

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import make_url


def dsn(database_url: str) -> str:
    """The libpq spelling of a SQLAlchemy URL."""
    return make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)


def engine(database_url: str, pool_size: int = 10) -> Engine:
    """A pooled engine. A connection that died is replaced before use; a query that runs away is ended by the server after 15 s."""
    return create_engine(
        database_url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 5, "options": "-c statement_timeout=15000 -c timezone=UTC"},
    )
