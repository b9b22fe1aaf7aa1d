"""Takes rows of PostgreSQL into DuckDB's tables: at once, or in parts where a spool reads for the session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from jobs.engine.session import DuckSession
from jobs.types.wire import Wire


def insert(session: DuckSession, table: str, wire: Wire) -> int:
    """Put the rows into a table; their number."""
    with _parts(session, wire) as parts:
        return sum(int(session.one(f"INSERT INTO {table} {rows}")) for rows in parts)


def make(session: DuckSession, name: str, wire: Wire, chosen: Callable[[str], str] = str) -> int:
    """A temporary table of the rows, or of what the SELECT `chosen` makes of each part of them; their number."""
    into, count = f"CREATE TEMP TABLE {name} AS", 0
    with _parts(session, wire) as parts:
        for rows in parts:
            count += int(session.one(f"{into} {chosen(rows)}"))
            into = f"INSERT INTO temp.{name}"
    return count


@contextmanager
def _parts(session: DuckSession, wire: Wire) -> Iterator[Iterator[str]]:
    """DuckDB's SELECTs of the rows: one, or one for each part that the spool has room for."""
    if session.spool is None:
        yield iter([wire.joined()])
    else:
        with closing(session.spool.parts(wire.query)) as parts:
            yield map(wire.rows, parts)
