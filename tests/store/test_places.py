"""What lies where, as PostgreSQL tells it."""

import psycopg2

from pipeline.store.engine import dsn, engine
from pipeline.store.migrate import migrate
from pipeline.store.places import Places


def test_rows_are_unknown_until_postgres_has_looked(database_url: str) -> None:
    migrate(database_url)
    pool = engine(database_url, pool_size=1)
    connection = psycopg2.connect(dsn(database_url))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO news (time, title, url, source) "
            "SELECT now(), 'title', 'https://example.org/' || n, 'example' FROM generate_series(1, 50) AS n"
        )
        assert {one.dataset: one.rows for one in Places(pool).all()}["news"] is None
        cursor.execute("ANALYZE news")
        assert {one.dataset: one.rows for one in Places(pool).all()}["news"] == 50
    connection.close()
    pool.dispose()
