"""The rows of some keys, and which of these are gone, read in the run's snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg

from app import errors
from jobs import quoting
from jobs.engine import intake
from jobs.engine.rows import out, source_rows
from jobs.engine.session import DuckSession
from jobs.feeds import changes, mass_delete
from jobs.feeds.changes import Changes, Into
from jobs.source.connection import Connection
from jobs.source.failures import translate
from jobs.tables import filters, keys
from jobs.tables.table import Table
from jobs.types.wire import Wire

# The texts of a key's values, in the key's order.
Key = tuple[str, ...]
# What PostgreSQL says of a text that is no value of its type: that, a CHECK within it, a name of nothing.
_NO_VALUE = ("22", "23", "42")
# Keys of one question. Much fewer cost round trips, many more the server's time to plan it.
AT_ONCE = 10_000


def gather(into: Into, table: Table, wanted: Iterable[Key]) -> Changes:
    """Read what became of these keys into two tables. Raises `errors.TooManyDeletes`."""
    session, changed, gone = into.session, f"temp.changed_{into.label}", f"temp.gone_{into.label}"
    parts = list(_parts(wanted)) or [()]
    session.use_threads(1)
    columns = ", ".join(f"{quoting.identifier(plan.name)} {plan.duckdb_type}" for plan in table.key_plans())
    session.execute(f"CREATE TEMP TABLE {changes.bare(gone)} ({columns})")
    rows = left = 0
    for place, part in enumerate(parts):
        wire = source_rows(table, table.columns, filters.both(among(table, part), filters.belongs(table)))
        read = intake.insert(session, changed, wire) if place else intake.make(session, changes.bare(changed), wire)
        # A key that is there has one row: where there are as many rows as keys, none is gone.
        if len(parts) > 1 or read < len(part):
            left += intake.insert(session, gone, _gone(table, part))
        rows += read
    if len(parts) > 1:
        rows -= _leave_one(session, changed, table)
    counted = Changes(changed, gone, rows, left)
    changes.take_threads(session, counted.rows)
    error = None if into.force_deletes else _loss(session, table, counted, into.published)
    if error:
        raise error
    return counted


def among(table: Table, wanted: Sequence[Key]) -> str:
    """PostgreSQL's condition for the rows of these keys."""
    same = _same(table, f"{table.quoted}.", "k.")
    return f"EXISTS (SELECT FROM {_listed(table, wanted)} AS k WHERE {same})"


def _gone(table: Table, wanted: Sequence[Key]) -> Wire:
    """Those of the keys that no row of the file has now; with `deletes = "ignore"` only what was filtered out."""
    plans = table.key_plans()
    fields = ", ".join(f"{plan.source_sql} AS {quoting.identifier(plan.name)}" for plan in plans)
    rows, belongs = f"SELECT FROM {table.rows_from} AS s WHERE {_same(table, 's.', 'k.')}", filters.belongs(table)
    if table.deletes.keeps:
        condition = f"EXISTS ({filters_with(rows, filters.excluded(table))})" if belongs else "false"
    else:
        condition = f"NOT EXISTS ({filters_with(rows, belongs)})"
    return Wire(plans, f"SELECT {fields} FROM {_listed(table, wanted)} AS k WHERE {condition}")


def filters_with(rows: str, condition: str) -> str:
    """The query with one condition more."""
    return f"{rows} AND ({condition})" if condition else rows


def _listed(table: Table, wanted: Sequence[Key]) -> str:
    """The keys as a table in PostgreSQL's SQL, with the names of the key's columns."""
    infos = table.key_infos()
    columns = [f"n{place}" for place in range(len(infos))]
    lists = ", ".join(f"{_array(key[place] for key in wanted)}::text[]" for place in range(len(infos)))
    fields = ", ".join(
        f"{keys.read_back(f't.{column}', info)} AS {quoting.identifier(info.name)}"
        for column, info in zip(columns, infos, strict=True)
    )
    return f"(SELECT {fields} FROM unnest({lists}) AS t ({', '.join(columns)}))"


def _array(values: Iterable[str]) -> str:
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return quoting.literal("{" + ",".join(f'"{value}"' for value in quoted) + "}")


def _same(table: Table, one: str, other: str) -> str:
    return " AND ".join(
        keys.equal(info, plan, f"{one}{quoting.identifier(info.name)}", f"{other}{quoting.identifier(info.name)}")
        for info, plan in zip(table.key_infos(), table.key_plans(), strict=True)
    )


def _leave_one(session: DuckSession, changed: str, table: Table) -> int:
    """Two spellings of one key may stand in two questions: its row was read twice then. How many were too many."""
    key = quoting.listed(table.key)
    twice = f"rowid NOT IN (SELECT min(rowid) FROM {changed} GROUP BY {key})"
    return int(session.one(f"DELETE FROM {changed} WHERE {twice}"))


def _loss(
    session: DuckSession, table: Table, gathered: Changes, published: Path | None
) -> errors.TooManyDeletes | None:
    """The error where more is gone than an entry allows that asks for it."""
    if not table.deletes.compares or not gathered.keys:
        return None
    key = quoting.listed(table.key)
    present = f"SELECT {key} FROM {out(table)} ANTI JOIN {gathered.gone} USING ({key})"
    return mass_delete.refused(session, table, present, published)


def is_of_a_key(error: errors.NeaptideError, conn: Connection, table: Table, wanted: Iterable[Key]) -> bool:
    """Whether a run failed since one of these texts is no value of its key's type, or of it no longer."""
    # No access, a lost session or a full disk is no matter of a key.
    return type(error) is errors.NeaptideError and not _readable(conn, table, wanted)


def _readable(conn: Connection, table: Table, wanted: Iterable[Key]) -> bool:
    listed = list(wanted)
    parts = [keys.read_back(f"t.n{place}", info) for place, info in enumerate(table.key_infos())]
    names = ", ".join(f"n{place}" for place in range(len(parts)))
    arrays = ", ".join("%s::text[]" for _ in parts)
    query = f"SELECT count(({', '.join(parts)})) AS n FROM unnest({arrays}) AS t ({names})"
    columns: Sequence[Any] = [[key[place] for key in listed] for place in range(len(parts))]
    try:
        with conn.transaction():
            conn.execute(query.encode(), columns)
    except psycopg.Error as error:
        if (error.sqlstate or "").startswith(_NO_VALUE):
            return False
        raise translate(error) from error
    return True


def conditions(table: Table, wanted: Iterable[Key]) -> Iterator[str]:
    """PostgreSQL's conditions for the rows of these keys, so many keys at once as one question may have."""
    for part in _parts(wanted):
        yield among(table, part)


def _parts(wanted: Iterable[Key]) -> Iterator[tuple[Key, ...]]:
    left = iter(sorted(wanted))
    while part := tuple(islice(left, AT_ONCE)):
        yield part
