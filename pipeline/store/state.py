"""Table `worker_state`: what a worker knew at a position of its input, in a transaction of the caller's."""

from typing import Any


def save_state(cursor: Any, worker: str, partition: int, before: str | None, position: str, state: bytes) -> bool:
    """Replace the state saved at position `before` (None: there was none). False when someone else saved meanwhile."""
    if before is None:
        cursor.execute(
            "INSERT INTO worker_state (worker, partition, position, state) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (worker, partition, position, state),
        )
    else:
        cursor.execute(
            "UPDATE worker_state SET position = %s, state = %s, updated_at = now() "
            "WHERE worker = %s AND partition = %s AND position = %s",
            (position, state, worker, partition, before),
        )
    return bool(cursor.rowcount == 1)


def load_state(cursor: Any, worker: str, partition: int) -> tuple[str, bytes] | None:
    """Position and state; None when nothing was saved."""
    cursor.execute("SELECT position, state FROM worker_state WHERE worker = %s AND partition = %s", (worker, partition))
    row = cursor.fetchone()
    return (row[0], bytes(row[1])) if row else None
