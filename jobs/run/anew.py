"""The tables of a run that are copied anew: each is complete, with its watermark, or not there."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from app import errors
from jobs import faults
from jobs.apply import swap
from jobs.engine.session import DuckSession
from jobs.feeds import mass_delete
from jobs.feeds.watermark import load, misfits, nulls
from jobs.history.keeper import Keeper
from jobs.history.lines import Unread
from jobs.plan.steps import FULL, Step
from jobs.record import state as ledger
from jobs.record.state import State
from jobs.results import TableRun
from jobs.run.context import Context, Options
from jobs.source import widths
from jobs.tables.commits import COMMITS

# The other file finds these out for itself, from its own watermark; to copy few rows twice beats copying a file.
_FOUND_AGAIN = ("truncated", "storage changed", "first copy")
_FEW_ROWS = 100_000


class Anew:
    """What is copied in one attempt, and in how large row groups the file is written."""

    def __init__(self, context: Context, file: DuckSession, steps: list[Step]) -> None:
        self._context, self._now, self._file = context, context.now, file
        self.steps = [step for step in steps if step.action == FULL]
        self._row_group = widths.ROW_GROUP

    def regroup(self, state: State) -> int:
        """Let row groups be small enough for the widest table that the file has or gets; returns their rows."""
        fits = widths.row_group(self._now.conn, [step.table for step in self.steps], memory=self._file.memory_limit())
        self._row_group = min(fits, state.row_group)
        if self._row_group < widths.ROW_GROUP:
            self._file.regroup(self._row_group)
        return self._row_group

    def copy(self, run_id: str, keeper: Keeper) -> dict[str, TableRun]:
        """Copy them all, and set aside those that can't be."""
        steps, now = self.steps, self._now
        if not steps:
            return {}
        # Each session holds what it has of a row group, and a block of every column.
        workers = self._context.job.load_workers if self._row_group == widths.ROW_GROUP else 1
        copied, failures = load.copy_tables(
            self._file, [step.table for step in steps], now, workers=workers, progress=self._context.progress
        )
        self._context.fail({table.name: misfits.explained(now.conn, table, error) for table, error in failures})
        now.wait_durable()
        self._context.fail(self._too_lossy([step for step in steps if step.table.name not in now.failures]))
        steps = [step for step in steps if step.table.name not in now.failures]
        return {step.table.name: self._swapped(step, copied[step.table.name], run_id, keeper) for step in steps}

    def _swapped(self, step: Step, copied: load.Copied, run_id: str, keeper: Keeper) -> TableRun:
        """Let what was copied take the table's place, with its watermark, unless all is to be one transaction."""
        began, table = time.monotonic(), step.table
        if not self._file.at_once:
            try:
                self._put_in_place(step, run_id, keeper)
            except Unread as failed:
                keeper.unreadable[failed.name] = failed.reason
                self._put_in_place(step, run_id, keeper)
        faults.point("table_loaded")
        seconds = copied.seconds + time.monotonic() - began
        notes = (*table.notes, *nulls.notes(self._context.feed, self._now, step), *keeper.notes.pop(table.name, ()))
        return TableRun(table.name, FULL, copied.rows, copied.rows, 0, seconds, step.reason, notes)

    def _put_in_place(self, step: Step, run_id: str, keeper: Keeper) -> None:
        table = step.table
        with self._file.transaction():
            if table.spec.history == COMMITS:
                # PostgreSQL is asked, in the settings that the table's rows are read in.
                self._file.join_snapshot(self._now.snapshot, self._now.spool)
            keeper.begin()
            swap.swap(self._file, table)
            keeper.replaced(table)
            ledger.write_watermarks(self._file, [self._context.saved_after(step)], run_id)
            keeper.end((), ())

    def swap(
        self, steps: list[Step], run_id: str, keeper: Keeper, loaded: Mapping[str, TableRun]
    ) -> dict[str, TableRun]:
        """Let what was copied take the tables' places, with their watermarks; in the caller's transaction.

        Returns the tables' records with what there is to say of their histories.
        """
        whole = [step for step in steps if step.table.name in loaded]
        has_history = any(step.table.spec.history for step in whole)
        if has_history:
            keeper.begin()
        for step in whole:
            swap.swap(self._file, step.table)
            keeper.replaced(step.table)
            ledger.write_watermarks(self._file, [self._context.saved_after(step)], run_id)
        if has_history:
            keeper.end((), ())
        return {step.table.name: _noted(loaded[step.table.name], keeper) for step in whole}

    def _too_lossy(self, steps: list[Step]) -> dict[str, errors.NeaptideError]:
        """The tables whose copies have lost more rows than their entries allow; the copies are dropped."""
        failures: dict[str, errors.NeaptideError] = {}
        published, options = self._context.job.files.published, self._context.options
        for step in [] if options.full or options.force_deletes else steps:
            error = mass_delete.refused_anew(self._file, step, load.loading_name(self._file, step.table), published)
            if error:
                failures[step.table.name] = error
                load.drop(self._file, step.table)
        return failures


def _noted(run: TableRun, keeper: Keeper) -> TableRun:
    return replace(run, notes=tuple(dict.fromkeys((*run.notes, *keeper.notes.pop(run.table, ())))))


def continues(anew: list[Step], state: State, options: Options) -> bool:
    """Whether the other file may still be brought up to date from its own watermark.

    After a table was copied anew it may not: it would be copied a second time, keep rows that this run mended, or lack
    rows that are kept since.
    """
    few = all(step.table.rows <= _FEW_ROWS and not step.table.deletes.keeps for step in anew)
    cheap = few and all(step.reason in _FOUND_AGAIN for step in anew)
    return bool(state.lineage) and not options.full and cheap
