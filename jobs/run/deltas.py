"""The tables of a run that are brought up to date by their changes: gathered first, applied once all are gathered."""

from __future__ import annotations

import time
from dataclasses import dataclass

from jobs import faults
from jobs.apply.merge import Counts, Merge
from jobs.engine import rows
from jobs.engine.session import DuckSession
from jobs.feeds import changes, ranged
from jobs.feeds.changes import Changes
from jobs.feeds.watermark import nulls
from jobs.plan.steps import DELTA, Step
from jobs.results import TableRun
from jobs.run import carry
from jobs.run.carry import Carried
from jobs.run.context import Context, diagnosed


@dataclass(frozen=True)
class Gathered:
    """One table's part of a run before it is applied: None as what was found where nothing was read."""

    step: Step
    label: str
    notes: tuple[str, ...] = ()
    found: Changes | None = None
    seconds: float = 0.0


class Deltas:
    """What one transaction reads and applies.

    `begun` names the tables that a run that was cut short had copied. `kept` is what the next run may have use for.
    """

    def __init__(
        self, context: Context, file: DuckSession, run_id: str, carried: Carried, begun: frozenset[str]
    ) -> None:
        self._context, self._now, self._file = context, context.now, file
        self._run_id, self._carried, self._begun = run_id, carried, begun
        self.kept: dict[str, Changes | None] = {}

    def gather(self, step: Step, place: int) -> Gathered:
        """Read what changed of one table; nothing where there is no news."""
        name = step.table.name
        if carry.is_kept(step, self._context.published):
            self.kept[name] = None
        label, resumed = f"{self._run_id.rpartition('-')[2]}_{place}", self._resumed(step)
        wanted = self._context.options.ranges.get(name)
        if not step.news and not self._carried.tables.get(name) and not wanted:
            return Gathered(step, label, resumed)
        began = time.monotonic()
        self._context.progress.start(name, None)
        with diagnosed(self._now, step.table):
            found = self._read(step, label) if step.news else None
            if wanted:
                again = ranged.gather(self._file, step.table, wanted, label)
                found = ranged.joined(self._file, step.table, found, again, f"{label}_ranged")
            notes = (*resumed, *_compared(step), *step.table.notes, *nulls.told(self._context.feed, self._now, step))
        return Gathered(step, label, notes, found, time.monotonic() - began)

    def apply(self, gathered: Gathered) -> TableRun:
        """Bring one table over what was read of it now, and what the run before left of it."""
        table, found = gathered.step.table, gathered.found
        earlier = self._carried.tables.get(table.name)
        if found is None and earlier is None:
            reason = "works again" if table.name in self._context.published.errors else ""
            return TableRun(table.name, "none", reason=reason, notes=gathered.notes)
        began = time.monotonic()
        with diagnosed(self._now, table):
            counts = self._merge(gathered, earlier)
        self._context.progress.finish(table.name)
        faults.point("table_done")
        seconds = gathered.seconds + time.monotonic() - began
        return TableRun(table.name, DELTA, found.rows if found else 0, *counts, seconds, notes=gathered.notes)

    def _read(self, step: Step, label: str) -> Changes:
        published, force = self._context.job.files.published, self._context.options.force_deletes
        feed = self._context.feed
        found = feed.gather(self._file, step, self._now, label, force_deletes=force, published=published)
        self._context.progress.advance(step.table.name, found.rows)
        return found

    def _resumed(self, step: Step) -> tuple[str, ...]:
        """What need not be copied again, because a run that was cut short had copied it."""
        if step.table.name not in self._begun:
            return ()
        count = self._file.one(f"SELECT count(*) FROM {rows.out(step.table)}")
        return (f"{count:,} rows were kept of a run that was cut short",)

    def _merge(self, gathered: Gathered, earlier: Changes | None) -> Counts:
        file, table, found, label = self._file, gathered.step.table, gathered.found, gathered.label
        changes.take_threads(file, sum(part.rows for part in (earlier, found) if part))
        both = changes.joined(file, table, earlier, found, label) if earlier and found else None
        whole = both or found or earlier
        assert whole is not None
        merge = Merge(file, table, whole, label)
        if not gathered.step.gapless or table.name in self._context.options.ranges:
            merge.drop_unchanged()
        counts = merge.apply()
        merge.drop()
        self._free(table.name, found, both)
        return counts

    def _free(self, name: str, found: Changes | None, both: Changes | None) -> None:
        """Let go of what was gathered, unless the next run has use for it; what the last one left is not ours."""
        if name in self.kept:
            self.kept[name] = found
        elif found:
            changes.drop(self._file, found)
        if both:
            changes.drop(self._file, both)


def _compared(step: Step) -> tuple[str, ...]:
    """Why the keys of a table were compared that records its deleted rows."""
    return ("a deleted key that was recorded can't be read any more, so all were compared",) if step.unreadable else ()
