"""Brings the work file up to the snapshot: tables that are copied anew, then all the rest in one transaction."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path

from jobs import faults
from jobs.apply import swap
from jobs.engine.failures import Damaged
from jobs.engine.session import DuckSession
from jobs.feeds import feed
from jobs.feeds.both import Feeds
from jobs.feeds.feed import PURGED, UNCOVERED, UnreadableKeys
from jobs.feeds.wal.told import Told
from jobs.history.histories import Log
from jobs.history.keeper import Keeper
from jobs.models.build import Builder
from jobs.models.upkeep import Plan, Upkeep
from jobs.plan.steps import FULL, Step
from jobs.record import state as ledger
from jobs.record.state import State
from jobs.results import ModelRun, Run, TableRun
from jobs.run import anew, carry, mended, planning, projecting
from jobs.run.anew import Anew
from jobs.run.context import Context, NeedsSync, TableFailed, diagnosed
from jobs.run.deltas import Deltas, Ready
from jobs.run.extra_rows import ExtraRows
from jobs.run.given_up import GIVEN_UP, GivenUp
from jobs.run.mended import Mended
from jobs.run.recording import Recording
from jobs.source import states
from jobs.tables.table import Table
from jobs.targets.file import compact


class Writer:
    """What one attempt does to its work file, found in this state.

    `earlier` is the file whose record of runs is taken over, `past` the one whose histories are.
    """

    def __init__(
        self, context: Context, file: DuckSession, state: State, earlier: Path | None, past: Path | None
    ) -> None:
        self._context, self._now, self._file, self._state = context, context.now, file, state
        self._extra_rows = ExtraRows(file, state, context.published, context.job.files.published)
        self._carried = carry.leading(file, state, context.published)
        self._mended = Mended(file, state, context.published, context.job.files.published)
        self._record = Recording(context, file, state, self._carried, earlier)
        self._keeper = _keeper(context, file, self._record.run_id, past, _log(context, state))
        self._loaded: dict[str, TableRun] = {}
        self._given_up = GivenUp(histories=self._keeper.unreadable)
        self._models: Plan | None = None
        self._whole: Anew
        self._continues = False

    def run(self) -> Run:
        """First the tables that are copied anew, each committed with its watermark; then all the rest at once."""
        self._carried = self._extra_rows.added(self._carried, self._now.tables, self._record.run_id.rpartition("-")[2])
        ahead = self._carried.ahead(self._state, self._context.published)
        steps = feed.with_news(self._context.feed, planning.steps(self._context, ahead), self._now, self._context.news)
        _check_covered(self._context, steps)
        self._mended.check(steps)
        if self._context.prepare is not None and any(step.action == FULL for step in steps):
            raise NeedsSync
        self._begin(steps)
        with self._context.phases.phase("load"):
            self._loaded = self._whole.copy(self._record.run_id, self._keeper)
        while True:
            steps = [step for step in steps if step.table.name not in self._now.failures]
            self._mended.check(steps)
            try:
                return self._transact(steps)
            except TableFailed as failed:
                # What the transaction did so far is gone; the others' share of it is done again.
                self._context.fail({failed.table: failed.error})
            except GIVEN_UP as failed:
                self._given_up.add(failed)
            except UnreadableKeys as error:
                steps = [replace(step, unreadable=step.unreadable or step.table.name == error.table) for step in steps]

    def build_models(self) -> list[ModelRun]:
        """Build the models anew that were not kept. PostgreSQL is not needed for it.

        Where readers see each commit it is part of the run's one transaction, and done by now.
        """
        return self._built_models() if self._file.private else []

    def _built_models(self) -> list[ModelRun]:
        if self._models is None or all(one.is_current for one in self._models.standings):
            return []
        with self._context.phases.phase("models"):
            return Builder(self._file, self._models, self._given_up.unbuilt).run()

    def _begin(self, steps: list[Step]) -> None:
        """Let the file say what it is, and be ready for the tables that are copied anew."""
        file, state, record = self._file, self._state, self._record
        self._whole = whole = Anew(self._context, file, steps)
        record.row_group = whole.regroup(state)
        if not state.lineage and file.private:
            # At once: each statement would be synced to the disk by itself.
            with file.transaction():
                ledger.create_schema(file)
        self._continues = anew.continues(whole.steps, state, self._context.options)
        record.lineage = _lineage(self._context, self._mended.follows or state.lineage, self._continues)
        if whole.steps and not file.at_once:
            # A load that is cut short is found by this to be of the same source, and goes on.
            record.write_identity()

    def _transact(self, steps: list[Step]) -> Run:
        """Rows, watermarks and the run's record in one transaction."""
        file, phases = self._file, self._context.phases
        deltas = Deltas(self._context, file, self._record.run_id, self._carried, self._state.begun, self._mended)
        with file.transaction(committing=phases.phase("checkpoint")):
            with phases.phase("apply"):
                file.begin_writing()
                run = self._applied(steps, deltas)
            if not file.private:
                run = replace(run, models=(*run.models, *self._built_models()))
            file.write_through(merge=compact.merges(run))
            file.check_writer()
            self._context.hand_over(self._record.run_id)
            faults.point("before_commit")
        faults.point("after_commit")
        self._extra_rows.drop()
        self._context.ranges.drop(file)
        self._record.hand_on(deltas.to_carry)
        return run

    def _applied(self, steps: list[Step], deltas: Deltas) -> Run:
        file, now, context, record = self._file, self._now, self._context, self._record
        file.join_snapshot(now.snapshot, now.spool)
        faults.point("snapshot_joined")
        if file.at_once:
            ledger.create_schema(file)
            self._loaded |= self._whole.swap(steps, record.run_id, self._keeper, self._loaded)
        upkeep = Upkeep(file, context.models, record.run_id, self._given_up.models)
        upkeep.begin()
        self._keeper.begin()
        done = self._brought_up(steps, deltas, upkeep)
        mended.record(file, context.published, deltas.lacked if self._continues else {})
        record.write_identity()
        record.write_watermarks([step for step in steps if step.table.name not in self._loaded])
        done += _removed(file, context.orphans(self._state))
        taken_over = record.keep_last()
        self._keep_histories(steps, taken_over)
        upkeep.after(*_replaced(done, taken_over))
        self._models = upkeep.plan
        projecting.project(context, file, self._state, self._given_up.projections)
        context.held = ledger.as_of(file, context.job.part)
        run = context.result(record.run_id, (*done, *context.failed()), changed=True)
        run = replace(run, models=tuple(upkeep.plan.runs))
        record.write_record(run)
        states.check(context.job, now.conn, now.tables)
        now.wait_durable()
        return run

    def _brought_up(self, steps: list[Step], deltas: Deltas, upkeep: Upkeep) -> list[TableRun]:
        """The record of each table; all are gathered before any is applied, and so is what models have to know."""
        pending = [(step, place) for place, step in enumerate(steps) if step.table.name not in self._loaded]
        gathered = [deltas.gather(step, place) for step, place in pending]
        ready = [deltas.ready(one, compared=self._is_compared(one.step.table, upkeep)) for one in gathered]
        upkeep.before({one.name: deltas.witnessed(one) for one in ready if one.merge and upkeep.reads(one.name)})
        done = self._loaded | {one.name: self._apply(one, deltas) for one in ready}
        return [done[step.table.name] for step in steps]

    def _is_compared(self, table: Table, upkeep: Upkeep) -> bool:
        """Whether a row that is equal to what the file has must not pass for a changed one."""
        return upkeep.reads(table.name) or self._keeper.needs_comparison(table)

    def _apply(self, ready: Ready, deltas: Deltas) -> TableRun:
        """One table's changes, and what they are to its history."""
        table = ready.gathered.step.table
        with diagnosed(self._now, table):
            self._keeper.before(table, ready.merge, ready.gathered.changes, ready.gathered.key_table)
            done = deltas.apply(ready)
            self._keeper.after(table)
        return replace(done, notes=(*done.notes, *self._keeper.notes.pop(table.name, ())))

    def _keep_histories(self, steps: list[Step], taken_over: list[str]) -> None:
        """Of tables that nothing was read of, and of those that are no longer to have one."""
        self._keeper.took_over(taken_over)
        self._keeper.hold(self._now.failures)
        tables = [step.table for step in steps]
        self._now.warnings.extend(self._keeper.end(tables, self._context.orphans(self._state)))


