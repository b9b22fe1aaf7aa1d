"""One run: gather, plan, apply, publish. A plain callable with its own lock; schedulers only call it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from app import errors
from jobs import faults
from jobs.engine.deadline import Deadline
from jobs.engine.failures import Damaged
from jobs.feeds import both as feeds
from jobs.feeds.feed import Feed
from jobs.feeds.watermark import nulls
from jobs.hooks import calls
from jobs.job import Job
from jobs.models import standing
from jobs.plan import steps
from jobs.position import clock
from jobs.record import state as ledger
from jobs.record.state import State
from jobs.results import Progress, Run, Silent, TableRun
from jobs.run import carry, housekeeping, planning, prepared, reading, several, unchanged
from jobs.run.context import Context, Options
from jobs.run.pending import Pending, Unfit
from jobs.source.session import SourceSession
from jobs.tables.ranges import Range
from jobs.targets import targets
from jobs.targets.file import compact, freshness
from jobs.targets.target import Version, Way

_ATTEMPTS = 4
# So many rows take about a second to copy.
_MANY_ROWS = 1_000_000
Done = TypeVar("Done")


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
    after: Callable[[Job, Run], Run] = calls.after,
    ranges: Mapping[str, Range] | None = None,
) -> Run:
    """Bring the reporting file up to one snapshot of the source, and publish it if anything changed.

    `tables` limits the run to some of the config's; the others keep their earlier moment, and `as_of` is the oldest.
    `timeout` bounds the wait for the lock, `within` all of it. With `since`, a `clock.instant()`, a run of somebody
    else will do that began at or after it: one run serves all who wait. `after` is called without the lock, and calls
    the hooks. `ranges` are rows to be read anew, by table. Raises `errors.*`; then the published file is as it was, and
    the next run goes on from it.
    """
    options = Options(tuple(tables or ()), full, force_deletes, ranges=ranges or {})
    began = time.monotonic()
    with targets.of(job).locked(wait=wait, timeout=timeout if within is None else within):
        if since is not None and (served := _served(job, since)):
            return served
        if within is not None:
            job = _bounded(job, within - (time.monotonic() - began))
        _recover(job)
        targets.of(job).clean()
        first = targets.of(job).version() is None
        run = under_lock(job, options, progress)
        # Who waits for the first file does not wait for housekeeping: the next run sees to it.
        for part in job.each if not first else ():
            housekeeping.purge_sometimes(part)
        targets.of(job).tidy(run)
    return after(job, run)


def _recover(job: Job) -> None:
    """End what a killed dual write left prepared: such writes are [source]'s alone."""
    for part in job.each:
        if not part.part and part.away is None:
            prepared.recover(part)


def under_lock(
    job: Job, options: Options | None = None, progress: Progress | None = None, pending: Pending | None = None
) -> Run:
    """A run of whoever holds the target's lock; with a `pending`, of one of several sources."""
    if job.parts:
        return several.each(job, options or Options(), lambda one, given, rest: under_lock(one, given, progress, rest))
    return steadied(lambda: _attempted(job, options or Options(), progress or Silent(), pending))


