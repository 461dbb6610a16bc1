"""Connections to PostgreSQL: a SQLAlchemy pool for reads, a bare psycopg2 DSN for COPY and migrations."""

import time
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url

from pipeline import metrics


def dsn(database_url: str) -> str:
    """The libpq spelling of a SQLAlchemy URL."""
    return make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)


def engine(database_url: str, pool_size: int = 10) -> Engine:
    """A pooled engine. A connection that died is replaced before use; a query that runs away is ended by the server after 15 s."""
    made = create_engine(
        database_url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 5, "options": "-c statement_timeout=15000 -c timezone=UTC"},
    )
    _measure(made, 2 * pool_size)
    return made


def _measure(made: Engine, most: int) -> None:
    """A process has one pool; of several the newest is told."""
    pool: Any = made.pool
    metrics.POOL.read(pool.checkedout, "used")
    metrics.POOL.read(pool.checkedin, "idle")
    metrics.POOL.set(most, "most")

    @event.listens_for(made, "before_cursor_execute")
    def began(_connection: Any, _cursor: Any, _statement: str, _values: Any, context: Any, _many: bool) -> None:
        context.began = time.perf_counter()

    @event.listens_for(made, "after_cursor_execute")
    def ended(_connection: Any, _cursor: Any, _statement: str, _values: Any, context: Any, _many: bool) -> None:
        metrics.QUERY.add(time.perf_counter() - context.began, 1, "read")
