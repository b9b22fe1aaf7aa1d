"""One attempt to bring the file up to one snapshot: what was asked for, what is known, and what came of it so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from app import errors
from jobs import faults
from jobs.engine.deadline import Deadline
from jobs.feeds.feed import Feed, Known
from jobs.feeds.watermark import misfits
from jobs.feeds.watermark.feed import WatermarkFeed
from jobs.job import Job
from jobs.models.folder import Folder
from jobs.plan import sources
from jobs.plan import steps as plan
from jobs.plan.steps import DELTA, FULL, Step
from jobs.position.watermark import Watermark
from jobs.record.state import Saved, State
from jobs.results import Progress, Run, TableRun
from jobs.run.pending import Pending
from jobs.run.phases import Phases
from jobs.run.ranged import Reader
from jobs.source import readiness
from jobs.source.session import SourceSession
from jobs.tables import drift
from jobs.tables.ranges import Range
from jobs.tables.table import Table
from jobs.targets import pauses
from jobs.targets.file import checked, freshness


@dataclass(frozen=True)
class Options:
    """What the caller of a run asked for."""

    tables: tuple[str, ...] = ()
    full: bool = False
    force_deletes: bool = False
    onto_published: bool = False
    heal: bool = True
    # Rows to be read anew, whatever is known of them, by table.
    ranges: Mapping[str, Range] = field(default_factory=dict)


class TableFailed(Exception):
    """One table can't be brought up to date; it is no reason to leave the others as they are."""

    def __init__(self, table: str, error: errors.NeaptideError) -> None:
        super().__init__(table)
        self.table, self.error = table, error


class NeedsSync(Exception):
    """A table is to be copied anew, and committed by itself: not with what a transaction wrote that may be undone."""


@contextmanager
def diagnosed(now: SourceSession, table: Table) -> Iterator[None]:
    """Raises `TableFailed` for an error that is a matter of this table alone."""
    try:
        yield
    except errors.NeaptideError as error:
        if not misfits.is_of_a_table(error):
            raise
        raise TableFailed(table.name, misfits.explained(now.conn, table, error)) from error


