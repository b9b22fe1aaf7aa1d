"""Compares the reporting file with the source at one snapshot, and mends what differs if asked to."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from app import errors
from jobs.apply import swap
from jobs.engine import rows
from jobs.engine.deadline import Deadline
from jobs.engine.failures import Damaged
from jobs.engine.session import DuckSession
from jobs.hooks import calls
from jobs.job import Job
from jobs.models.folder import Folder
from jobs.plan import steps as plan
from jobs.plan.steps import Step
from jobs.record import runs
from jobs.record import state as ledger
from jobs.record.state import State
from jobs.results import Progress, Run, Silent, TableRun
from jobs.run import prepared, reading, recording, sync
from jobs.run.context import Options, diagnosed, saved
from jobs.run.phases import Phases
from jobs.source import states, widths
from jobs.source.session import SourceSession
from jobs.targets import targets
from jobs.targets.file import freshness, strangers, work
from jobs.targets.file.publish import Publisher
from jobs.verify import histories, models, several
from jobs.verify.attempts import NothingMended, setting_aside
from jobs.verify.compare import Comparison
from jobs.verify.results import TableCheck, Verification
from jobs.verify.scope import Scope


def verify(
    job: Job,
    *,
    tables: list[str] | None = None,
    repair: bool = False,
    sample: float | None = None,
    limit: int = 20,
    progress: Progress | None = None,
) -> Verification:
    """Bring the published file up to one snapshot and compare it there with the source, row by row.

    Being behind is no difference, so what changed since the last run is applied first, onto a copy of the very file
    that is published, and the result is published too. A file made from another source is compared as it is.
    With `repair`, what differs is mended, recorded and published. Raises `errors.*`.
    """
    if sample is not None and not 0 < sample <= 1:
        raise errors.UsageError(f"the sample is a share above 0 and up to 1, not {sample}")
    if sample is not None and repair:
        raise errors.UsageError("a sample can't be repaired: leave one of --sample and --repair out")
    scope = Scope(tuple(tables or ()), sample, limit, repair)
    with targets.of(job).locked():
        if not job.parts:
            prepared.recover(job)
        targets.of(job).clean()
        shown = progress or Silent()
        verification = several.each(job, scope, lambda one, own: sync.steadied(lambda: _verify(one, own, shown)))
    warnings = calls.call(job.settings, scope.published) if scope.published else []
    return replace(verification, warnings=(*verification.warnings, *warnings))


def _verify(job: Job, scope: Scope, progress: Progress) -> Verification:
    warnings = targets.of(job).keep_off()
    path = job.files.published
    if targets.of(job).version() is None:
        raise errors.NoReportingFile(f"{job.files.link} does not exist", hint="run `neaptide sync` first")
    if path is not None and strangers.is_altered(job, path):
        return _verify_altered(job, scope, path, warnings, progress)
    seen = targets.of(job).look()
    with reading.opened(job, scope.tables, (*warnings, *seen.warnings)) as (now, deadline):
        scope = replace(scope, same_source=_catch_up(job, scope, now, seen.state, deadline))
        try:
            checks = _checked(job, scope, now, deadline, progress)
        except Damaged as error:
            checks = _built_anew(job, scope, now, deadline, progress, error)
        now.warnings.extend(
            [] if scope.same_source else ["the file was made from another source and compared as it was"]
        )
        return _result(scope, now, checks)


def _verify_altered(job: Job, scope: Scope, path: Path, warnings: list[str], progress: Progress) -> Verification:
    """Compare what readers see: nothing is brought up to date that another program wrote to, and nothing of it kept."""
    if scope.repair and scope.sample is not None:
        raise errors.TargetUnusable(strangers.told_of(path), hint="run `neaptide verify --repair` without a sample")
    with reading.opened(job, scope.tables) as (now, deadline):
        done = f"it was set aside as {Publisher(job.files).set_aside()}" if scope.repair else "it was compared as it is"
        now.warnings.extend((*warnings, f"{strangers.told_of(path)}; {done}"))
        try:
            checks = _checked(job, scope, now, deadline, progress, altered=True)
        except Damaged as error:
            checks = _built_anew(job, scope, now, deadline, progress, error)
        return _result(scope, now, checks)


def _result(scope: Scope, now: SourceSession, checks: list[TableCheck]) -> Verification:
    return Verification(
        now.snapshot.as_of, now.snapshot.text, tuple(checks), scope.repair, scope.sample is not None,
        tuple(dict.fromkeys(now.warnings)), tuple(scope.models),
    )  # fmt: skip


def _catch_up(job: Job, scope: Scope, now: SourceSession, published: State, deadline: Deadline) -> bool:
    """Apply what changed since the last run; False where the file is of another source, and was left alone."""
    try:
        plan.check_identity(published, now.identity, now.snapshot)
    except errors.SourceChanged as error:
        if scope.repair and scope.tables:
            # The file has one identity: it can't be of this source for some tables and of another for the rest.
            raise errors.SourceChanged(error.message, hint="run `neaptide verify --repair` for all tables") from None
        now.set_aside(plan.swapped(now.tables, published))
        return False
    scope.note(sync.run_in(job, Options(scope.tables, heal=scope.repair), now, published, deadline))
    return True


def _checked(
    job: Job, scope: Scope, now: SourceSession, deadline: Deadline, progress: Progress, *, altered: bool = False
) -> list[TableCheck]:
    if scope.repair:
        checks = _mended(job, scope, now, deadline, progress, altered=altered)
    else:
        checks = _compared(job, scope, now, deadline, progress)
    return checks + [TableCheck(name, 0, 0, error=error) for name, error in now.reasons().items()]


def _built_anew(
    job: Job, scope: Scope, now: SourceSession, deadline: Deadline, progress: Progress, error: Damaged
) -> list[TableCheck]:
    """A part of the file that only a comparison reads is damaged: nothing in it can be mended, so all is copied anew.

    Raises `Damaged` where that was not asked for, or only for some of the tables.
    """
    if not scope.repair or scope.tables:
        raise error
    given_up = work.given_up(job)
    now.warnings.append(targets.of(job).set_aside(error))
    scope.note(sync.run_in(job, Options(), now, given_up, deadline))
    return _compared(job, scope, now, deadline, progress)


def _compared(job: Job, scope: Scope, now: SourceSession, deadline: Deadline, progress: Progress) -> list[TableCheck]:
    with targets.of(job).reading() as file:
        file.refuse_views()
        reading.attach(job, file, now, deadline)
        if job.sessions is None and now.spool is None:
            file.close_off()
        checks: dict[str, TableCheck] = {}
        while len(checks) < len(now.tables):
            with setting_aside(now), file.transaction():
                file.join_snapshot(now.snapshot, now.spool)
                for step in plan.steps(now.tables, ledger.read(file, source=job.part), now.snapshot):
                    if step.table.name not in checks:
                        checks[step.table.name] = _check(file, step, scope, now, progress)
        scope.models[:] = models.compare(file, Folder.of(job.settings), scope.tables)
        checks |= {check.table: check for check in histories.compare(file, now.tables)}
    states.check(job, now.conn, now.tables)
    return list(checks.values())


def _mended(
    job: Job, scope: Scope, now: SourceSession, deadline: Deadline, progress: Progress, *, altered: bool
) -> list[TableCheck]:
    """Compare a copy of the published file, mend it, and publish it if there was anything to mend."""
    began, phases = datetime.now(UTC), Phases()
    published = work.given_up(job) if altered else targets.of(job).peek()
    past, warnings = targets.of(job).past(anew=altered)
    now.warnings.extend(warnings)
    with targets.of(job).mending(anew=altered) as file:
        if altered:
            published = _salvaged(job, scope, file, now, published)
        elif published.row_group < widths.ROW_GROUP:
            file.regroup(published.row_group)
        reading.attach(job, file, now, deadline)
        run: Run | None = None
        has_models, tried = models.any_in(Folder.of(job.settings), published), dict[str, str]()
        while run is None:
            with phases.phase("compare"), setting_aside(now, tried), file.transaction():
                file.begin_writing()
                checks, done = _mended_at_once(job, file, scope, now, progress, published, began, past)
                states.check(job, now.conn, now.tables)
                if has_models and not file.private:
                    scope.models[:] = models.mend(file, Folder.of(job.settings), done.run_id, scope.tables, tried)
                run = done
                if not file.private and scope.finds_all_equal(checks):
                    raise NothingMended
                file.check_writer()
        if has_models and file.private:
            with phases.phase("models"):
                scope.models[:] = models.mend(file, Folder.of(job.settings), run.run_id, scope.tables)
        with phases.phase("checkpoint"):
            file.checkpoint()
    if scope.finds_all_equal(checks) and not altered:
        targets.of(job).drop()
        return checks
    with phases.phase("publish"):
        lost = targets.of(job).publish()
    now.warnings.extend([lost] if lost else [])
    run = replace(run, phases=phases.seconds(), finished_at=datetime.now(UTC))
    others = freshness.beside(published, job.part, job.names) if job.whole else None
    freshness.write(job.files, run.run_id, run.as_of, now.clocks, ended=freshness.end_of(run), others=others)
    scope.note(run)
    return checks


def _mended_at_once(
    job: Job,
    file: DuckSession,
    scope: Scope,
    now: SourceSession,
    progress: Progress,
    published: State,
    began: datetime,
    past: Path | None,
) -> tuple[list[TableCheck], Run]:
    """Compare and mend, and write down what was found; in the caller's transaction."""
    file.join_snapshot(now.snapshot, now.spool)
    state = ledger.read(file, source=job.part)
    steps = plan.steps(now.tables, state, now.snapshot)
    checks = [_check(file, step, scope, now, progress) for step in steps]
    gone = [] if scope.tables else sorted(state.tables.keys() - now.known())
    swap.remove_tables(file, gone)
    if not scope.same_source:
        _disown(file, state, now, steps)
    histories.mend(file, now, [step.table for step in steps], checks, past)
    run = _record(job, file, now, steps, checks, published, began)
    histories.catch_up(file, [step.table for step in steps], gone)
    return checks, run


