"""What a run does about files that are not whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app import errors
from jobs.engine import opening
from jobs.engine.failures import Damaged
from jobs.engine.session import DuckSession
from jobs.job import Job
from jobs.plan.steps import check_identity
from jobs.record import mended
from jobs.record import state as ledger
from jobs.record.state import State
from jobs.source.session import SourceSession
from jobs.targets.file import draft, freshness, strangers
from jobs.targets.file.publish import Publisher
from jobs.targets.target import LastBase, Way

SPARE, COPY, NEW, ANEW = Way(), Way(fresh=True), Way(empty=True), Way(empty=True, history=False)


def ways(published: State, *, full: bool, partial: bool, heal: bool) -> tuple[Way, ...]:
    """The ways to try in turn, the next one where the file of the last turned out to be damaged.

    A run of some tables must not go on from the spare, which is older: it would publish the others as they were then.
    Nor may it build a file of its own tables only in place of a damaged one.
    """
    if published.damaged:
        return () if partial else (ANEW,)
    if full and not partial:
        return (NEW, ANEW)
    if partial or not heal:
        return (COPY,)
    return (SPARE, COPY, ANEW)


def published_state(job: Job) -> tuple[State, list[str]]:
    """What the published file says of itself, and a warning for the run's record where it would not open.

    A damaged file is set aside and every table copied anew: the spare may be of another lineage, and nobody can say.
    """
    files = job.files
    published = files.published
    if published is None:
        return State(), []
    seen = _fingerprint(published)
    # What a file says of itself can't change while nobody has touched it: a run with nothing to do need not open it.
    if job.sessions is not None and job.sessions.state and job.sessions.state[0] == seen:
        return job.sessions.state[1], []
    try:
        state = read_state(job, published)
    except Damaged as error:
        return given_up(job), [set_aside(job, error)]
    if job.sessions is not None:
        job.sessions.state = (seen, state)
    return state, []


def read_state(job: Job, path: Path) -> State:
    """What a published file says of itself. Raises `Damaged` where it isn't whole, or not what was published."""
    strangers.check(job, path)
    with opening.inspected(job, path) as file:
        return ledger.read(file, source=job.part)


def remember(job: Job, state: State) -> None:
    """What the file that was published a moment ago says of itself need not be read again by the next run."""
    published = job.files.published
    if job.sessions is not None and published is not None:
        job.sessions.state = (_fingerprint(published), state)


def _fingerprint(path: Path) -> tuple[int, ...]:
    """What differs for every file that was ever published, and for one that anybody has touched since."""
    status = path.stat()
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def given_up(job: Job) -> State:
    """The state of a published file that is to be built anew; only its last run's id is known from beside it."""
    run_id = str(freshness.read(job.files).get("run_id", ""))
    return State(run_id=run_id if re.fullmatch(r"\d{9}-[0-9a-f]{6}", run_id) else "", damaged=True)


def set_aside(job: Job, error: Damaged) -> str:
    """Keep the damaged file; returns the warning that says so."""
    return f"{error.message}; it was set aside as {Publisher(job.files).set_aside()} and built anew"


def peek(job: Job) -> State:
    """What the published file says of itself, changing nothing; an empty state where there is none that opens."""
    published = job.files.published
    if published is None:
        return State()
    strangers.check_logs(job)
    try:
        return read_state(job, published)
    except Damaged:
        return State()


@contextmanager
def opened_work(
    job: Job, resumed: bool, published: State, now: SourceSession, last_base: LastBase
) -> Iterator[tuple[DuckSession, State]]:
    """The work file, open for writing, of the published file's lineage: else it is replaced by a copy of that.

    `last_base` says what a session knows of the file that its next run most likely begins with.
    """
    ready = False
    try:
        with opening.opened(job, job.files.work) as file:
            state = ledger.read(file, last_base(file), source=job.part)
            if resumed and not mended.table_lacking(file, job.files.published, state, published):
                _check_usable(state, published, now)
            ready = True
            yield file, state
    except (errors.TargetUnusable, errors.SourceChanged, errors.StandbyBehind):
        if ready or not resumed:
            raise
    if not ready:
        (draft.copy_published if published.lineage else draft.drop)(job.files)
        with opening.opened(job, job.files.work) as file:
            yield file, ledger.read(file, source=job.part)


@contextmanager
def opened_written(job: Job) -> Iterator[tuple[DuckSession, State]]:
    """What was written and is not published yet, to be gone on with: all that is written now is one transaction."""
    with opening.opened(job, job.files.work) as file:
        file.at_once = True
        try:
            yield file, ledger.read(file, source=job.part)
        finally:
            # It may be kept for another run.
            file.at_once = False


def _check_usable(state: State, published: State, now: SourceSession) -> None:
    """Raise an error where the work file may not be brought up to date from its own watermarks.

    A first load that was cut short leaves a file of no published lineage; it goes on if it is of the same source.
    """
    if not published.lineage:
        check_identity(state, now.identity, now.snapshot)
    if not state.lineage or state.lineage != (published.lineage or state.lineage):
        raise errors.TargetUnusable("the work file is of another lineage than the published file")
