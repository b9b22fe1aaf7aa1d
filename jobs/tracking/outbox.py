"""The statements that make the outbox, where events are written by those who write the rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from app import statements
from jobs import quoting
from jobs.source.connection import Connection
from jobs.tables.table import Table
from jobs.tracking import ddl
from jobs.tracking.ddl import Statement


def installing(conn: Connection, tables: Iterable[Table], things: Iterable[str]) -> list[Statement]:
    """What is missing for events to tell of those tables that they are to tell of; `things` are there or on their way.

    The tables are locked while it is made: who has written to one by then has looked for an outbox in vain.
    """
    fed = [table for table in tables if table.from_events]
    if not fed:
        return []
    missing = [ddl.block(name) for name in ("schema", "purge") if name not in things]
    row = conn.execute(statements.get("outbox", "is_there")).fetchone()
    outbox = [] if row and row["is_there"] else list(_made(fed))
    return [*missing, *outbox, *_grants(conn, fed)]


def _made(tables: Sequence[Table]) -> Iterator[Statement]:
    names = ", ".join(table.quoted for table in tables)
    yield Statement(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE")
    yield Statement(ddl.bare(statements.get("outbox", "create")))
    yield Statement(ddl.bare(statements.get("outbox", "create_index")))


def _grants(conn: Connection, tables: Sequence[Table]) -> Iterator[Statement]:
    """Whoever may write to the tables has to write events as well."""
    given = {"relids": [table.relid for table in tables]}
    for row in conn.execute(statements.get("outbox", "writers"), given):
        role = "PUBLIC" if row["name"] is None else quoting.identifier(row["name"])
        yield Statement(f"GRANT USAGE ON SCHEMA neaptide TO {role}")
        yield Statement(f"GRANT INSERT ON neaptide.outbox TO {role}")
