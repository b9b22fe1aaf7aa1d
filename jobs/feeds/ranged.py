"""The rows of a range read anew, as changes that the file is brought over like any others."""

from __future__ import annotations

from jobs import quoting
from jobs.engine import intake
from jobs.engine.rows import exact, out, source_rows
from jobs.engine.session import DuckSession
from jobs.feeds import changes
from jobs.feeds.changes import Changes
from jobs.tables import filters
from jobs.tables.ranges import Range
from jobs.tables.table import Table


def gather(session: DuckSession, table: Table, wanted: Range, label: str, *, ahead: bool = False) -> Changes:
    """The range's rows in the joined snapshot, and the file's keys in it that the source doesn't have there.

    Rows that the file has already are left out, unless it is `ahead`: changes of an earlier run go into it before.
    """
    changed, gone, key = f"temp.ranged_{label}", f"temp.unranged_{label}", quoting.listed(table.key)
    where = filters.both(wanted.source(table), filters.belongs(table))
    intake.make(session, changes.bare(changed), source_rows(table, table.columns, where))
    inside = wanted.file(table) if wanted.in_both else "false"
    changes.make(session, gone, f"(SELECT {key} FROM {out(table)} WHERE {inside}) EXCEPT (SELECT {key} FROM {changed})")
    if wanted.in_both and not ahead:
        _drop_unchanged(session, table, changed, inside)
    return changes.counted(session, changed, gone)


def _drop_unchanged(session: DuckSession, table: Table, changed: str, inside: str) -> None:
    """By the range, whose place in the file DuckDB knows: by their keys it would look for them in all of the table."""
    names = [quoting.identifier(name) for name in table.key]
    keys = " AND ".join(f"b.{name} = c.{name}" for name in names)
    same = " AND ".join(f"{exact(plan, 'c')} IS NOT DISTINCT FROM {exact(plan, 'b')}" for plan in table.columns)
    there = f"SELECT 1 FROM (SELECT * FROM {out(table)} WHERE {inside}) AS b WHERE {keys} AND {same}"
    session.execute(f"DELETE FROM {changed} AS c WHERE EXISTS ({there})")


def key_table(session: DuckSession, table: Table, changed: Changes | None, label: str) -> str:
    """A table of the keys that were found without the range; "" where none were read."""
    if changed is None or not table.spec.history:
        return ""
    key, name = quoting.listed(table.key), f"temp.told_{label}"
    changes.make(session, name, f"SELECT {key} FROM {changed.changed} UNION SELECT {key} FROM {changed.gone}")
    return name


def joined(session: DuckSession, table: Table, changed: Changes | None, ranged: Changes, label: str) -> Changes:
    """Both as one; what was found is of the same snapshot."""
    if changed is None:
        return ranged
    both = changes.joined(session, table, changed, ranged, label)
    changes.drop(session, changed)
    changes.drop(session, ranged)
    return both