def _disown(file: DuckSession, state: State, now: SourceSession, steps: list[Step]) -> None:
    """The file becomes one of this source; of the tables that can't be compared now, the rows are still the other's."""
    left = sorted((state.tables.keys() & now.known()) - {step.table.name for step in steps})
    ledger.disown(file, left)
    if left:
        now.warnings.append(recording.told_foreign(left))


def _salvaged(job: Job, scope: Scope, file: DuckSession, now: SourceSession, published: State) -> State:
    """Have the rows of the published file, which was altered, in the new one, as if they had been read now."""
    fits = widths.row_group(now.conn, now.tables, memory=file.memory_limit())
    if fits < widths.ROW_GROUP:
        file.regroup(fits)
    path = job.files.published
    assert path is not None
    names = strangers.salvage(file, path, now.tables, None if scope.tables or job.whole else now.known())
    if names:
        now.warnings.append(f"{', '.join(names)}: the rows stay as they were found until the table is copied anew")
    watermarks = [saved(table, now.next_watermark(None), now) for table in now.tables]
    ledger.write_watermarks(file, watermarks, published.run_id)
    return replace(published, row_group=fits)


def _check(file: DuckSession, step: Step, scope: Scope, now: SourceSession, progress: Progress) -> TableCheck:
    """Compare one table, and mend it if asked to. Raises `TableFailed` for an error of its own."""
    began = time.monotonic()
    table = step.table
    progress.start(table.name, table.rows)
    changed = _shape_differs(file, step)
    if changed and not scope.repair:
        return TableCheck(table.name, table.rows, 0, error=changed, seconds=time.monotonic() - began)
    with diagnosed(now, table):
        if changed:
            rows.create_table(file, table)
        comparison = Comparison(file, table, limit=scope.limit, sample=scope.sample)
        check = comparison.run()
        repaired = comparison.mend() if scope.repair and not check.equal else 0
        comparison.drop()
    progress.advance(table.name, check.rows_source)
    progress.finish(table.name)
    return TableCheck(
        table.name, check.rows_source, check.rows_file, check.missing, check.extra, check.different, check.differences,
        repaired, time.monotonic() - began,
    )  # fmt: skip


