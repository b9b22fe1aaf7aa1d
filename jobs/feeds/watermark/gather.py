"""One table's changes since its watermark: gathered into temporary tables, then applied inside the run's transaction.

Order within a table: deleted and changed keys out, new versions in. A tombstone deletes only a key that is absent from
the source in the same snapshot, so reading one again, or one whose key was inserted anew, does no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from app import errors
from jobs import quoting
from jobs.engine import intake
from jobs.engine.rows import exact, out, source_rows
from jobs.engine.session import Target
from jobs.feeds import mass_delete
from jobs.feeds.changes import Changes
from jobs.feeds.watermark import probe
from jobs.plan.steps import Step
from jobs.position import watermark
from jobs.position.snapshot import Snapshot
from jobs.position.watermark import Watermark
from jobs.tables import filters, keys
from jobs.tables.table import Table
from jobs.types.wire import Wire

# Fewer rows are applied sooner by one thread: to start and end others takes 10 ms, and they insert more slowly.
_MANY = 1_000_000
# In a smaller table it makes no difference in which order its pages are read.
_FEW_PAGES = 1000
# From here on a scan of the key column for so many keys is shorter with all threads, although they take a while to
# start and to end.
_MANY_PAGES, _MANY_KEYS = 10_000, 1000


class UnreadableKeys(Exception):
    """A recorded key can't be read any more, its type having changed since: the table's keys are to be compared."""

    def __init__(self, table: str) -> None:
        super().__init__(table)
        self.table = table


@dataclass(frozen=True)
class Counts:
    """Rows read over the wire, put in, and taken out."""

    read: int = 0
    rows_in: int = 0
    rows_out: int = 0


class Delta:
    """What a table's rows and deletes since its watermark are, held in temporary tables until they are applied.

    `label` tells this delta's tables from those of another one that is kept at the same time.
    """

    def __init__(self, target: Target, step: Step, label: str) -> None:
        self._target = target
        self.step = step
        self.table = step.table
        self._label = label
        self._own: list[str] = []
        self._new = Changes(f"temp.changed_{label}", f"temp.gone_{label}")
        self.changed, self.gone = self._new.changed, self._new.gone
        self.read = 0
        self._rows = self._deleted = 0

    def gather(self, now: Snapshot, *, force_deletes: bool = False, published: Path | None = None) -> None:
        """Read what changed. For a table that is compared whole, read all of it.

        Raises `errors.TooManyDeletes` where more rows are gone than the table's entry allows, also when compared with
        the `published` file.
        """
        since = self._since(now)
        keep = filters.both(since, filters.kept(self.table))
        self._target.use_threads(1)
        with self._target.in_order_of_pages() if since and self.table.pages > _FEW_PAGES else nullcontext():
            intake.make(self._target, _bare(self.changed), source_rows(self.table, self.table.columns, keep))
        self._own.append(self.changed)
        self.read = self._target.one(f"SELECT count(*) FROM {self.changed}")
        self._gather_gone(since)
        self._count()
        error = None if force_deletes else self._loss(published)
        if error:
            raise error

    def precede(self, earlier: Changes) -> None:
        """Let these changes of the run before be applied, too, as if they had been read now along with the rest."""
        if not self._own:
            self.changed, self.gone = earlier.changed, earlier.gone
        else:
            key = quoting.listed(self.table.key)
            columns = quoting.listed(plan.name for plan in self.table.columns)
            newer = f"(SELECT {key} FROM {self.changed} UNION ALL SELECT {key} FROM {self.gone})"
            rows = f"SELECT {columns} FROM {earlier.changed} ANTI JOIN {newer} USING ({key})"
            keys = f"SELECT {key} FROM {earlier.gone} ANTI JOIN {self.changed} USING ({key})"
            both = f"temp.both_changed_{self._label}", f"temp.both_gone_{self._label}"
            self._make(both[0], f"SELECT {columns} FROM {self.changed} UNION ALL {rows}")
            self._make(both[1], f"SELECT {key} FROM {self.gone} UNION ALL {keys}")
            self.changed, self.gone = both
        self._count()

    def _count(self) -> None:
        """Learn how much there is to be done, and take as many threads as that is worth."""
        self._rows = self._target.one(f"SELECT count(*) FROM {self.changed}")
        self._deleted = self._target.one(f"SELECT count(*) FROM {self.gone}")
        if self._rows > _MANY:
            self._target.use_threads()

    def _make(self, name: str, rows: str) -> None:
        self._target.execute(f"CREATE TEMP TABLE {_bare(name)} AS {rows}")
        self._own.append(name)

    def _loss(self, published: Path | None) -> errors.TooManyDeletes | None:
        table = self.table
        if table.spec.deletes != "compare" or not self._deleted:
            return None
        keys = quoting.listed(table.key)
        present = f"SELECT {keys} FROM {self.changed}" if table.stamp is None else self._present()
        return mass_delete.refused(self._target, table, present, published)

    def _present(self) -> str:
        """A DuckDB SELECT of the keys that the source has."""
        wire, name = source_rows(self.table, self.table.key_plans(), filters.kept(self.table)), f"present_{self._label}"
        if self._target.spool is None:
            return wire.joined()
        if name not in self._own:
            intake.make(self._target, name, wire)
            self._own.append(name)
        return f"SELECT * FROM temp.{name}"

    def _since(self, now: Snapshot) -> str:
        stamp = self.table.stamp
        return "" if stamp is None else filters.text(watermark.changed_rows(stamp, self.step.mark, now))

    def drop_unchanged(self, base: str = "out") -> None:
        """Leave out the rows that stand in `base` to the letter already: read again, but not new."""
        if not self.table.key:
            # Such a table is replaced as a whole.
            return
        same = " AND ".join(
            f"{exact(plan, 'c')} IS NOT DISTINCT FROM {exact(plan, 'b')}" for plan in self.table.columns
        )
        fresh = f"temp.fresh_{self._label}"
        there = f"EXISTS (SELECT 1 FROM {base}.{self.table.file_quoted} AS b WHERE {self._placed(base)}{same})"
        # In a table of its own: to the other file, which is of another moment, all of them may be new.
        with self._target.fetching_by_place():
            self._make(fresh, f"SELECT c.* FROM {self.changed} AS c WHERE NOT {there}")
        self.changed = fresh

    def _placed(self, base: str) -> str:
        """A condition that leads DuckDB to the rows of `base` with the same keys, whose other columns alone it reads.

        To find them it scans the key (of 5 M rows: 20 ms); to compare all columns at once it would scan all (250 ms).
        """
        if any(quoting.fold(plan.name) == "rowid" for plan in self.table.columns):
            return ""
        places = f"temp.places_{self._label}"
        key = _in(self.table.key, self.changed)
        with self._scanning():
            self._make(places, f"SELECT rowid AS place FROM {base}.{self.table.file_quoted} WHERE {key}")
        return f"b.rowid IN (SELECT place FROM {places}) AND "

    def is_empty(self, base: str = "out") -> bool:
        """Whether `base` holds all of it already."""
        if not self.table.key:
            return self.same_rows(base)
        self.drop_unchanged(base)
        return self.counts(base) == (0, 0)

    def counts(self, base: str = "out") -> tuple[int, int]:
        """How many rows would go in and how many would go out; without a key, all of them."""
        gone = (
            f"SELECT count(*) FROM {base}.{self.table.file_quoted} WHERE {_in(self.table.key, self.gone)}"
            if self.table.key
            else f"SELECT count(*) FROM {base}.{self.table.file_quoted}"
        )
        return self._target.one(f"SELECT count(*) FROM {self.changed}"), self._target.one(gone)

    def apply(self) -> Counts:
        """Deleted keys out; changed keys out; new versions in."""
        name, key = out(self.table), self.table.key
        if not key:
            return self._replace()
        with self._scanning():
            removed = self._target.one(f"DELETE FROM {name} WHERE {_in(key, self.gone)}") if self._deleted else 0
            self._target.execute(f"DELETE FROM {name} WHERE {_in(key, self.changed)}")
        return Counts(self.read, self._insert(), removed)

    def _scanning(self) -> AbstractContextManager[None]:
        """For statements that look at every key of the file's table."""
        worthwhile = self.table.pages > _MANY_PAGES and self._rows > _MANY_KEYS
        return self._target.all_threads() if worthwhile else nullcontext()

    def _insert(self) -> int:
        columns = quoting.listed(plan.name for plan in self.table.columns)
        return int(self._target.one(f"INSERT INTO {out(self.table)} ({columns}) SELECT {columns} FROM {self.changed}"))

    def keep(self) -> Changes | None:
        """Free the temporary tables but those of what was read, which are another's to free; None where nothing was."""
        kept = self._new if self._new.changed in self._own else None
        self._free([name for name in self._own if kept is None or name not in (kept.changed, kept.gone)])
        return kept

    def drop(self) -> None:
        """Free the temporary tables."""
        self._free(self._own)

    def _free(self, names: list[str]) -> None:
        for name in names:
            self._target.execute(f"DROP TABLE IF EXISTS {_bare(name)}")

    def _replace(self) -> Counts:
        """A table without a key: all of it goes and comes, unless both sides hold the same rows."""
        removed = self._target.one(f"DELETE FROM {out(self.table)}")
        return Counts(self.read, self._insert(), removed)

    def same_rows(self, base: str = "out") -> bool:
        """Whether `base` holds exactly the gathered rows, each as often: for tables without a key."""
        columns = ", ".join(plan.exact_sql for plan in self.table.columns)
        mine, theirs = f"SELECT {columns} FROM {self.changed}", f"SELECT {columns} FROM {base}.{self.table.file_quoted}"
        query = f"SELECT count(*) FROM (({mine} EXCEPT ALL {theirs}) UNION ALL ({theirs} EXCEPT ALL {mine}))"
        return bool(self._target.one(query) == 0)

    def _gather_gone(self, since: str) -> None:
        table, plans = self.table, self.table.key_plans()
        columns = ", ".join(f"{quoting.identifier(plan.name)} {plan.duckdb_type}" for plan in plans)
        self._target.execute(f"CREATE TEMP TABLE {_bare(self.gone)} ({columns or 'nothing INTEGER'})")
        self._own.append(self.gone)
        if not plans:
            return
        if table.stamp is None and table.spec.deletes != "ignore":
            self._gather_absent(f"SELECT {quoting.listed(table.key)} FROM {self.changed}")
        elif self.step.compares_keys:
            self._gather_absent(self._present())
        elif table.spec.deletes == "tombstone":
            self._gather_recorded()
        if table.stamp is not None and filters.left(table):
            left = filters.both(since, filters.left(table))
            intake.insert(self._target, self.gone, source_rows(table, plans, left))

    def _gather_recorded(self) -> None:
        try:
            intake.insert(self._target, self.gone, _tombstoned_keys(self.table, self.step.mark))
        except errors.NeaptideError as error:
            # No access, a lost session or a full disk is no matter of a key.
            if type(error) is not errors.NeaptideError:
                raise
            raise UnreadableKeys(self.table.name) from error

    def _gather_absent(self, present: str) -> None:
        inside = f"SELECT {quoting.listed(self.table.key)} FROM {out(self.table)}"
        self._target.execute(f"INSERT INTO {self.gone} ({inside}) EXCEPT ({present})")