def _removed(file: DuckSession, gone: list[str]) -> list[TableRun]:
    swap.remove_tables(file, gone)
    return [TableRun(name, "removed", reason="no longer in the config") for name in gone]


def _log(context: Context, state: State) -> Log:
    """What was committed to a table since the published file's rows, or those of the file found in this state."""

    def told(table: Table, published: bool) -> Told | None:
        saved = (context.published if published else state).tables.get(table.name)
        if saved is None or not isinstance(context.feed, Feeds) or context.options.full:
            return None
        return context.feed.commits(table, saved.watermark, context.now)

    return told


def _lineage(context: Context, before: str, continues: bool) -> str:
    """The lineage of the file that is written, another one where no file may be gone on from beside it.

    No watermark knows of a range: who doesn't know of it either must not take the other file for as good.
    """
    return before if continues and not context.options.ranges else secrets.token_hex(8)


def _check_covered(context: Context, steps: list[Step]) -> None:
    """Raise `Damaged` where the published file can be brought up to date, and this one lies too far behind."""
    behind = {step.table.name for step in steps if step.reason in (UNCOVERED, PURGED)}
    if behind:
        followed = {s.table.name for s in planning.steps(context, context.published) if s.action != FULL}
        if behind & followed:
            raise Damaged("the spare file lies too far behind")


def _keeper(context: Context, file: DuckSession, run_id: str, past: Path | None, log: Log) -> Keeper:
    """What keeps the histories."""
    wanted = any(table.spec.history for table in context.now.tables) or context.published.history
    retention = context.job.settings.sync.history_retention
    label, ranged = f"h{run_id.rpartition('-')[2]}", frozenset(context.options.ranges)
    return Keeper(file, context.now.snapshot.as_of, label, past if wanted else None, retention, ranged=ranged, log=log)


def _replaced(done: list[TableRun], taken_over: list[str]) -> tuple[set[str], set[str]]:
    """The tables that this run wrote to, and those of which nobody knows what changed."""
    removed = {one.table for one in done if one.action == "removed"}
    return {one.table for one in done if one.action != "none"}, {*removed, *taken_over}
