"""What a run would do: rows, deletes, schema changes and the verdict on each column. Writes nothing."""

from __future__ import annotations

from dataclasses import replace

from app import errors
from jobs.apply.merge import Merge
from jobs.engine.deadline import Deadline
from jobs.engine.session import DuckSession
from jobs.feeds import changes, feed
from jobs.feeds.changes import Into
from jobs.feeds.watermark import misfits
from jobs.feeds.watermark.feed import WatermarkFeed
from jobs.job import Job
from jobs.models import foresight
from jobs.models.folder import Folder
from jobs.plan import sources
from jobs.plan import steps as plan
from jobs.plan.steps import DELTA, FAILED, FULL, WHOLE, Step
from jobs.record.state import State
from jobs.results import ColumnVerdict, DryRun, ModelPlan, TablePlan
from jobs.run import reading, several, trial
from jobs.source.session import SourceSession
from jobs.tables.table import Table
from jobs.targets import targets

_FEED = WatermarkFeed()


def dry_run(job: Job, wanted: tuple[str, ...] = ()) -> DryRun:
    """Count, in one snapshot, what the next run would do to the published file.

    What changed is read as a run reads it, into memory. A table that lacks tracking, or can't be read, says so instead;
    what would stop all of a run is raised.
    """
    if job.parts:
        return _of_each(job, wanted)
    state = targets.of(job).peek()
    with reading.opened(job, wanted) as (now, limit):
        plan.check_identity(state, now.identity, now.snapshot)
        refused = plan.refused(now.tables, state, default=job.settings.sync.on_schema_change)
        now.failures |= refused
        now.set_aside(trial.of_rights(job, now, limit))
        _check_log(job, now)
        tables = _plans(job, now, [_unread(one) for one in plan.steps(now.tables, state, now.snapshot)], limit)
        there = {table.table for table in tables}
        tables += [
            TablePlan(name, FAILED, "", 0, 0, error=why) for name, why in now.reasons().items() if name not in there
        ]
        tables += [TablePlan(name, "paused", "", 0, 0) for name in now.paused()]
        return DryRun(now.snapshot.as_of, tuple(tables), tuple(now.warnings), _models(job, state, tables))


def _of_each(job: Job, wanted: tuple[str, ...]) -> DryRun:
    """What runs of several sources would do, each in its own snapshot; raises the first error if none can be read."""
    runs: list[DryRun] = []
    failed: list[TablePlan] = []
    failures: list[errors.NeaptideError] = []
    for part, tables in sources.meant(job, wanted):
        try:
            runs.append(dry_run(part, tables))
        except errors.NeaptideError as error:
            failures.append(part.named(error))
            names = tables or several.untouched(part, targets.of(part).peek())
            failed += [TablePlan(name, FAILED, "", 0, 0, error=several.line(failures[-1])) for name in names]
    if not runs:
        raise failures[0]
    return DryRun(
        min(one.as_of for one in runs),
        (*(table for one in runs for table in one.tables), *failed),
        tuple(dict.fromkeys(warning for one in runs for warning in one.warnings)),
        tuple({model.model: model for one in runs for model in one.models}.values()),
    )


def _models(job: Job, state: State, tables: list[TablePlan]) -> tuple[ModelPlan, ...]:
    folder = Folder.of(job.settings)
    if targets.of(job).version() is None:
        good = [ModelPlan(name, "build", "first build") for name in folder.models]
        return (*good, *(ModelPlan(name, "failed", error=error.message) for name, error in folder.bad.items()))
    if not (folder.models or folder.bad or state.models.by_name):
        return ()
    anew = {table.table for table in tables if table.action == FULL}
    moved = {table.table for table in tables if table.rows or table.deletes} - anew
    with targets.of(job).reading() as file:
        return tuple(foresight.plans(file, folder, moved, anew))


def _check_log(job: Job, now: SourceSession) -> None:
    if any(table.mode.from_log for table in now.tables):
        from jobs.feeds.wal import opening

        try:
            opening.check(job, now)
        except errors.NotTracked as error:
            now.set_aside({table.name: error for table in now.tables if table.mode.from_log})


def _unread(step: Step) -> Step:
    """The step without the log, which only the one run at a time may read: the table is compared whole."""
    return replace(step, action=WHOLE) if step.action == DELTA and step.table.mode.from_log else step


def _plans(job: Job, now: SourceSession, steps: list[Step], limit: Deadline) -> list[TablePlan]:
    lacks = {step.table.name: now.reasons().get(step.table.name) or step.table.lack for step in steps}
    ready = [step for step in steps if not lacks[step.table.name]]
    by_name = {step.table.name: step for step in feed.with_news(_FEED, ready, now)}
    steps = [by_name.get(step.table.name, step) for step in steps]
    counts = _changes(job, now, [step for step in by_name.values() if step.action != FULL and step.news], limit)
    return [_plan(step, now, lacks[step.table.name], counts) for step in steps]


def _plan(step: Step, now: SourceSession, lack: str | None, counts: dict[str, TablePlan]) -> TablePlan:
    table = step.table
    counted = counts.get(table.name)
    if counted is not None:
        return replace(counted, columns=verdicts(table))
    rows, bad = _count(now, table, _FEED.rows_of(step, now)) if step.news else (0, 0)
    error = misfits.lossy(now.conn, table) if bad and not lack else None
    return TablePlan(
        table.name,
        step.action,
        step.reason,
        rows,
        0,
        verdicts(table),
        f"{error.message} ({error.hint})" if error else lack,
    )


def _changes(job: Job, now: SourceSession, steps: list[Step], limit: Deadline) -> dict[str, TablePlan]:
    """What would go in and out of tables that are not copied anew, or why one would fail."""
    if not steps or targets.of(job).version() is None:
        return {}
    with targets.of(job).reading() as file:
        reading.attach(job, file, now, limit)
        return {step.table.name: _change(file, step, place, now) for place, step in enumerate(steps)}


def _change(file: DuckSession, step: Step, place: int, now: SourceSession) -> TablePlan:
    name = step.table.name
    try:
        with file.transaction():
            file.join_snapshot(now.snapshot, now.spool)
            label = f"dry_{place}"
            gathered = _FEED.gather(Into(file, label), step, now)
            merge = Merge(file, step.table, gathered, label)
            rows, deletes = (0, 0) if merge.is_empty() else merge.counts()
            merge.drop()
            changes.drop(file, gathered)
    except feed.UnreadableKeys:
        return _change(file, replace(step, unreadable=True), place, now)
    except errors.NeaptideError as error:
        if not misfits.is_of_a_table(error):
            raise
        better = misfits.explained(now.conn, step.table, error)
        return TablePlan(name, step.action, step.reason, 0, 0, error=better.message)
    return TablePlan(name, step.action, step.reason, rows, deletes)


def verdicts(table: Table) -> tuple[ColumnVerdict, ...]:
    """What becomes of each column."""
    return tuple(
        ColumnVerdict(column.name, info.type_name, column.duckdb_type, column.lossless, column.note)
        for info, column in zip(table.copied, table.columns, strict=True)
    )


def _count(now: SourceSession, table: Table, where: str) -> tuple[int, int]:
    """The rows to be copied, and those that would make the table fail."""
    bad = " OR ".join(plan.lossy_sql for plan in table.columns if plan.rule == "fail" and plan.lossy_sql) or "false"
    query = f"SELECT count(*) AS n, count(*) FILTER (WHERE {bad}) AS bad FROM {table.rows_from} WHERE {where}"
    row = now.conn.execute(query.encode()).fetchone()
    assert row is not None
    return int(row["n"]), int(row["bad"])
