"""Merges one table's changes into the file, inside the run's transaction.

Order within a table: deleted and changed keys out, new versions in.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from jobs import quoting
from jobs.engine.rows import exact, out
from jobs.engine.session import DuckSession
from jobs.feeds import changes
from jobs.feeds.changes import Changes
from jobs.tables.table import Table

# From here on a scan of the key column for so many keys is shorter with all threads, although they take a while to
# start and to end.
_MANY_PAGES, _MANY_KEYS = 10_000, 1000


class Counts(NamedTuple):
    """Rows put in, and taken out."""

    rows_in: int
    rows_out: int


class Replaced(NamedTuple):
    """Two temporary tables with the columns of a table: its rows that go, and those that come."""

    old: str
    new: str


class Merge:
    """These changes, and what is found out about them; what it makes of them is its own, they are the caller's."""

    def __init__(self, session: DuckSession, table: Table, given: Changes, label: str, place: str = "") -> None:
        """`place` is the table that is asked what it has, where it isn't that of the file that is written."""
        self._session, self._table, self._changes, self._label = session, table, given, label
        self._out = place or out(table)
        self._changed = given.changed
        self._places, self._has_gone, self._place = "", False, _free_name("place", table.key)
        self._own: list[str] = []

    @property
    def rows(self) -> int:
        """How many new versions of rows were read."""
        return self._changes.rows

    @property
    def changes(self) -> Changes:
        """What it was given."""
        return self._changes

    @property
    def fresh(self) -> str:
        """The rows that go in; after `drop_unchanged` those of what was found that the file doesn't have."""
        return self._changed

    def drop_unchanged(self) -> None:
        """Leave out the rows that stand in the file to the letter already: read again, but not new."""
        if not self._table.key:
            # Such a table is replaced as a whole.
            return
        same = " AND ".join(
            f"{exact(plan, 'c')} IS NOT DISTINCT FROM {exact(plan, 'b')}" for plan in self._table.columns
        )
        there = f"EXISTS (SELECT 1 FROM {self._out} AS b WHERE {self._placed()}{same})"
        # In a table of its own: to the other file, which is of another moment, all of them may be new.
        with self._session.fetching_by_place():
            fresh = self._make("fresh", f"SELECT c.* FROM {self._changed} AS c WHERE NOT {there}")
        self._changed = fresh

    def witnessed(self) -> Replaced:
        """The rows that `apply` will take out and put in, each in a table that is the caller's to drop.

        Call it after `drop_unchanged`: what was only read again is no change.
        """
        old, new = f"temp.old_{self._label}", f"temp.new_{self._label}"
        columns = quoting.listed(plan.name for plan in self._table.columns)
        changes.make(self._session, new, f"SELECT {columns} FROM {self._changed}")
        if self._table.key:
            with self._session.fetching_by_place():
                changes.make(self._session, old, f"SELECT {columns} FROM {out(self._table)} AS b WHERE {self._goes()}")
        else:
            changes.make(self._session, old, f"SELECT {columns} FROM {out(self._table)}")
        return Replaced(old, new)

    def present(self, keys: str) -> str:
        """A table of those of these keys that the file has, by a SELECT of some of the changes' own."""
        key = self._table.key
        if self._places:
            # Looked for already: another scan of the key is half of what a history costs.
            self._place_gone()
            named = quoting.listed(key)
            return self._make("there", f"SELECT {named} FROM ({keys}) SEMI JOIN {self._places} USING ({named})")
        with self._scanning():
            rows = f"SELECT {quoting.listed(key)} FROM {out(self._table)} WHERE {_in(key, f'({keys})')}"
            return self._make("there", rows)

    def _goes(self) -> str:
        """The condition on a row of the file that it is replaced or deleted."""
        key, gone = self._table.key, self._changes.gone
        goes = _in(key, self._changed) + (f" OR {_in(key, gone)}" if self._changes.keys else "")
        if not self._placed():
            return goes
        self._place_gone()
        return f"b.rowid IN (SELECT {self._place} FROM {self._places}) AND ({goes})"

    def _place_gone(self) -> None:
        """Have the places of the deleted keys among the others, too."""
        if self._changes.keys and not self._has_gone:
            key = self._table.key
            there = f"SELECT rowid, {quoting.listed(key)} FROM {self._out} WHERE {_in(key, self._changes.gone)}"
            self._session.execute(f"INSERT INTO {self._places} {there}")
            self._has_gone = True

    def is_empty(self) -> bool:
        """Whether the file holds all of it already."""
        if not self._table.key:
            return _same_rows(self._session, self._table, self._changed)
        self.drop_unchanged()
        return self.counts() == (0, 0)

    def counts(self) -> Counts:
        """How many rows would go in and how many would go out; without a key, all of them."""
        where = f" WHERE {_in(self._table.key, self._changes.gone)}" if self._table.key else ""
        gone = f"SELECT count(*) FROM {out(self._table)}{where}"
        return Counts(self._session.one(f"SELECT count(*) FROM {self._changed}"), self._session.one(gone))

    def apply(self) -> Counts:
        """Deleted keys out; changed keys out; new versions in."""
        name, key = out(self._table), self._table.key
        if not key:
            return self._replace()
        gone = f"DELETE FROM {name} WHERE {_in(key, self._changes.gone)}"
        with self._scanning():
            removed = self._session.one(gone) if self._changes.keys else 0
            self._session.execute(f"DELETE FROM {name} WHERE {_in(key, self._changed)}")
        return Counts(self._insert(), removed)

    def drop(self) -> None:
        """Free the temporary tables that it made."""
        for name in self._own:
            self._session.execute(f"DROP TABLE IF EXISTS {changes.bare(name)}")

    def _make(self, what: str, rows: str) -> str:
        name = f"temp.{what}{len(self._own)}_{self._label}"
        changes.make(self._session, name, rows)
        self._own.append(name)
        return name

    def _placed(self) -> str:
        """A condition that leads DuckDB to the file's rows with the same keys, whose other columns alone it reads.

        To find them it scans the key (of 5 M rows: 20 ms); to compare all columns at once it would scan all (250 ms).
        """
        if any(quoting.fold(plan.name) == "rowid" for plan in self._table.columns):
            return ""
        key = _in(self._table.key, self._changed)
        if not self._places:
            with self._scanning():
                places = (
                    f"SELECT rowid AS {self._place}, {quoting.listed(self._table.key)} FROM {self._out} WHERE {key}"
                )
                self._places = self._make("places", places)
        return f"b.rowid IN (SELECT {self._place} FROM {self._places}) AND "

    def _scanning(self) -> AbstractContextManager[None]:
        """For statements that look at every key of the file's table."""
        worthwhile = self._table.pages > _MANY_PAGES and self._changes.rows > _MANY_KEYS
        return self._session.all_threads() if worthwhile else nullcontext()

    def _replace(self) -> Counts:
        """A table without a key: all of it goes and comes."""
        removed = self._session.one(f"DELETE FROM {out(self._table)}")
        return Counts(self._insert(), removed)

    def _insert(self) -> int:
        columns = quoting.listed(plan.name for plan in self._table.columns)
        return int(
            self._session.one(f"INSERT INTO {out(self._table)} ({columns}) SELECT {columns} FROM {self._changed}")
        )


