"""One run: gather, plan, apply, publish. A plain callable with its own lock; schedulers only call it."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app import errors
from jobs import (
    apply,
    catalogue,
    clock,
    compact,
    faults,
    files,
    freshness,
    ledger,
    load,
    nulls,
    plan,
    probe,
    quoting,
    recovery,
    target,
    tombstones,
)
from jobs.apply import Counts, Delta
from jobs.catalogue import Table
from jobs.deadline import Deadline
from jobs.duckdb_errors import Damaged
from jobs.job import Job
from jobs.ledger import Saved, State
from jobs.moment import Moment, moment
from jobs.plan import DELTA, FULL, Step
from jobs.recovery import Way
from jobs.results import Progress, Run, Silent, TableRun
from jobs.target import Target


@dataclass(frozen=True)
class Options:
    """What the caller of a run asked for."""

    tables: tuple[str, ...] = ()
    full: bool = False
    force_deletes: bool = False
    onto_published: bool = False
    heal: bool = True


def sync_once(
    job: Job,
    *,
    tables: list[str] | None = None,
    full: bool = False,
    wait: bool = True,
    timeout: float | None = None,
    progress: Progress | None = None,
    force_deletes: bool = False,
    since: dict[str, Any] | None = None,
    within: float | None = None,
) -> Run:
    """Bring the reporting file up to one snapshot of the source, and publish it if anything changed.

    `tables` limits the run to some of the config's; the others keep their earlier moment, and `as_of` is the oldest.
    `timeout` bounds the wait for the lock, `within` all of it. With `since`, a `clock.mark()`, a run of somebody else
    will do that began at or after it: one run serves all who wait. Raises `errors.*`; then the published file is as
    it was, and the next run goes on from it.
    """
    options = Options(tuple(tables or ()), full, force_deletes)
    began = time.monotonic()
    with files.locked(job.files, wait=wait, timeout=timeout if within is None else within):
        if since is not None and (served := _served(job, since)):
            return served
        if within is not None:
            job = _bounded(job, within - (time.monotonic() - began))
        job.files.clean()
        run = _run(job, options, progress or Silent())
        tombstones.purge_sometimes(job)
        compact.sometimes(job, run)
        return run


def _run(job: Job, options: Options, progress: Progress) -> Run:
    """A run, begun again where somebody altered the schema under it: in between the change gets the locks it needs."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(errors.SchemaMoving):
            return _Runner(job, options, progress).run()
    return _Runner(job, options, progress).run()


def _served(job: Job, since: dict[str, Any]) -> Run | None:
    """An empty run, where one of all tables that began at or after `since` has already ended."""
    found, as_of = freshness.read(job.files), freshness.as_of(job.files)
    if as_of is None or not clock.not_before(found.get("began"), since):
        return None
    now = datetime.now(UTC)
    return Run(found["run_id"], "served", now, now, as_of, "", changed=False)


def _bounded(job: Job, seconds: float) -> Job:
    """The job with its deadline after at most so many seconds."""
    settings = job.settings.sync
    deadline = min(settings.deadline, timedelta(seconds=max(seconds, 0.001)))
    bounded = settings.model_copy(update={"deadline": deadline})
    return replace(job, settings=job.settings.model_copy(update={"sync": bounded}))


def run_in(job: Job, options: Options, now: Moment, published: State, deadline: Deadline) -> Run:
    """A run in a snapshot that stays open, onto a copy of the published file. The caller holds the lock."""
    runner = _Runner(job, replace(options, onto_published=True), Silent())
    # The snapshot is older than this run.
    runner.began = None
    return runner.bring_up(now, published, deadline, lambda: None)


_ATTEMPTS = 4


class TableFailed(Exception):
    """One table can't be brought up to date; it is no reason to leave the others as they are."""

    def __init__(self, table: str, error: errors.NeaptideError) -> None:
        super().__init__(table)
        self.table, self.error = table, error


