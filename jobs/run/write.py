"""Brings the work file up to the snapshot: tables that are copied anew, then all the rest in one transaction."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace
from pathlib import Path

from app import errors
from jobs import faults
from jobs.apply import swap
from jobs.apply.merge import Counts, Merge
from jobs.engine import rows
from jobs.engine.session import Target
from jobs.feeds import changes, mass_delete
from jobs.feeds.changes import Changes
from jobs.feeds.watermark import gather, load, misfits, nulls, probe
from jobs.plan import steps as plan
from jobs.plan.steps import DELTA, FULL, Step
from jobs.record import runs
from jobs.record import state as ledger
from jobs.record.state import State
from jobs.results import Run, TableRun
from jobs.run import carry
from jobs.run.context import Attempt, Options, TableFailed, diagnosed
from jobs.source import states, widths
from jobs.targets.file import compact, freshness


@dataclass(frozen=True)
class Gathered:
    """One table's part of a run before it is applied: None as what was found where nothing was read."""

    step: Step
    label: str
    notes: tuple[str, ...] = ()
    found: Changes | None = None
    seconds: float = 0.0


class Build:
    """What one attempt does to its work file. `earlier` is the file whose record of runs is taken over."""

    def __init__(self, attempt: Attempt, file: Target, earlier: Path | None) -> None:
        self._attempt, self._file, self._earlier = attempt, file, earlier
        self._now, self._options = attempt.now, attempt.options
        self._run_id = ""
        self._row_group = widths.ROW_GROUP
        self._loaded: dict[str, TableRun] = {}
        self._begun: frozenset[str] = frozenset()
        self._carried = carry.NOTHING
        self._kept: dict[str, Changes | None] = {}
        self._record: runs.Record | None = None
        self._last_end: runs.End = None

    def run(self, state: State) -> Run:
        """First the tables that are copied anew, each committed with its watermark; then all the rest at once."""
        self._carried = carry.found(self._file, state, self._attempt.published)
        ahead = self._carried.ahead(state, self._attempt.published)
        steps = probe.told(self._attempt.steps(ahead), self._now.conn, self._now.snapshot, self._attempt.news)
        self._run_id = next_run_id(self._attempt.published, state)
        self._begun = state.begun
        anew = [step for step in steps if step.action == FULL]
        self._regroup(state, anew)
        if not state.lineage:
            # At once: each statement would be synced to the disk by itself.
            with self._file.transaction():
                ledger.create_schema(self._file)
        lineage = state.lineage if _continues(anew, state, self._options) else secrets.token_hex(8)
        if anew:
            # A load that is cut short is found by this to be of the same source, and goes on.
            self._write_identity(lineage)
        with self._attempt.phases.phase("load"):
            self._loaded = self._load(anew)
        while True:
            steps = [step for step in steps if step.table.name not in self._now.failures]
            try:
                return self._transact(steps, state, lineage)
            except TableFailed as failed:
                # What the transaction did so far is gone; the others' share of it is done again.
                self._attempt.fail({failed.table: failed.error})
            except gather.UnreadableKeys as found:
                steps = [replace(step, unreadable=step.unreadable or step.table.name == found.table) for step in steps]

    def _load(self, steps: list[Step]) -> dict[str, TableRun]:
        """Copy tables anew; each is complete, with its watermark, or not there."""
        if not steps:
            return {}
        now = self._now
        # Each session holds what it has of a row group, and a block of every column.
        workers = self._attempt.job.load_workers if self._row_group == widths.ROW_GROUP else 1
        copied, failures = load.copy_tables(
            self._file, [step.table for step in steps], now, workers=workers, progress=self._attempt.progress
        )
        self._attempt.fail({table.name: misfits.told(now.conn, table, error) for table, error in failures})
        now.settle()
        self._attempt.fail(self._too_lossy([step for step in steps if step.table.name not in now.failures]))
        steps = [step for step in steps if step.table.name not in now.failures]
        return {step.table.name: self._swapped(step, copied[step.table.name]) for step in steps}

    def _swapped(self, step: Step, copied: load.Copied) -> TableRun:
        """Let what was copied take the table's place, with its watermark."""
        began, table = time.monotonic(), step.table
        with self._file.transaction():
            swap.swap(self._file, table)
            ledger.write_watermarks(self._file, [self._attempt.mark(step)], self._run_id)
        faults.point("table_loaded")
        seconds = copied.seconds + time.monotonic() - began
        notes = (*table.notes, *nulls.told(self._now, step))
        return TableRun(table.name, FULL, copied.rows, copied.rows, 0, seconds, step.reason, notes)

    def _too_lossy(self, steps: list[Step]) -> dict[str, errors.NeaptideError]:
        """The tables whose copies have lost more rows than their entries allow; the copies are dropped."""
        found: dict[str, errors.NeaptideError] = {}
        published = self._attempt.job.files.published
        for step in [] if self._options.full or self._options.force_deletes else steps:
            error = mass_delete.refused_anew(self._file, step, load.loading_name(step.table), published)
            if error:
                found[step.table.name] = error
                load.drop(self._file, step.table)
        return found

    def _regroup(self, state: State, anew: list[Step]) -> None:
        """Let row groups be small enough for the widest table that the file has or gets."""
        fits = widths.row_group(self._now.conn, [step.table for step in anew], memory=self._file.memory_limit())
        self._row_group = min(fits, state.row_group)
        if self._row_group < widths.ROW_GROUP:
            self._file.regroup(self._row_group)

    def _write_identity(self, lineage: str) -> None:
        ledger.write_identity(self._file, self._now.identity, self._now.snapshot, lineage, self._row_group)

    def _transact(self, steps: list[Step], state: State, lineage: str) -> Run:
        """Rows, watermarks and the run's record in one transaction."""
        file, phases = self._file, self._attempt.phases
        self._kept = {}
        with file.transaction(committing=phases.phase("checkpoint")):
            with phases.phase("apply"):
                run = self._applied(steps, state, lineage)
            file.write_through(merge=compact.merges(run))
            faults.point("before_commit")
        faults.point("after_commit")
        self._hand_on(state)
        return run

    def _applied(self, steps: list[Step], state: State, lineage: str) -> Run:
        file, now, attempt = self._file, self._now, self._attempt
        file.join_snapshot(now.snapshot, now.spool)
        faults.point("snapshot_joined")
        gathered = [
            self._gather(step, place) for place, step in enumerate(steps) if step.table.name not in self._loaded
        ]
        applied = self._loaded | {one.step.table.name: self._apply(one) for one in gathered}
        done = [applied[step.table.name] for step in steps]
        self._write_identity(lineage)
        self._write_watermarks([one.step for one in gathered], state)
        done += self._remove_orphans(state)
        self._keep_last()
        attempt.held = ledger.as_of(file)
        run = attempt.result(self._run_id, (*done, *attempt.failed()), changed=True)
        self._write_record(run)
        states.check(attempt.job, now.conn, now.tables)
        now.settle()
        return run

    def _write_watermarks(self, steps: list[Step], state: State) -> None:
        """Of a table that is as the file says, nothing but the position changes."""
        marks = [self._attempt.mark(step) for step in steps]
        moved = [mark for mark in marks if ledger.only_moved(state.tables.get(mark.table), mark)]
        moved_names = {mark.table for mark in moved}
        ledger.move_watermarks(self._file, moved, self._run_id)
        ledger.write_watermarks(self._file, (mark for mark in marks if mark.table not in moved_names), self._run_id)

    def _write_record(self, run: Run) -> None:
        attempt, carried = self._attempt, self._carried
        self._last_end = freshness.end_known(attempt.job.files)
        self._record = runs.of(run, self._now.clocks)
        records = [self._record]
        if carried.record is not None:
            runs.complete(self._file, carried.base_end)
            records.insert(0, carried.record.ended(self._last_end))
        elif self._earlier is not None:
            runs.take_over(self._file, self._earlier, self._last_end)
        runs.write(self._file, records, keep=attempt.job.settings.sync.keep_runs)

    def _hand_on(self, state: State) -> None:
        """Keep what this run changed for the next one, in a session that stays open.

        Not where the work file was ahead of the published one, because the run that wrote it never got to publish: the
        next run's file then lacks what both of them changed.
        """
        base = self._attempt.published
        if self._attempt.job.keep is None or state.run_id > base.run_id:
            carry.drop(self._file)
            return
        made = carry.Changeset(base, self._run_id, self._kept, self._record, self._last_end)
        carry.hand_on(self._file, made)

    def _keep_last(self) -> None:
        """A table that failed stays as it is published: this file may hold it as it was a run earlier."""
        if not self._now.failures:
            return
        theirs, mine = self._attempt.published.tables, ledger.read(self._file).tables
        behind = [
            name
            for name in self._now.failures
            if name in theirs and (name not in mine or mine[name].watermark != theirs[name].watermark)
        ]
        path = self._attempt.job.files.published
        if behind and path is not None:
            ledger.take_over(self._file, path, behind)
            if not plan.is_of(self._attempt.published, self._now.identity, self._now.snapshot):
                ledger.disown(self._file, behind)
                self._now.warnings.append(told_foreign(behind))

    def _gather(self, step: Step, place: int) -> Gathered:
        """Read what changed of one table; nothing where there is no news."""
        name, progress = step.table.name, self._attempt.progress
        if carry.is_kept(step, self._attempt.published):
            self._kept[name] = None
        label, resumed = f"{self._run_id.rpartition('-')[2]}_{place}", self._resumed(step)
        if not step.news and not self._carried.tables.get(name):
            return Gathered(step, label, resumed)
        began = time.monotonic()
        progress.start(name, None)
        with diagnosed(self._now, step.table):
            found = self._read(step, label) if step.news else None
            notes = (*resumed, *_compared(step), *step.table.notes, *nulls.told(self._now, step))
        return Gathered(step, label, notes, found, time.monotonic() - began)

    def _read(self, step: Step, label: str) -> Changes:
        published, force = self._attempt.job.files.published, self._options.force_deletes
        found = gather.gather(self._file, step, self._now.snapshot, label, force_deletes=force, published=published)
        self._attempt.progress.advance(step.table.name, found.rows)
        return found

    def _resumed(self, step: Step) -> tuple[str, ...]:
        """What need not be copied again, because a run that was cut short had copied it."""
        if step.table.name not in self._begun:
            return ()
        count = self._file.one(f"SELECT count(*) FROM {rows.out(step.table)}")
        return (f"{count:,} rows were kept of a run that was cut short",)

    def _apply(self, gathered: Gathered) -> TableRun:
        """Bring one table over what was read of it now, and what the run before left of it."""
        table, found = gathered.step.table, gathered.found
        earlier = self._carried.tables.get(table.name)
        if found is None and earlier is None:
            reason = "works again" if table.name in self._attempt.published.errors else ""
            return TableRun(table.name, "none", reason=reason, notes=gathered.notes)
        began = time.monotonic()
        with diagnosed(self._now, table):
            counts = self._merge(gathered, earlier)
        self._attempt.progress.finish(table.name)
        faults.point("table_done")
        seconds = gathered.seconds + time.monotonic() - began
        return TableRun(table.name, DELTA, found.rows if found else 0, *counts, seconds, notes=gathered.notes)

    def _merge(self, gathered: Gathered, earlier: Changes | None) -> Counts:
        file, table, found, label = self._file, gathered.step.table, gathered.found, gathered.label
        changes.take_threads(file, sum(part.rows for part in (earlier, found) if part))
        both = changes.joined(file, table, earlier, found, label) if earlier and found else None
        whole = both or found or earlier
        assert whole is not None
        merge = Merge(file, table, whole, label)
        if not gathered.step.gapless:
            merge.drop_unchanged()
        counts = merge.apply()
        merge.drop()
        self._free(table.name, found, both)
        return counts

    def _free(self, name: str, found: Changes | None, both: Changes | None) -> None:
        """Let go of what was gathered, unless the next run has use for it; what the last one left is not ours."""
        if name in self._kept:
            self._kept[name] = found
        elif found:
            changes.drop(self._file, found)
        if both:
            changes.drop(self._file, both)

    def _remove_orphans(self, state: State) -> list[TableRun]:
        gone = self._attempt.orphans(state)
        swap.remove_tables(self._file, gone)
        return [TableRun(name, "removed", reason="no longer in the config") for name in gone]


def _compared(step: Step) -> tuple[str, ...]:
    """Why the keys of a table were compared that records its deleted rows."""
    return ("a deleted key that was recorded can't be read any more, so all were compared",) if step.unreadable else ()


def told_foreign(names: list[str]) -> str:
    """The warning that says what is kept of another source."""
    return f"{', '.join(names)}: the rows stay as another source had them until the table can be copied anew"


# The other file finds these out for itself, from its own watermark; to copy few rows twice beats copying a file.
_FOUND_AGAIN = ("truncated", "storage changed", "first copy")
_FEW_ROWS = 100_000


def _continues(anew: list[Step], state: State, options: Options) -> bool:
    """Whether the other file may still be brought up to date from its own watermark.

    After a table was copied anew it may not: it would be copied a second time, or keep rows that this run mended.
    """
    cheap = all(step.reason in _FOUND_AGAIN and step.table.rows <= _FEW_ROWS for step in anew)
    return bool(state.lineage) and not options.full and cheap


def next_run_id(published: State, state: State) -> str:
    """One above the newest run of both files; ids sort by age."""
    last = max(published.run_id, state.run_id)
    number = int(last.partition("-")[0]) + 1 if last else 1
    return f"{number:09d}-{secrets.token_hex(3)}"