def _shape_differs(file: DuckSession, step: Step) -> str | None:
    """Why the table can't be compared column by column, or None."""
    if step.table.target not in file.copied_tables():
        return "the file has no such table"
    if step.saved and step.saved.foreign:
        return plan.FOREIGN
    columns = step.saved.signature.get("columns") if step.saved else None
    return None if columns == step.table.signature["columns"] else "its columns changed since it was copied"


def _record(
    job: Job,
    file: DuckSession,
    now: SourceSession,
    steps: list[Step],
    checks: list[TableCheck],
    published: State,
    began: datetime,
) -> Run:
    """Write identity, watermarks and the run's record: after mending, the file is a copy at this snapshot."""
    run_id = recording.next_run_id(published, published)
    now.wait_durable()
    ledger.write_identity(file, now.identity, now.snapshot, secrets.token_hex(8), published.row_group, job.part)
    for step in steps:
        # What the log tells from there on is more than is needed, and all of it.
        after = replace(now.next_watermark(None), log=step.saved.watermark.log if step.saved else "")
        ledger.write_watermarks(file, [saved(step.table, after, now)], run_id)
    tables = tuple(
        TableRun(check.table, "repaired", rows_in=check.missing + check.different, rows_out=check.extra)
        for check in checks
        if not check.equal
    ) + tuple(TableRun(name, "failed", error=error) for name, error in now.reasons().items())
    as_of = ledger.as_of(file, job.part) or now.snapshot.as_of
    run = Run(
        run_id, "repair", began, datetime.now(UTC), as_of, now.snapshot.text, True, tables,
        warnings=tuple(now.warnings),
    )  # fmt: skip
    keep = job.settings.sync.keep_runs
    clock = now.clocks | ({"source": job.part} if job.part else {})
    runs.write(file, [runs.of(run, clock)], keep=keep)
    return run
