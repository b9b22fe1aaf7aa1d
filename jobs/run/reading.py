"""How a run, a dry run and a comparison read the source: at one snapshot, for no longer than the deadline allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from jobs.engine.deadline import Deadline
from jobs.engine.session import DuckSession
from jobs.job import Job
from jobs.source.connection import Source
from jobs.source.session import SourceSession, source_session


@contextmanager
def opened(job: Job, tables: Sequence[str], notes: Sequence[str] = ()) -> Iterator[tuple[SourceSession, Deadline]]:
    """A session with its snapshot of these tables, all where none are named; `notes` are the first of its warnings."""
    limit = Deadline(job.settings.sync.deadline, Source.of(job))
    with limit, source_session(job, tuple(tables), limit.guard) as now:
        now.warnings.extend(notes)
        yield now, limit


def attach(job: Job, file: DuckSession, now: SourceSession, limit: Deadline) -> None:
    """Let a session of DuckDB read that source, and end with the others when the time is up."""
    limit.guard(file)
    file.attach_source(Source.of(job), now.spool, guests=now.snapshot.guests)
