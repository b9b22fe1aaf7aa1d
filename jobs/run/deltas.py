"""The tables of a run that are brought up to date by their changes: gathered first, applied once all are gathered."""

from __future__ import annotations

import time
from dataclasses import dataclass

from jobs import faults, quoting
from jobs.apply.merge import Merge
from jobs.engine import rows
from jobs.engine.session import DuckSession
from jobs.feeds import changes
from jobs.feeds.changes import Changes, Into
from jobs.feeds.watermark import nulls
from jobs.models.upkeep import Replaced
from jobs.plan.steps import DELTA, Step
from jobs.results import TableRun
from jobs.run import carry, ranged
from jobs.run.carry import Carried
from jobs.run.context import Context, diagnosed
from jobs.run.mended import Mended
from jobs.run.ranged import Read
from jobs.tables.ranges import Range
from jobs.tables.table import Table


@dataclass(frozen=True)
class Gathered:
    """One table's part of a run before it is applied: None as what was found where nothing was read.

    `earlier` is what goes into the file before: what the last run left of its own. `key_table` is a table of the keys
    that were found without the range that was asked for, where one was.
    """

    step: Step
    label: str
    notes: tuple[str, ...] = ()
    changes: Changes | None = None
    earlier: Changes | None = None
    seconds: float = 0.0
    key_table: str = ""


@dataclass(frozen=True)
class Ready:
    """One table's part of a run that can be applied: None as the merge where there is nothing to apply."""

    gathered: Gathered
    merge: Merge | None = None
    both: Changes | None = None
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """The table's name."""
        return self.gathered.step.table.name