class _Runner:
    """The state of one run."""

    def __init__(self, job: Job, options: Options, progress: Progress) -> None:
        self.job, self.options, self.progress = job, options, progress
        self.started = datetime.now(UTC)
        self.began: dict[str, Any] | None = clock.mark()
        self.phases: dict[str, float] = {}
        self._under_way: dict[str, float] = {}
        self._released = False

    def run(self) -> Run:
        """Connect, and bring the file up to the snapshot."""
        published, aside = recovery.published_state(self.job)
        with ExitStack() as reading:
            deadline = reading.enter_context(Deadline(self.job.settings.sync.deadline, self.job.source))
            now = reading.enter_context(moment(self.job, self.options.tables, deadline))
            now.warnings.extend(aside)
            return self.bring_up(now, published, deadline, reading.close)

    def bring_up(self, now: Moment, published: State, deadline: Deadline, release: Callable[[], None]) -> Run:
        """Gather, plan, apply, publish; or find that nothing changed. `release` lets go of the snapshot."""
        if not self.options.full or self.options.tables:
            plan.check_identity(published, now.identity, now.snapshot)
        self._set_aside(now, published)
        with self._phase("probe"):
            quiet = self._is_quiet(now, published, deadline)
        faults.point("probed")
        return self._unchanged(now, published) if quiet else self._write(now, published, release, deadline)

    def _set_aside(self, now: Moment, published: State) -> None:
        """Leave out the tables that can't be brought up to date; the first's error is raised where none is left."""
        now.set_aside(catalogue.check_tracked(now.conn, now.tables))
        if not self.options.full:
            default = self.job.settings.sync.on_schema_change
            now.set_aside(plan.refused(now.tables, published, default=default))
        _refuse_if_none_is_left(now)

    def _clock_back(self, now: Moment, state: State) -> frozenset[str]:
        """The tables since whose last run the source's clock was set back by more than the margin."""
        beside = freshness.read(self.job.files).get("clock", {})
        back = frozenset(
            name
            for name, saved in state.tables.items()
            if any(clock.stepped_back(reading, now.reading.clock, now.margin) for reading in (saved.clock, beside))
        )
        if back:
            now.warnings.append("the source's clock was set back by more than the margin: its tables are copied anew")
        return back

    def _steps(self, now: Moment, state: State) -> list[Step]:
        back = self._clock_back(now, state)
        return plan.steps(now.tables, state, now.snapshot, full=self.options.full, clock_back=back)

    def _is_quiet(self, now: Moment, published: State, deadline: Deadline) -> bool:
        try:
            return self._nothing_new(now, published, deadline)
        except (Damaged, TableFailed):
            # The other file may be whole; if not, that is found out, too. So is why a table can't be read.
            return False

    def _nothing_new(self, now: Moment, published: State, deadline: Deadline) -> bool:
        """Whether the published file equals the source as it is."""
        steps = self._steps(now, published)
        if any(step.action == FULL for step in steps) or self._orphans(now, published):
            return False
        if now.told() != {name: error for name, error in published.errors.items() if now.knows(name)}:
            return False
        news = probe.ask(now.conn, steps, now.snapshot)
        doubtful = [step for step in steps if news[step.table.name]]
        if not doubtful:
            return True
        if any(_certain(step, news[step.table.name]) for step in doubtful):
            return False
        return self._unchanged_rows(now, doubtful, deadline)

    def _unchanged_rows(self, now: Moment, steps: list[Step], deadline: Deadline) -> bool:
        """Whether everything that was read stands in the published file already."""
        path = self.job.files.published
        assert path is not None
        with target.opened(self.job, path, read_only=True) as file:
            deadline.guard(file)
            file.attach_source(self.job.source)
            with file.transaction():
                file.join_snapshot(now.snapshot)
                return all(self._is_empty(file, step, place, now) for place, step in enumerate(steps))

    def _is_empty(self, file: Target, step: Step, place: int, now: Moment) -> bool:
        delta = Delta(file, step, place)
        with self._diagnosed(now, step.table):
            delta.gather(now.snapshot, force_deletes=self.options.force_deletes)
        empty = delta.is_empty()
        delta.drop()
        return empty

    def _orphans(self, now: Moment, state: State) -> list[str]:
        """Tables in the file that the config no longer names."""
        return [] if self.options.tables else sorted(name for name in state.tables if not now.knows(name))

    def _unchanged(self, now: Moment, published: State) -> Run:
        as_of = self._as_of(now, published)
        if not self.options.tables:
            freshness.write(
                self.job.files, published.run_id, as_of, clock.reading(now.reading.clock), self._mark_of(now)
            )
        notes = self._nulls(now, published)
        tables = (
            *(TableRun(table.name, "none", notes=notes.get(table.name, ())) for table in now.tables),
            *_failed(now),
        )
        return self._result(now, published.run_id, tables, as_of=as_of, changed=False)

    def _nulls(self, now: Moment, published: State) -> dict[str, tuple[str, ...]]:
        """What was read and stands in the file as NULL already, by table: a NULL that became NaN changes no file."""
        if not any(nulls.columns(table) for table in now.tables):
            return {}
        return {step.table.name: nulls.told(now, step) for step in self._steps(now, published)}

    def _write(self, now: Moment, published: State, release: Callable[[], None], deadline: Deadline) -> Run:
        """Bring the work file up to date and publish it; where it proves damaged, begin it in another way."""
        run = self._built(now, published, release, deadline)
        with self._phase("publish"):
            if self.job.keep is not None:
                self.job.keep.permit()
            self.job.files.publish()
            self._tell(run, self._as_of(now, published), now)
        return replace(run, phases=dict(self.phases), finished_at=datetime.now(UTC))

    def _built(self, now: Moment, published: State, release: Callable[[], None], deadline: Deadline) -> Run:
        options = self.options
        damage = Damaged("the reporting file is damaged", hint="run `neaptide sync`, which builds it anew")
        for way in recovery.ways(
            published, full=options.full, partial=bool(options.tables), heal=not options.onto_published or options.heal
        ):
            if way == recovery.ANEW and not published.damaged:
                now.warnings.append(recovery.set_aside(self.job, damage))
            try:
                return self._build(way, now, published, release, deadline)
            except Damaged as error:
                self.job.files.drop_work()
                damage = error
                if self._released:
                    break
        raise damage

    def _build(self, way: Way, now: Moment, published: State, release: Callable[[], None], deadline: Deadline) -> Run:
        """Bring the work file up to date.

        The snapshot is let go of as soon as the rows are committed: while it is open, vacuum can't clean up.
        """
        resumed = self.job.files.begin(fresh=way.fresh or self.options.onto_published, empty=way.empty)
        with recovery.opened_work(self.job, resumed, published, now) as file:
            faults.point("work_opened")
            deadline.guard(file)
            file.attach_source(self.job.source)
            run = self._bring_up_file(file, now, published, history=way.history)
            release()
            self._released = True
            faults.point("snapshot_released")
            with self._phase("checkpoint"):
                file.checkpoint()
            faults.point("after_checkpoint")
        return run

    def _tell(self, run: Run, as_of: datetime, now: Moment) -> None:
        """The file is published and says for itself how fresh it is: that it can't be said beside it is no failure."""
        with suppress(errors.TargetUnusable):
            freshness.write(self.job.files, run.run_id, as_of, clock.reading(now.reading.clock), self._mark_of(now))

    def _bring_up_file(self, file: Target, now: Moment, published: State, *, history: bool) -> Run:
        """First the tables that are copied anew, each committed with its watermark; then all the rest at once."""
        ledger.create_schema(file)
        state = ledger.read(file)
        steps = _told(self._steps(now, state), now)
        run_id = next_run_id(published, state)
        anew = [step for step in steps if step.action == FULL]
        lineage = state.lineage if _continues(anew, state, self.options) else secrets.token_hex(8)
        ledger.write_identity(file, now.identity, now.snapshot, lineage)
        with self._phase("load"):
            loaded = self._load(file, anew, now, run_id)
        earlier = self.job.files.published if history else None
        with self._phase("apply"):
            while True:
                steps = [step for step in steps if step.table.name not in now.failures]
                try:
                    return self._transact(file, now, published, steps, loaded, run_id, earlier)
                except TableFailed as failed:
                    # What the transaction did so far is gone; the others' share of it is done again.
                    self._fail(now, {failed.table: failed.error})

    def _load(self, file: Target, steps: list[Step], now: Moment, run_id: str) -> dict[str, TableRun]:
        """Copy tables anew; each is complete, with its watermark, or not there."""
        if not steps:
            return {}
        began = time.monotonic()
        rows, failures = load.copy_tables(
            file, [step.table for step in steps], now, workers=self.job.load_workers, progress=self.progress
        )
        self._fail(now, {table.name: recovery.told(now.conn, table, error) for table, error in failures})
        now.settle()
        self._fail(now, self._too_lossy(file, [step for step in steps if step.table.name not in now.failures]))
        steps = [step for step in steps if step.table.name not in now.failures]
        for step in steps:
            with file.transaction():
                load.swap(file, step.table)
                ledger.write_watermarks(file, [_mark(step, now)], run_id)
            faults.point("table_loaded")
        seconds = time.monotonic() - began
        return {
            step.table.name: TableRun(
                step.table.name, FULL, rows[step.table.name], rows[step.table.name], 0, seconds, step.reason,
                (*step.table.notes, *nulls.told(now, step)),
            )
            for step in steps
        }  # fmt: skip

    def _too_lossy(self, file: Target, steps: list[Step]) -> dict[str, errors.NeaptideError]:
        """The tables whose copies have lost more rows than their entries allow; the copies are dropped."""
        found: dict[str, errors.NeaptideError] = {}
        for step in [] if self.options.full or self.options.force_deletes else steps:
            error = apply.too_lossy(file, step, load.loading_name(step.table), self.job.files.published)
            if error:
                found[step.table.name] = error
                load.drop(file, step.table)
        return found

    def _fail(self, now: Moment, failures: dict[str, errors.NeaptideError]) -> None:
        """These tables stay as they are, the others go on."""
        now.set_aside(failures)
        _refuse_if_none_is_left(now)

    def _transact(
        self,
        file: Target,
        now: Moment,
        published: State,
        steps: list[Step],
        loaded: dict[str, TableRun],
        run_id: str,
        earlier: Path | None,
    ) -> Run:
        """Rows, watermarks and the run's record in one transaction."""
        with file.transaction():
            file.join_snapshot(now.snapshot)
            faults.point("snapshot_joined")
            done = [
                loaded.get(step.table.name) or self._table(file, step, place, now, published)
                for place, step in enumerate(steps)
            ]
            marked = [step for step in steps if step.table.name not in loaded]
            ledger.write_watermarks(file, [_mark(step, now) for step in marked], run_id)
            done += self._remove_orphans(file, now, ledger.read(file))
            self._keep_last(file, now, published)
            done += _failed(now)
            run = self._result(now, run_id, tuple(done), as_of=self._as_of(now, published), changed=True)
            keep = self.job.settings.sync.keep_runs
            ledger.write_run(file, run, clock.reading(now.reading.clock), earlier, keep=keep)
            catalogue.check_types(self.job, now.tables)
            now.settle()
            faults.point("before_commit")
        faults.point("after_commit")
        return run

    def _keep_last(self, file: Target, now: Moment, published: State) -> None:
        """A table that failed stays as it is published: this file may hold it as it was a run earlier."""
        if not now.failures:
            return
        path, mine = self.job.files.published, ledger.read(file).tables
        behind = [
            name
            for name in now.failures
            if name in published.tables
            and (name not in mine or mine[name].watermark != published.tables[name].watermark)
        ]
        if behind and path is not None:
            ledger.take_over(file, path, behind)

    def _table(self, file: Target, step: Step, place: int, now: Moment, published: State) -> TableRun:
        if not step.news:
            reason = "works again" if step.table.name in published.errors else ""
            return TableRun(step.table.name, "none", reason=reason)
        began = time.monotonic()
        self.progress.start(step.table.name, None)
        with self._diagnosed(now, step.table):
            counts = self._apply_delta(file, step, place, now)
            notes = (*step.table.notes, *nulls.told(now, step))
        self.progress.advance(step.table.name, counts.read)
        self.progress.finish(step.table.name)
        faults.point("table_done")
        seconds = time.monotonic() - began
        return TableRun(step.table.name, DELTA, counts.read, counts.rows_in, counts.rows_out, seconds, notes=notes)

    def _apply_delta(self, file: Target, step: Step, place: int, now: Moment) -> Counts:
        delta = Delta(file, step, place)
        published = self.job.files.published
        delta.gather(now.snapshot, force_deletes=self.options.force_deletes, published=published)
        if not _gapless(step):
            delta.drop_unchanged()
        counts = delta.apply()
        delta.drop()
        return counts

    def _remove_orphans(self, file: Target, now: Moment, state: State) -> list[TableRun]:
        gone = self._orphans(now, state)
        remove_tables(file, gone)
        return [TableRun(name, "removed", reason="no longer in the config") for name in gone]

    @contextmanager
    def _diagnosed(self, now: Moment, table: Table) -> Iterator[None]:
        """Raises `TableFailed` for an error that is a matter of this table alone."""
        try:
            yield
        except errors.NeaptideError as error:
            if not recovery.is_of_a_table(error):
                raise
            raise TableFailed(table.name, recovery.told(now.conn, table, error)) from error

    def _mark_of(self, now: Moment) -> dict[str, Any] | None:
        """When the run began, if whoever waits for a fresh file is served by it."""
        return None if self.options.tables or now.failures else self.began

    def _as_of(self, now: Moment, published: State) -> datetime:
        """A table that failed, or that the run leaves out, leaves the file as old as itself."""
        done = {table.name for table in now.tables}
        left = [saved for name, saved in published.tables.items() if name not in done]
        stays = [saved for saved in left if self.options.tables or saved.table in now.failures]
        return min([now.snapshot.as_of, *(saved.watermark.snapshot.as_of for saved in stays)])

    def _result(self, now: Moment, run_id: str, tables: tuple[TableRun, ...], *, as_of: datetime, changed: bool) -> Run:
        kind = "full" if self.options.full else "sync"
        return Run(
            run_id, kind, self.started, datetime.now(UTC), as_of, now.snapshot.text, changed,
            tables, self._phases(), tuple(dict.fromkeys(now.warnings)),
        )  # fmt: skip

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        self._under_way[name] = began
        yield
        del self._under_way[name]
        self.phases[name] = self.phases.get(name, 0.0) + time.monotonic() - began

    def _phases(self) -> dict[str, float]:
        """Seconds by phase, so far: the record of a run is written in the middle of one."""
        now = time.monotonic()
        return self.phases | {name: now - began for name, began in self._under_way.items()}


