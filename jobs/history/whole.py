"""A history brought in line with all rows of its table: where nobody can say which of them changed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from jobs import quoting
from jobs.engine import rows
from jobs.engine.session import DuckSession
from jobs.feeds import changes
from jobs.history import place
from jobs.record.history import SavedHistory
from jobs.tables.table import Table


def begin(file: DuckSession, table: Table, saved: SavedHistory) -> int:
    """A new history: a version of every row, since when nobody knows; returns how many."""
    place.create(file, saved)
    columns = quoting.listed(plan.name for plan in table.columns)
    now = f"TIMESTAMPTZ {quoting.literal(saved.begun.isoformat())}"
    count: int = file.one(
        f"INSERT INTO {place.of(table.name).versions} ({columns}, valid_from, operation)"
        f" SELECT {columns}, {now}, 'load' FROM {rows.out(table)}"
    )
    place.show(file, saved)
    return count


def current(table: Table) -> str:
    """A SELECT of the versions that have not ended."""
    here, key = place.of(table.name), quoting.listed(table.key)
    ended = f"ANTI JOIN {here.ends} AS e USING ({key}, valid_from)"
    return f"SELECT v.* FROM {here.versions} AS v {ended} WHERE v.valid_to IS NULL"


def compare(
    file: DuckSession, table: Table, moment: datetime, label: str, *, origin: str = "", altered: Collection[str] = ()
) -> int:
    """End and begin versions so that the present ones are the table's rows; returns how many.

    `altered` are columns that are not what they were, although nobody wrote the rows: a version that differs in them
    alone is marked "schema".
    """
    here, key, now = (
        place.of(table.name),
        quoting.listed(table.key),
        f"TIMESTAMPTZ {quoting.literal(moment.isoformat())}",
    )
    columns = quoting.listed(plan.name for plan in table.columns)
    new, out = f"temp.whole_{label}", f"temp.out_{label}"
    changes.make(file, new, _differing(table, altered, origin))
    changes.make(
        file, out, f"SELECT {key}, valid_from FROM ({current(table)}) ANTI JOIN {rows.out(table)} USING ({key})"
    )
    count: int = 0
    ended = quoting.literal(origin or "delete")
    for ends in (
        f"SELECT {key}, before, {now}, operation FROM {new} WHERE before IS NOT NULL",
        f"SELECT {key}, valid_from, {now}, {ended} FROM {out}",
    ):
        count += file.one(f"INSERT INTO {here.ends} ({key}, valid_from, valid_to, ended_by) {ends}")
    count += file.one(
        f"INSERT INTO {here.versions} ({columns}, valid_from, operation) SELECT {columns}, {now}, operation FROM {new}"
    )
    for name in (new, out):
        file.execute(f"DROP TABLE {changes.bare(name)}")
    return count


def _differing(table: Table, altered: Collection[str], origin: str) -> str:
    """A SELECT of the table's rows that are no present version, with the beginning of the one that there is."""
    key = " AND ".join(f"t.{name} = c.{name}" for name in map(quoting.identifier, table.key))
    names = ", ".join(f"t.{quoting.identifier(plan.name)}" for plan in table.columns)

    def same(skipped: Collection[str]) -> str:
        pairs = [
            f"{rows.exact(plan, 't')} IS NOT DISTINCT FROM {rows.exact(plan, 'c')}"
            for plan in table.columns
            if plan.name not in skipped
        ]
        return " AND ".join(pairs) or "true"

    operation = f"WHEN {same(altered)} THEN 'schema' ELSE 'update'" if altered else "ELSE 'update'"
    operation = quoting.literal(origin) if origin else f"CASE WHEN c.valid_from IS NULL THEN 'insert' {operation} END"
    return (
        f"SELECT {names}, c.valid_from AS before, {operation} AS operation FROM {rows.out(table)} AS t"
        f" LEFT JOIN ({current(table)}) AS c ON {key} WHERE c.valid_from IS NULL OR NOT ({same(())})"
    )
