"""The rows of a range read anew, as changes that the file is brought over like any others."""

from __future__ import annotations

from dataclasses import dataclass

from jobs import quoting
from jobs.apply.merge import Merge
from jobs.engine import intake
from jobs.engine.rows import exact, out, source_rows
from jobs.engine.session import DuckSession
from jobs.feeds import changes
from jobs.feeds.changes import Changes
from jobs.tables import filters
from jobs.tables.ranges import Range
from jobs.tables.table import Table


@dataclass(frozen=True)
class Read:
    """A range in the joined snapshot, in tables of a session: its `rows`, and the keys of those that are filtered out.

    `left` is empty where the table has no filter.
    """

    rows: str
    left: str = ""

    def drop(self, session: DuckSession) -> None:
        """Free both."""
        for name in filter(None, (self.rows, self.left)):
            session.execute(f"DROP TABLE IF EXISTS {changes.bare(name)}")


class Reader:
    """Reads each range once in a run: to ask whether anything differs, and to mend what does, if one session does both.

    Only what was read before the transaction that writes is still there when that has to begin anew.
    """

    def __init__(self) -> None:
        self._read: dict[str, tuple[DuckSession, Read]] = {}

    def ahead(self, session: DuckSession, table: Table, wanted: Range) -> Read:
        """Read the range's rows; they stay in the session until they are dropped."""
        in_range = read(session, table, wanted, f"ahead_{table.relid}")
        self._read[table.name] = (session, in_range)
        return in_range

    def found(self, session: DuckSession, table: Table) -> Read | None:
        """What this session has of the table's range; None where it was read by another one."""
        kept_by, in_range = self._read.get(table.name, (None, None))
        return in_range if kept_by is session else None

    def drop(self, session: DuckSession) -> None:
        """Free what this session has of them."""
        for kept_by, in_range in self._read.values():
            if kept_by is session:
                in_range.drop(session)
        self._read.clear()


def read(session: DuckSession, table: Table, wanted: Range, label: str) -> Read:
    """The range in the joined snapshot."""
    rows, left, inside = f"temp.ranged_{label}", f"temp.left_{label}", wanted.source(table)
    belonging = filters.both(inside, filters.belongs(table))
    intake.make(session, changes.bare(rows), source_rows(table, table.columns, belonging))
    if not filters.excluded(table):
        return Read(rows)
    others = filters.both(inside, filters.excluded(table))
    intake.make(session, changes.bare(left), source_rows(table, table.key_plans(), others))
    return Read(rows, left)


def lacking(
    session: DuckSession, table: Table, wanted: Range, in_range: Read, label: str, file: str = "out"
) -> Changes:
    """What the attached `file` doesn't have of what is `in_range`, and its keys there that were not."""
    there = f"{file}.{table.file_quoted}"
    changed = _differing(session, table, wanted, in_range.rows, label, there)
    return changes.counted(session, changed, _others(session, table, wanted, in_range, label, _keys(table, there)))


def whole(session: DuckSession, table: Table, wanted: Range, in_range: Read, label: str, earlier: Changes) -> Changes:
    """The same, where `earlier` changes go into the file before: what it will have then can't be compared yet."""
    changed = f"temp.whole_{label}"
    changes.make(session, changed, f"FROM {in_range.rows}")
    keys = f"{_keys(table, out(table))} UNION {_keys(table, earlier.changed)}"
    return changes.counted(session, changed, _others(session, table, wanted, in_range, label, keys))


def _keys(table: Table, name: str) -> str:
    return f"SELECT {quoting.listed(table.key)} FROM {name}"


def _others(session: DuckSession, table: Table, wanted: Range, in_range: Read, label: str, keys: str) -> str:
    """Those of the keys that lie in the range and are no row of it, unless the file keeps what the source deletes.

    A condition chooses rows of the source, so it says nothing of keys but of those that are filtered out there.
    """
    gone, key = f"temp.unranged_{label}", quoting.listed(table.key)
    inside = wanted.file(table) if wanted.in_both and not table.deletes.keeps else "false"
    others = f"SELECT {key} FROM ({keys}) WHERE {inside}"
    if in_range.left:
        others += f" UNION (SELECT {key} FROM ({keys}) SEMI JOIN {in_range.left} USING ({key}))"
    changes.make(session, gone, f"({others}) EXCEPT SELECT {key} FROM {in_range.rows}")
    return gone


def _differing(session: DuckSession, table: Table, wanted: Range, rows: str, label: str, there: str) -> str:
    """By the range, whose place in the file DuckDB knows; of rows by a condition, by the places of their keys."""
    changed = f"temp.differing_{label}"
    if wanted.in_both:
        # Keys alone are joined, and the rest is compared where they meet: in a third of the time.
        key = quoting.listed(table.key)
        same = " AND ".join(f"{exact(plan, 'c')} IS NOT DISTINCT FROM {exact(plan, 'b')}" for plan in table.columns)
        inside = f"(SELECT * FROM {there} WHERE {wanted.file(table)}) AS b"
        equal = f"SELECT {key} FROM {rows} AS c JOIN {inside} USING ({key}) WHERE {same}"
        changes.make(session, changed, f"SELECT * FROM {rows} ANTI JOIN ({equal}) USING ({key})")
        return changed
    merge = Merge(session, table, Changes(rows, "", session.one(f"SELECT count(*) FROM {rows}"), 0), label, there)
    merge.drop_unchanged()
    changes.make(session, changed, f"FROM {merge.fresh}")
    merge.drop()
    return changed


def key_table(session: DuckSession, table: Table, by_feed: Changes | None, label: str) -> str:
    """A table of the keys that were found without the range; "" where none were read."""
    if by_feed is None or not table.spec.history:
        return ""
    key, name = quoting.listed(table.key), f"temp.told_{label}"
    changes.make(session, name, f"SELECT {key} FROM {by_feed.changed} UNION SELECT {key} FROM {by_feed.gone}")
    return name


def joined(session: DuckSession, table: Table, by_feed: Changes | None, ranged: Changes, label: str) -> Changes:
    """Both as one; what was found is of the same snapshot."""
    if by_feed is None:
        return ranged
    both = changes.joined(session, table, by_feed, ranged, label)
    changes.drop(session, by_feed)
    changes.drop(session, ranged)
    return both