def _told(steps: list[Step], now: Moment) -> list[Step]:
    """The steps with their tables' news; a table that was truncated is copied anew."""
    told = probe.ask(now.conn, steps, now.snapshot)
    return [
        replace(step, action=FULL, reason="truncated") if news.truncated else replace(step, news=news)
        for step, news in ((step, told[step.table.name]) for step in steps)
    ]


def _mark(step: Step, now: Moment) -> Saved:
    """What the file will say of the table once the step is done."""
    mark = now.mark(step.saved.watermark if step.saved and step.action != FULL else None)
    table, read = step.table, clock.reading(now.reading.clock)
    return Saved(table.name, table.relid, table.spec.watermark, mark, table.signature(), read)


def remove_tables(file: Target, names: list[str]) -> None:
    """Take tables and their watermarks out of the file."""
    for name in names:
        file.execute(f"DROP TABLE IF EXISTS out.{quoting.qualified(*quoting.split_name(name))}")
    file.block("forget_watermarks", {"names": json.dumps(names)})


def _refuse_if_none_is_left(now: Moment) -> None:
    for error in now.failures.values():
        if not now.tables:
            raise error


def _failed(now: Moment) -> list[TableRun]:
    """The record of the tables that were left as they are."""
    return [TableRun(name, "failed", error=error) for name, error in now.told().items()]


def _gapless(step: Step) -> bool:
    """Nothing will be read twice: no transaction was running at the last snapshot, or each change is read once."""
    if step.saved is None or step.table.stamp is None:
        return False
    mark = step.mark
    return mark.snapshot.gapless or (step.table.spec.watermark == "xid" and not mark.standby)


def _certain(step: Step, news: probe.News) -> bool:
    """Whether the news can't be a row or a tombstone read before."""
    return news.truncated or (_gapless(step) and (news.rows or step.table.spec.deletes == "tombstone"))


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