def steadied(attempt: Callable[[], Done]) -> Done:
    """What `attempt` returns, begun again where somebody altered the schema: in between the change gets its locks."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(errors.SchemaMoving):
            return attempt()
    return attempt()


def _attempted(job: Job, options: Options, progress: Progress, pending: Pending | None = None) -> Run:
    """Connect, and bring the file up to the snapshot."""
    began, started = clock.instant(), datetime.now(UTC)
    warnings = targets.of(job).keep_off()
    seen = pending.look(job) if pending is not None and pending.is_there else targets.of(job).look()
    with ExitStack() as source:
        now, deadline = source.enter_context(reading.opened(job, options.tables, (*warnings, *seen.warnings)))
        context = Context(job, options, progress, now, seen.state, deadline, began, started, pending=pending)
        with ExitStack() as held:
            context.feed = held.enter_context(_fed(context))
            run = _Runner(context, source.close, seen.version).run()
            if pending is not None:
                # What it says once all is published goes to the feed, too.
                pending.held.callback(held.pop_all().close)
            return run


def _served(job: Job, since: dict[str, Any]) -> Run | None:
    """An empty run, where one of all tables that began at or after `since` has already ended."""
    note, as_of = freshness.read(job.files), freshness.as_of(job.files)
    looked = [freshness.of(job.files, part.part).get("began") for part in job.each]
    if as_of is None or not all(clock.not_before(one, since) for one in looked):
        return None
    now = datetime.now(UTC)
    return Run(note["run_id"], "served", now, now, as_of, "", changed=False)


def _bounded(job: Job, seconds: float) -> Job:
    """The job with its deadline after at most so many seconds."""
    settings = job.settings.sync
    deadline = min(settings.deadline, timedelta(seconds=max(seconds, 0.001)))
    bounded = settings.model_copy(update={"deadline": deadline})
    parts = tuple(_bounded(part, seconds) for part in job.parts)
    return replace(job, settings=job.settings.model_copy(update={"sync": bounded}), parts=parts)


def run_in(job: Job, options: Options, now: SourceSession, published: State, deadline: Deadline) -> Run:
    """A run in a snapshot that stays open, onto a copy of the published file. The caller holds the lock."""
    onto = replace(options, onto_published=True)
    context = Context(job, onto, Silent(), now, published, deadline, began=None)
    with _fed(context) as context.feed:
        return _Runner(context, lambda: None, targets.of(job).version()).run()


def run_with(context: Context, over: Version | None) -> Run:
    """A run whose source session is the caller's, who holds the lock."""
    with _fed(context) as context.feed:
        return _Runner(context, lambda: None, over).run()


@contextmanager
def _fed(context: Context) -> Iterator[Feed]:
    """The feed, once the source is known for the one that the file is of: no slot is made or noted on another."""
    if not context.options.full or context.options.tables:
        steps.check_identity(context.published, context.now.identity, context.now.snapshot)
    with feeds.opened(context.job, context.now, context.deadline.guard) as feed:
        yield feed


