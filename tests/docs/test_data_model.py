"""docs/data-model.md beside a database that sql/ has made: every table, column, type and key."""

import re

import psycopg2

from pipeline.store.engine import dsn
from pipeline.store.migrate import migrate
from tests.tools import REPOSITORY

Column = tuple[str, str, bool, bool]

_COLUMNS = """
    SELECT c.relname, a.attname, replace(format_type(a.atttypid, a.atttypmod), 'timestamp with time zone', 'timestamptz'),
           NOT a.attnotnull, coalesce(a.attnum = ANY (i.indkey), false)
    FROM pg_class AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisprimary
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
"""


def test_every_table_and_column_is_named(database_url: str) -> None:
    migrate(database_url)
    connection = psycopg2.connect(dsn(database_url))
    try:
        with connection.cursor() as cursor:
            cursor.execute(_COLUMNS)
            there: dict[str, set[Column]] = {}
            for table, *column in cursor.fetchall():
                there.setdefault(table, set()).add(tuple(column))
    finally:
        connection.close()
    text = (REPOSITORY / "docs" / "data-model.md").read_text("utf-8")
    named: dict[str, set[Column]] = {}
    for table, section in re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL):
        rows = re.findall(r"^\| (\**)`(\w+)`\** \| (.+?)( \?)? \|", section, re.MULTILINE)
        named[table] = {(column, type_, bool(null), bool(key)) for key, column, type_, null in rows}
    assert named.keys() == there.keys()
    for table, columns in there.items():
        assert named[table] == columns, table
    relations = re.findall(r"^  (\w+) \S+--\S+ (\w+) :", text, re.MULTILINE)
    assert len(relations) > 8
    assert {table for relation in relations for table in relation} <= there.keys()
