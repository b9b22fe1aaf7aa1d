"""What a run would do: rows, deletes, schema changes and the verdict on each column. Writes nothing."""

from __future__ import annotations

from psycopg import sql

from jobs import catalogue, filters, moment, plan, probe, recovery, watermark
from jobs.catalogue import Table
from jobs.deadline import Deadline
from jobs.job import Job
from jobs.moment import Moment
from jobs.plan import DELTA, FAILED, Step
from jobs.results import ColumnVerdict, DryRun, TablePlan


def dry_run(job: Job, wanted: tuple[str, ...] = ()) -> DryRun:
    """Count, in one snapshot, what the next run would read. A table that lacks tracking says so instead."""
    state = recovery.peek(job)
    limit = Deadline(job.settings.sync.deadline, job.source)
    with limit, moment.moment(job, wanted, limit) as now:
        plan.check_identity(state, now.identity, now.snapshot)
        refused = plan.refused(now.tables, state, default=job.settings.sync.on_schema_change)
        now.failures |= refused
        tables = [_plan(step, now) for step in plan.steps(now.tables, state, now.snapshot)]
        there = {table.table for table in tables}
        tables += [
            TablePlan(name, FAILED, "", 0, 0, error=why) for name, why in now.told().items() if name not in there
        ]
        return DryRun(now.snapshot.as_of, tuple(tables), tuple(now.warnings))


def _plan(step: Step, now: Moment) -> TablePlan:
    table = step.table
    lack = now.told().get(table.name) or catalogue.untracked(table)
    rows = _count(now, table, probe.rows_of(step, now.snapshot))
    deletes = 0 if lack else _deletes(step, now)
    return TablePlan(table.name, step.action, step.reason, rows, deletes, verdicts(table), lack)


def verdicts(table: Table) -> tuple[ColumnVerdict, ...]:
    """What becomes of each column."""
    return tuple(
        ColumnVerdict(column.name, info.type_name, column.duckdb_type, column.lossless, column.note)
        for info, column in zip(table.copied, table.columns, strict=True)
    )


def _count(now: Moment, table: Table, where: str) -> int:
    row = now.conn.execute(f"SELECT count(*) AS n FROM {table.quoted} WHERE {where}".encode()).fetchone()
    assert row is not None
    return int(row["n"])


def _deletes(step: Step, now: Moment) -> int:
    """Keys to be deleted, and rows that were changed so that they don't belong in the file any more."""
    if step.action != DELTA or step.table.stamp is None:
        return 0
    left, since = filters.left(step.table), watermark.changed_rows(step.table.stamp, step.mark, now.snapshot)
    leaving = _count(now, step.table, filters.both(since.as_string(None), left)) if left else 0
    return leaving + (_tombstones(step, now) if step.table.spec.deletes == "tombstone" else 0)


def _tombstones(step: Step, now: Moment) -> int:
    query = sql.SQL("SELECT count(DISTINCT key) AS n FROM neaptide.tombstone WHERE {}").format(
        probe.tombstones_since(step.table, step.mark)
    )
    row = now.conn.execute(query).fetchone()
    assert row is not None
    return int(row["n"])