class _Runner:
    """One attempt from its start to the published file."""

    def __init__(self, context: Context, release: Callable[[], None], over: Version | None) -> None:
        self._context, self._release, self._over = context, release, over
        self._job, self._now, self._options = context.job, context.now, context.options
        self._phases = context.phases
        self._released = self._is_new = False
        self._written: State | None = None

    def run(self) -> Run:
        """Gather, plan, apply, publish; or find that nothing changed."""
        self._context.set_aside()
        with self._phases.phase("probe"):
            nothing = unchanged.is_quiet(self._context)
        faults.point("probed")
        return self._unchanged() if nothing else self._write()

    def _unchanged(self) -> Run:
        run_id = self._context.published.run_id
        self._context.say(lambda: self._told_unchanged(run_id))
        notes = self._nulls()
        tables = (TableRun(table.name, "none", notes=notes.get(table.name, ())) for table in self._now.tables)
        run = self._context.result(run_id, (*tables, *self._context.failed()), changed=False)
        return replace(run, models=standing.still_failed(self._context.published.models))

    def _told_unchanged(self, run_id: str) -> None:
        if not self._options.tables:
            self._context.note_freshness(run_id)
        self._context.confirm()

    def _nulls(self) -> dict[str, tuple[str, ...]]:
        """What was read and stands in the file as NULL already, by table: a NULL that became NaN changes no file."""
        if not any(nulls.columns(table) for table in self._now.tables):
            return {}
        return {step.table.name: nulls.notes(self._context.feed, self._now, step) for step in self._context.asked}

    def _write(self) -> Run:
        """Bring the work file up to date and publish it; where it proves damaged, begin it in another way."""
        if self._context.pending is not None:
            return self._kept_back(self._context.pending)
        run, forgetting = self._built(), self._context.forgets()
        with self._phases.phase("publish"):
            lost = targets.of(self._job).publish(over=self._over, forgetting=forgetting, is_new=self._is_new)
        run = replace(run, phases=self._phases.seconds(), finished_at=datetime.now(UTC))
        return self._told(run, lost, True)

    def _kept_back(self, pending: Pending) -> Run:
        """Write to a file that other sources write to, too, before it is published.

        Where much is to be copied anew, what they wrote is published first: a copy of the file takes less time.
        """
        if pending.is_there and self._takes_long():
            pending.publish()
            self._over = targets.of(self._job).version()
        pending.begin(self._context.published.run_id, forgetting=self._context.forgets())
        run = replace(self._built(), phases=self._phases.seconds())
        return pending.add(self._job.part, run, self._over, self._told, is_new=self._is_new)

    def _takes_long(self) -> bool:
        planned = planning.steps(self._context, self._context.published)
        return sum(max(one.table.rows, 0) for one in planned if one.action == steps.FULL) > _MANY_ROWS

    def _told(self, run: Run, lost: str, is_last: bool) -> Run:
        """Say that a run is published; `is_last`: the file is as this run wrote it."""
        if self._written is not None and is_last:
            targets.of(self._job).remember(self._written)
        run = replace(run, warnings=(*run.warnings, lost)) if lost else run
        # The file is published and says for itself how fresh it is: that it can't be said beside it is no failure.
        with suppress(errors.TargetUnusable):
            self._context.note_freshness(run.run_id, freshness.end_of(run))
        self._context.confirm()
        return run

    def _built(self) -> Run:
        options, published, pending = self._options, self._context.published, self._context.pending
        if pending is not None and pending.is_there:
            return self._gone_on()
        damage = Damaged("the reporting file is damaged", hint="run `neaptide sync`, which builds it anew")
        for way in targets.of(self._job).ways(
            published, full=options.full, partial=self._is_partial(), heal=not options.onto_published or options.heal
        ):
            if way.empty and not way.history and not published.damaged:
                self._now.warnings.append(targets.of(self._job).set_aside(damage))
            try:
                return self._build(way)
            except Damaged as error:
                targets.of(self._job).drop()
                damage = error
                if self._released or self._context.prepared:
                    break
        raise damage

    def _gone_on(self) -> Run:
        """Write to what the runs of other sources wrote. Raises `Unfit` where that proves damaged."""
        try:
            return self._build(Way(goes_on=True))
        except Damaged as error:
            raise Unfit from error

    def _is_partial(self) -> bool:
        """Whether what is published has other tables than those of this run, which stay as they are there."""
        return bool(self._options.tables or (self._options.full and self._context.published.others))

    def _build(self, way: Way) -> Run:
        """Bring the work file up to date.

        The snapshot is let go of as soon as the rows are committed: while it is open, vacuum can't clean up.
        """
        self._is_new = way.empty
        earlier = self._job.files.published if way.history and not way.goes_on else None
        # Before the file that they may be left in loses its name.
        past, warnings = (None, []) if way.goes_on else targets.of(self._job).past(anew=not way.history)
        self._now.warnings.extend(warnings)
        written = targets.of(self._job).writing(
            way, self._context.published, self._now, carry.base, onto_published=self._options.onto_published
        )
        with written as (file, state):
            faults.point("work_opened")
            if not way.empty:
                several.check_others(state, self._context.published)
            file.use_threads(1)
            reading.attach(self._job, file, self._now, self._context.deadline)
            from jobs.run.write import Writer

            writer = Writer(self._context, file, state, earlier, past)
            run = writer.run()
            self._release()
            self._released = True
            faults.point("snapshot_released")
            run = replace(run, models=(*run.models, *writer.build_models()))
            self._written = ledger.read(file, source=self._job.part) if self._job.sessions is not None else None
            with self._phases.phase("checkpoint"):
                file.checkpoint(merge=compact.merges(run))
            faults.point("after_checkpoint")
        return run
