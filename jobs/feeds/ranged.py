"""The rows of a range read anew, as changes that the file is brought over like any others."""

from __future__ import annotations

from jobs import quoting
from jobs.engine import intake
from jobs.engine.rows import out, source_rows
from jobs.engine.session import DuckSession
from jobs.feeds import changes
from jobs.feeds.changes import Changes
from jobs.tables import filters
from jobs.tables.ranges import Range
from jobs.tables.table import Table


def gather(target: DuckSession, table: Table, wanted: Range, label: str) -> Changes:
    """The range's rows in the joined snapshot, and the file's keys in it that the source doesn't have there."""
    changed, gone, key = f"temp.ranged_{label}", f"temp.unranged_{label}", quoting.listed(table.key)
    where = filters.both(wanted.source(table), filters.kept(table))
    intake.make(target, changes.bare(changed), source_rows(table, table.columns, where))
    inside = wanted.file(table) if wanted.in_both else "false"
    changes.make(target, gone, f"(SELECT {key} FROM {out(table)} WHERE {inside}) EXCEPT (SELECT {key} FROM {changed})")
    return changes.counted(target, changed, gone)


def joined(target: DuckSession, table: Table, found: Changes | None, ranged: Changes, label: str) -> Changes:
    """Both as one; what was found is of the same snapshot."""
    if found is None:
        return ranged
    both = changes.joined(target, table, found, ranged, label)
    changes.drop(target, found)
    changes.drop(target, ranged)
    return both
