"""Several questions in one round trip: on a busy machine each costs a wait for the server's turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app import statements
from jobs.source.connection import Connection

Row = dict[str, Any]


def ask(conn: Connection, names: Sequence[str], given: Mapping[str, Any]) -> list[list[Row]]:
    """The rows of each of these blocks of sql/sync/catalogue.sql, asked in the order given with the same values."""
    with conn.pipeline():
        asked = [conn.execute(statements.get("catalogue", name), given) for name in names]
    return [one.fetchall() for one in asked]
