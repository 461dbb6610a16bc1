"""The store's writes where there is no COPY FROM STDIN: the same rows, the same temporary tables, the same upserts."""

from collections.abc import Sequence

from psycopg2.extras import execute_values

from pipeline.store.write import TRADE_COLUMNS, Store


class InsertingStore(Store):
    def _write(self, straight: Sequence[tuple[str, str]], upserts: Sequence[tuple[str, str, str]]) -> None:
        connection = self._connect()
        with connection, connection.cursor() as cursor:
            for _, lines in straight:
                if lines:
                    execute_values(cursor, f"INSERT INTO trades ({TRADE_COLUMNS}) VALUES %s", _rows(lines))
            for table, upsert, lines in upserts:
                if lines:
                    execute_values(cursor, f"INSERT INTO {table} VALUES %s", _rows(lines))
                    cursor.execute(upsert)


def _rows(lines: str) -> list[tuple[str | None, ...]]:
    return [
        tuple(None if cell == r"\N" else cell.replace(r"\\", "\\") for cell in line.split("\t"))
        for line in lines.split("\n")[:-1]
    ]
