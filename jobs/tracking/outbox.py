"""The statements that make the outbox, where events are written by those who write the rows."""

from __future__ import annotations

from typing import Any

import psycopg

from app import statements
from jobs.tracking.ddl import Statement


def installing(conn: psycopg.Connection[Any]) -> list[Statement]:
    """What is missing of it, in the schema that is there."""
    row = conn.execute(statements.get("outbox", "is_there")).fetchone()
    if row is not None and next(iter(row.values() if isinstance(row, dict) else row)):
        return []
    return [Statement(statements.get("outbox", name)) for name in ("create", "create_index")]