def _tombstoned_keys(table: Table, mark: Watermark) -> Wire:
    """The keys deleted since the watermark and absent from the source in this snapshot."""
    infos, plans = table.key_infos(), table.key_plans()
    names = [quoting.identifier(info.name) for info in infos]
    parts = ", ".join(
        f"{keys.read_back(f'(t.key ->> {place})', info)} AS {name}"
        for place, (info, name) in enumerate(zip(infos, names, strict=True))
    )
    same = " AND ".join(
        keys.equal(info, plan, f"s.{name}", f"k.{name}") for info, plan, name in zip(infos, plans, names, strict=True)
    )
    fields = ", ".join(f"{plan.source_sql} AS {quoting.identifier(plan.name)}" for plan in plans)
    query = (
        f"SELECT {fields} FROM (SELECT {parts} FROM neaptide.tombstone AS t"
        f" WHERE {filters.text(probe.tombstones_since(table, mark))} AND t.key IS NOT NULL) AS k"
        f" WHERE NOT EXISTS (SELECT FROM {table.rows_from} AS s WHERE {same})"
    )
    return Wire(plans, query)


def _in(key: Sequence[str], rows: str) -> str:
    columns = quoting.listed(key)
    return f"({columns}) IN (SELECT {'(' + columns + ')' if len(key) > 1 else columns} FROM {rows})"


def _bare(name: str) -> str:
    return name.removeprefix("temp.")
