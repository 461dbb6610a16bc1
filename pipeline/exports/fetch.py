"""A process that copies rows out of PostgreSQL: `{"dsn", "sql", "values"}` on standard input, CSV on standard output.

psycopg2 takes the interpreter's lock for each line, so whoever works on the lines meanwhile makes the server wait: 3.8 us a candle, 2.3 of
them the server's (`make bench`: export). In processes of their own they keep pace.
"""

import sys
from typing import IO, Any, Final

import msgspec
import psycopg2

_BUFFER: Final = 1 << 20


class Job(msgspec.Struct):
    """`sql` with its parameters as psycopg2 spells them; times in `values` as RFC 3339."""

    dsn: str
    sql: str
    values: dict[str, Any]


def main() -> int:
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    out: IO[bytes]
    try:
        connection = psycopg2.connect(job.dsn, connect_timeout=5, options="-c timezone=UTC -c statement_timeout=0")
        with connection, connection.cursor() as cursor, open(sys.stdout.fileno(), "wb", _BUFFER, closefd=False) as out:
            query = cursor.mogrify(job.sql, job.values).decode()
            cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT csv)", out)
    except BrokenPipeError:
        return 0  # nobody wants the rest
    except psycopg2.Error as error:
        print(str(error).partition("\n")[0], file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
