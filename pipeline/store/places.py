"""What lies where, and how large it is: tables, their compressed chunks, the object store."""

from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import Engine, text


class PlaceRow(msgspec.Struct):
    """`tier`: hot, compressed (TimescaleDB), cold. `rows`: of tables PostgreSQL's estimate; None where it is not known. Bytes with indexes;
    of hot ones those that are not compressed. `first` and `last` of the cold tier's files, the end not included."""

    tier: str
    dataset: str
    rows: int | None
    bytes: int
    first: datetime | None
    last: datetime | None


# Chunks are their table's children. Counting would read them all; what the planner goes by costs nothing, and is -1 until it was
# looked at first.
_HERE: Final = """
WITH roots AS (SELECT name, to_regclass(name) AS id FROM unnest(ARRAY['trades', 'candles', 'indicators', 'news']) AS name),
     parts AS (SELECT name, id FROM roots UNION ALL SELECT name, inhrelid FROM roots JOIN pg_inherits ON inhparent = id)
SELECT 'hot', name, CASE WHEN max(reltuples) >= 0 THEN CAST(sum(greatest(reltuples, 0)) AS bigint) END,
       CAST(sum(pg_total_relation_size(id)) AS bigint), CAST(NULL AS timestamptz), CAST(NULL AS timestamptz)
FROM parts JOIN pg_class ON oid = id GROUP BY name
UNION ALL
SELECT 'cold', dataset, CAST(sum(row_count) AS bigint), CAST(sum(bytes) AS bigint), min(starts_at), max(ends_at)
FROM cold_parts GROUP BY dataset
"""
_COMPRESSED: Final = """
SELECT 'compressed', name, NULL, after_compression_total_bytes, NULL, NULL
FROM unnest(ARRAY['trades', 'candles', 'indicators']) AS name, LATERAL hypertable_compression_stats(CAST(name AS regclass))
WHERE after_compression_total_bytes > 0
"""
_TIMESCALE: Final = "SELECT FROM pg_extension WHERE extname = 'timescaledb'"


class Places:
    """Raises sqlalchemy.exc.SQLAlchemyError when the database is away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def all(self) -> list[PlaceRow]:
        """By dataset; of each hot, compressed, cold."""
        with self._engine.connect() as connection:
            rows = list(connection.execute(text(_HERE)))
            if connection.execute(text(_TIMESCALE)).first() is not None:
                rows += connection.execute(text(_COMPRESSED))
        order = ("hot", "compressed", "cold")
        return sorted((PlaceRow(*row) for row in rows), key=lambda one: (one.dataset, order.index(one.tier)))