class Deltas:
    """What one transaction reads and applies.

    `begun` names the tables that a run that was cut short had copied. `to_carry` is what the next run may have use for.
    `lacked` names, by table, a table of the keys that the published file lacks of a range, which nobody else tells of.
    """

    def __init__(
        self, context: Context, file: DuckSession, run_id: str, carried: Carried, begun: frozenset[str], mended: Mended
    ) -> None:
        self._context, self._now, self._file = context, context.now, file
        self._run_id, self._carried, self._begun, self._mended = run_id, carried, begun, mended
        self.to_carry: dict[str, Changes | None] = {}
        self.lacked: dict[str, str] = {}

    def gather(self, step: Step, place: int) -> Gathered:
        """Read what changed of one table; nothing where there is no news."""
        name = step.table.name
        # A lake has no second copy that the next run would bring over the same changes.
        if not self._file.at_once and carry.can_carry(step, self._context.published):
            self.to_carry[name] = None
        label, resumed = f"{self._run_id.rpartition('-')[2]}_{place}", self._resumed(step)
        wanted, earlier = self._context.options.ranges.get(name), self._earlier(step.table, label)
        if not step.news and not earlier and not wanted:
            return Gathered(step, label, resumed)
        began = time.monotonic()
        self._context.progress.start(name, None)
        with diagnosed(self._now, step.table):
            gathered, key_table = self._read(step, label) if step.news else None, ""
            if wanted:
                key_table = ranged.key_table(self._file, step.table, gathered, label)
                again = self._read_anew(step.table, wanted, label, earlier)
                gathered = ranged.joined(self._file, step.table, gathered, again, f"{label}_ranged")
            notes = (*resumed, *_compared(step), *step.table.notes, *nulls.notes(self._context.feed, self._now, step))
        return Gathered(step, label, notes, gathered, earlier, time.monotonic() - began, key_table)

    def ready(self, gathered: Gathered, *, compared: bool) -> Ready:
        """Put together what was read of one table now and what the run before left of it.

        Where it is to be `compared`, rows that stand in the file already are left out although nothing was read twice.
        """
        current, earlier = gathered.changes, gathered.earlier
        if current is None and earlier is None:
            return Ready(gathered)
        began = time.monotonic()
        with diagnosed(self._now, gathered.step.table):
            merge, both = self._merge(gathered, earlier, compared=compared)
        return Ready(gathered, merge, both, time.monotonic() - began)

    def witnessed(self, ready: Ready) -> Replaced:
        """What is about to be replaced of the table."""
        table = ready.gathered.step.table
        assert ready.merge is not None
        with diagnosed(self._now, table):
            old, new = ready.merge.witnessed()
        columns = {plan.name: plan.duckdb_type for plan in table.columns}
        return Replaced(columns, old, new, distinct=bool(table.key))

    def apply(self, ready: Ready) -> TableRun:
        """Bring one table over its changes."""
        gathered, merge, read = ready.gathered, ready.merge, ready.gathered.changes
        table = gathered.step.table
        if merge is None:
            reason = "works again" if table.name in self._context.published.errors else ""
            return TableRun(table.name, "none", reason=reason, notes=gathered.notes)
        began = time.monotonic()
        with diagnosed(self._now, table):
            changes.take_threads(self._file, merge.rows)
            counts = merge.apply()
            merge.drop()
            self._free(table.name, read, ready.both)
            if gathered.key_table:
                self._file.execute(f"DROP TABLE {changes.bare(gathered.key_table)}")
        self._context.progress.finish(table.name)
        faults.point("table_done")
        seconds = gathered.seconds + ready.seconds + time.monotonic() - began
        return TableRun(table.name, DELTA, read.rows if read else 0, *counts, seconds, notes=gathered.notes)

    def _earlier(self, table: Table, label: str) -> Changes | None:
        """What the last run left of its own in the session; or else in the file, where it was a backfill."""
        if table.name in self._carried.tables:
            return self._carried.tables[table.name]
        return self._mended.changes(table, label)

    def _read_anew(self, table: Table, wanted: Range, label: str, earlier: Changes | None) -> Changes:
        """What the file lacks of a range, and a note of what the published one does: that is the next to be written."""
        file = self._file
        # Of a comparison with this file the other one learns nothing.
        self.to_carry.pop(table.name, None)
        ahead = self._context.ranges.found(file, table)
        read = ahead or ranged.read(file, table, wanted, label)
        self._note_lacked(table, wanted, read, label)
        if earlier:
            lacking = ranged.whole(file, table, wanted, read, label, earlier)
        else:
            lacking = ranged.lacking(file, table, wanted, read, label)
        if not ahead:
            read.drop(file)
        return lacking

    def _note_lacked(self, table: Table, wanted: Range, read: Read, label: str) -> None:
        path, theirs = self._context.job.files.published, self._context.published.tables.get(table.name)
        if not self._file.private or path is None or theirs is None or theirs.signature != table.signature:
            return
        self._file.attach_published(path)
        lacked = ranged.lacking(self._file, table, wanted, read, f"{label}_theirs", "published")
        self.lacked[table.name] = _keys(self._file, table, lacked, label)
        changes.drop(self._file, lacked)

    def _read(self, step: Step, label: str) -> Changes:
        published, force = self._context.job.files.published, self._context.options.force_deletes
        feed = self._context.feed
        current = feed.gather(Into(self._file, label, force, published), step, self._now)
        self._context.progress.advance(step.table.name, current.rows)
        return current

    def _resumed(self, step: Step) -> tuple[str, ...]:
        """What need not be copied again, because a run that was cut short had copied it."""
        if step.table.name not in self._begun:
            return ()
        count = self._file.one(f"SELECT count(*) FROM {rows.out(step.table)}")
        return (f"{count:,} rows were kept of a run that was cut short",)

    def _merge(self, gathered: Gathered, earlier: Changes | None, *, compared: bool) -> tuple[Merge, Changes | None]:
        file, table, current, label = self._file, gathered.step.table, gathered.changes, gathered.label
        changes.take_threads(file, sum(part.rows for part in (earlier, current) if part))
        both = changes.joined(file, table, earlier, current, label) if earlier and current else None
        whole = both or current or earlier
        assert whole is not None
        merge = Merge(file, table, whole, label)
        if compared or not gathered.step.gapless or (earlier and table.name in self._context.options.ranges):
            merge.drop_unchanged()
        return merge, both

    def _free(self, name: str, gathered: Changes | None, both: Changes | None) -> None:
        """Let go of what was gathered, unless the next run has use for it; what the last one left is not ours."""
        if name in self.to_carry:
            self.to_carry[name] = gathered
        elif gathered:
            changes.drop(self._file, gathered)
        if both:
            changes.drop(self._file, both)


def _keys(file: DuckSession, table: Table, lacked: Changes, label: str) -> str:
    """A table of all keys among these changes."""
    key, name = quoting.listed(table.key), f"temp.lacked_{label}"
    changes.make(file, name, f"SELECT {key} FROM {lacked.changed} UNION ALL SELECT {key} FROM {lacked.gone}")
    return name


def _compared(step: Step) -> tuple[str, ...]:
    """Why the keys of a table were compared that records its deleted rows."""
    return ("a deleted key that was recorded can't be read any more, so all were compared",) if step.unreadable else ()
