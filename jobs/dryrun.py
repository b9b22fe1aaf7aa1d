"""What a run would do: rows, deletes, schema changes and the verdict on each column. Writes nothing."""

from __future__ import annotations

from psycopg import sql

from jobs import apply, catalogue, moment, plan, probe, recovery, watermark
from jobs.catalogue import Table
from jobs.deadline import Deadline
from jobs.job import Job
from jobs.moment import Moment
from jobs.plan import DELTA, Step
from jobs.results import ColumnVerdict, DryRun, TablePlan


def dry_run(job: Job, wanted: tuple[str, ...] = ()) -> DryRun:
    """Count, in one snapshot, what the next run would read. A table that lacks tracking says so instead."""
    state = recovery.peek(job)
    limit = Deadline(job.settings.sync.deadline, job.source)
    with limit, moment.moment(job, wanted, limit) as now:
        plan.check_identity(state, now.identity, now.snapshot)
        steps = plan.steps(now.tables, state, now.snapshot)
        tables = tuple(_plan(step, now) for step in steps)
        return DryRun(now.snapshot.as_of, tables, tuple(now.warnings))


def _plan(step: Step, now: Moment) -> TablePlan:
    table = step.table
    lack = catalogue.untracked(table)
    rows = _count(now, table, _changed(step, now))
    deletes = 0 if lack else _deletes(step, now)
    return TablePlan(table.name, step.action, step.reason, rows, deletes, verdicts(table), lack)


def verdicts(table: Table) -> tuple[ColumnVerdict, ...]:
    """What becomes of each column."""
    return tuple(
        ColumnVerdict(column.name, info.type_name, column.duckdb_type, column.lossless, column.note)
        for info, column in zip(table.infos, table.columns, strict=True)
    )


def _changed(step: Step, now: Moment) -> str:
    if step.action != DELTA or step.table.stamp is None:
        return apply.soft_filter(step.table) or "true"
    return watermark.changed_rows(step.table.stamp, step.mark, now.snapshot).as_string(None)


def _count(now: Moment, table: Table, where: str) -> int:
    row = now.conn.execute(f"SELECT count(*) AS n FROM {table.quoted} WHERE {where}".encode()).fetchone()
    assert row is not None
    return int(row["n"])


def _deletes(step: Step, now: Moment) -> int:
    if step.action != DELTA or step.table.spec.deletes != "tombstone":
        return 0
    query = sql.SQL("SELECT count(DISTINCT key) AS n FROM neaptide.tombstone WHERE {}").format(
        probe.tombstones_since(step.table, step.mark)
    )
    row = now.conn.execute(query).fetchone()
    assert row is not None
    return int(row["n"])