def _same_rows(session: DuckSession, table: Table, changed: str) -> bool:
    """Whether the file holds exactly these rows, each as often: for tables without a key."""
    columns = ", ".join(plan.exact_sql for plan in table.columns)
    mine, theirs = f"SELECT {columns} FROM {changed}", f"SELECT {columns} FROM {out(table)}"
    query = f"SELECT count(*) FROM (({mine} EXCEPT ALL {theirs}) UNION ALL ({theirs} EXCEPT ALL {mine}))"
    return bool(session.one(query) == 0)


def _free_name(name: str, taken: Sequence[str]) -> str:
    """One that none of these columns has."""
    while name in map(quoting.fold, taken):
        name += "_"
    return name


def _in(key: Sequence[str], rows: str) -> str:
    """What holds of a row with one of these keys, which are never NULL in any column.

    One of several columns is looked for by its first, too: by a single column alone DuckDB leaves out what lies beyond
    the least and the greatest (100 of 5 M rows: 1 ms in place of 35).
    """
    parts = [_meets(key[:1], rows), _meets(key, rows)] if len(key) > 1 else [_meets(key, rows)]
    return f"({' AND '.join(parts)})"


def _meets(key: Sequence[str], rows: str) -> str:
    columns = quoting.listed(key)
    return f"({columns}) IN (SELECT {'(' + columns + ')' if len(key) > 1 else columns} FROM {rows})"
