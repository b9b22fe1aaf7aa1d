"""Takes rows of PostgreSQL into DuckDB's tables: at once, or in parts where a spool reads for the session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from jobs.engine.session import DuckSession
from jobs.types.wire import Wire


def insert(target: DuckSession, table: str, wire: Wire) -> int:
    """Put the rows into a table; their number."""
    with _parts(target, wire) as parts:
        return sum(int(target.one(f"INSERT INTO {table} {rows}")) for rows in parts)


def make(target: DuckSession, name: str, wire: Wire, chosen: Callable[[str], str] = str) -> None:
    """A temporary table of the rows, or of what the SELECT `chosen` makes of each part of them."""
    into = f"CREATE TEMP TABLE {name} AS"
    with _parts(target, wire) as parts:
        for rows in parts:
            target.execute(f"{into} {chosen(rows)}")
            into = f"INSERT INTO temp.{name}"


@contextmanager
def _parts(target: DuckSession, wire: Wire) -> Iterator[Iterator[str]]:
    """DuckDB's SELECTs of the rows: one, or one for each part that the spool has room for."""
    if target.spool is None:
        yield iter([wire.joined()])
    else:
        with closing(target.spool.parts(wire.query)) as parts:
            yield map(wire.rows, parts)