@dataclass
class Context:
    """The state of one run: the moment of the source, and what the published file says of itself.

    `began` is an instant of this machine from before the snapshot; None where the snapshot is older than the run.
    """

    job: Job
    options: Options
    progress: Progress
    now: SourceSession
    published: State
    deadline: Deadline
    began: dict[str, Any] | None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    phases: Phases = field(default_factory=Phases)
    feed: Feed = field(default_factory=WatermarkFeed)
    # What was found out while it was asked whether there is anything to do, and since when.
    news: Known = field(default_factory=dict)
    asked: list[Step] = field(default_factory=list)
    # The ranges that were read while it was asked.
    ranges: Reader = field(default_factory=Reader)
    # Called with the run's id before the rows are committed, where they are those of a transaction that isn't over.
    prepare: Callable[[str], None] | None = None
    prepared: bool = False
    # The oldest watermark of the file that was written.
    held: datetime | None = None
    # Where several sources write to one file before it is published.
    pending: Pending | None = None

    def hand_over(self, run_id: str) -> None:
        """Have the other side prepare its part: from here on the file decides."""
        if self.prepare is not None:
            self.prepare(run_id)
            self.prepared = True
            faults.point("prepared")

    @cached_property
    def models(self) -> Folder:
        """The models that the file is to hold."""
        return Folder.of(self.job.settings)

    def set_aside(self) -> None:
        """Leave out the tables that can't be brought up to date; the first's error is raised where none is left."""
        self.now.set_aside(sources.taken(self.now.tables, self.published, self.job.whole))
        self.now.set_aside(readiness.check_tracked(self.now.conn, self.now.tables))
        if not (self.options.full and self.options.tables):
            self.now.set_aside(plan.swapped(self.now.tables, self.published))
        if not self.options.full:
            default = self.job.settings.sync.on_schema_change
            self.now.set_aside(plan.refused(self.now.tables, self.published, default=default))
        self._refuse_if_none_is_left()

    def fail(self, failures: dict[str, errors.NeaptideError]) -> None:
        """These tables stay as they are, the others go on."""
        self.now.set_aside(failures)
        self._refuse_if_none_is_left()

    def _refuse_if_none_is_left(self) -> None:
        for error in self.now.failures.values():
            # That all tables are paused is no failure of a run, unless it was asked for them.
            if not self.now.tables and (self.options.tables or not isinstance(error, errors.Paused)):
                raise error

    def orphans(self, state: State) -> list[str]:
        """Tables in the file that the config no longer names, and those of a source that it doesn't."""
        if self.options.tables:
            return []
        strays = {name for name, saved_table in state.others.items() if saved_table.source not in self.job.names}
        return sorted((state.tables.keys() | strays) - self.now.known())

    def forgets(self) -> bool:
        """Whether rows of the published file are to be nowhere on the disk once this run has published.

        So it is where its tables hide more than they did or are no longer copied, and where all is asked to be copied
        anew, which is how deleted rows are forgotten.
        """
        saved = self.published.tables
        hidden = (drift.hides(saved[t.name].signature, t.signature) for t in self.now.tables if t.name in saved)
        return self.options.full or bool(self.orphans(self.published)) or any(hidden)

    def saved_after(self, step: Step) -> Saved:
        """What the file will say of the table once the step is done."""
        last = step.saved.watermark if step.saved and step.action != FULL else None
        watermark = self.feed.next_watermark(step, self.now, last)
        return saved(step.table, watermark, self.now)

    def as_of(self) -> datetime:
        """The file's moment: a table that failed, or that the run leaves out, leaves the file as old as itself."""
        if self.held is not None:
            return self.held
        done = {table.name for table in self.now.tables}
        left = [saved_table for name, saved_table in self.published.tables.items() if name not in done]
        stays = [saved_table for saved_table in left if self.options.tables or saved_table.table in self.now.failures]
        return min([self.now.snapshot.as_of, *(saved_table.watermark.snapshot.as_of for saved_table in stays)])

    def note_freshness(self, run_id: str, ended: dict[str, Any] | None = None) -> None:
        """Say beside the file how fresh it is, and which waiting callers it serves: those of before the snapshot.

        `ended` is that of a run that wrote the file; one without found nothing to do, and says how far it has looked.
        """
        began = None if self.options.tables or self.now.failures else self.began
        quiet = None
        if ended is None:
            quiet = freshness.Quiet(self.now.snapshot.as_of, sorted(self.now.failures), checked.packed(self._looked))
        others = freshness.beside(self.published, self.job.part, self.job.names) if self.job.whole else None
        freshness.write(self.job.files, run_id, self.as_of(), self.now.clocks, began, ended, quiet, others)

    def say(self, words: Callable[[], object]) -> None:
        """Say it now, or once what other sources' runs wrote is published. The snapshot may be closed by then."""
        if self.pending is None:
            words()
            return
        if self.held is None:
            _ = self._looked
        self.pending.then(words)

    def confirm(self) -> None:
        """Let the source forget what no file needs any more, once it has published; else after `note_freshness`."""
        theirs = {name: saved.watermark for name, saved in self.published.tables.items()}
        if self.held is not None:
            self.feed.published(theirs.values())
        elif not self.options.tables:
            left = [watermark for name, watermark in theirs.items() if name not in self._looked]
            self.feed.quiet(self._looked.values(), left)

    @cached_property
    def _looked(self) -> checked.Marks:
        """How far this run has looked in vain; only from where it began, where a crash of the source could undo it."""
        durable = self.now.is_durable()
        return {
            step.table.name: self.feed.next_watermark(step, self.now, step.since) if durable else step.since
            for step in self.asked
            if step.action == DELTA
        }

    def failed(self) -> tuple[TableRun, ...]:
        """The record of the tables that were left as they are."""
        failed = [TableRun(name, "failed", error=error) for name, error in self.now.reasons().items()]
        return (*failed, *(TableRun(name, "paused", notes=self._of_pause(name)) for name in self.now.paused()))

    def _of_pause(self, name: str) -> tuple[str, ...]:
        return pauses.notes(self.job, self.published.tables.get(name), self.now.snapshot.as_of)

    def result(self, run_id: str, tables: tuple[TableRun, ...], *, changed: bool) -> Run:
        """The run's record as it stands now."""
        kind = "dual" if self.prepare else "full" if self.options.full else "sync"
        return Run(
            run_id, kind, self.started, datetime.now(UTC), self.as_of(), self.now.snapshot.text, changed,
            tables, self.phases.seconds(), tuple(dict.fromkeys(self.now.warnings)),
        )  # fmt: skip


def saved(table: Table, watermark: Watermark, now: SourceSession) -> Saved:
    """What a file says of a table that was brought up to this watermark."""
    source = table.spec.source or ""
    return Saved(table.name, table.relid, table.spec.watermark, watermark, table.signature, now.clocks, source)
