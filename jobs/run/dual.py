"""A dual write: what a command writes to PostgreSQL, and the run that brings it into the file, both or neither.

    lock        the target's, as every run; what a killed process left prepared is ended first
    begin       the command's own transaction, with the run's snapshot: locks, then the snapshot, then the tables
    (the command writes)
    read        a run that reads in that transaction: what it sees is the snapshot and what it has written itself
    prepare     PREPARE TRANSACTION, before DuckDB's commit
    publish     as every run does: this is the decision
    commit      COMMIT PREPARED

The file is exactly the snapshot and this one transaction, which nobody who reads PostgreSQL sees yet. Its watermarks
are the snapshot's, in which the transaction isn't over: the next run reads its rows again, and finds them there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg

from app import errors, statements
from jobs import faults
from jobs.engine.deadline import Deadline
from jobs.hooks import calls
from jobs.job import Job
from jobs.position import clock
from jobs.results import Run, Silent
from jobs.run import prepared, sync
from jobs.run.context import Context, NeedsSync, Options
from jobs.source import position, session
from jobs.source.borrowed import Borrowed
from jobs.source.connection import Connection, Source
from jobs.source.session import SourceSession
from jobs.source.spool import Spool
from jobs.targets import targets
from jobs.targets.target import Seen

# Seconds that a command waits for a run to end, and how often its transaction is begun again.
_PATIENCE, _ATTEMPTS = 60.0, 4
_RATHER = "or commit, and ask for --max-staleness 0s"


@contextmanager
def opened(job: Job, conn: psycopg.Connection[Any], warn: Callable[[str], None] = lambda _: None) -> Iterator[Writing]:
    """A transaction on this connection, which has none open, that `commit` brings into the file as well.

    Left without, it is rolled back. Raises `errors.ConfigError` where this can't be, `errors.LockHeld`, and what a run
    does. `warn` hears what went wrong once nothing can be undone any more.
    """
    _check(job)
    with targets.of(job).locked(timeout=_PATIENCE):
        prepared.recover(job)
        targets.of(job).clean()
        if targets.of(job).version() is None:
            sync.under_lock(job)
        with Deadline(job.settings.sync.deadline, Source.of(job)) as deadline:
            deadline.guard(conn)
            writing = Writing(job, conn, deadline, warn)
            with writing.begun():
                yield writing
    if writing.run is not None and writing.run.changed:
        calls.after(job, writing.run)


def _check(job: Job) -> None:
    if job.settings.target.is_lake:
        raise errors.ConfigError("a dual write needs a file: [target] is a lake", hint=_RATHER.removeprefix("or "))
    if job.settings.reads_log or job.settings.reads_events:
        raise errors.ConfigError(
            "a dual write needs tables that are read by watermark: log and events tell of what is committed",
            hint=f'set feed = "watermark" in [sync] and for each table, {_RATHER}',
        )


def _allowed(conn: Connection) -> int:
    """How many transactions the server lets be prepared."""
    row = conn.execute(statements.get("dual", "allowed")).fetchone()
    assert row is not None
    return int(row["allowed"])


class Writing:
    """One command's transaction. `run` is what brought it into the file."""

    def __init__(
        self, job: Job, conn: psycopg.Connection[Any], deadline: Deadline, warn: Callable[[str], None]
    ) -> None:
        self._job, self._deadline, self._warn = job, deadline, warn
        self._lent = Borrowed(conn, Source.of(job))
        self._began, self._started = clock.instant(), datetime.now(UTC)
        self._run_id = ""
        self._seen: Seen
        self._now: SourceSession
        self.run: Run | None = None

    @contextmanager
    def begun(self) -> Iterator[None]:
        """The transaction with its snapshot, begun again where somebody altered the schema at this moment."""
        warnings = targets.of(self._job).keep_off()
        self._seen = targets.of(self._job).look()
        with ExitStack() as stack:
            self._now = self._steadied(stack)
            self._now.warnings.extend((*warnings, *self._seen.warnings))
            yield

    def commit(self) -> None:
        """Bring the file over what was written, and commit both.

        Raises `errors.*`, and psycopg's for what is deferred; then neither was, or where PostgreSQL didn't answer any
        more, the next run will see to it.
        """
        # What is deferred may write rows, which are to be read, and would run with what masks are computed with.
        self._lent.conn.execute(statements.get("dual", "fire_deferred"))
        try:
            with self._lent.reading() as conn:
                Source.of(self._job).give_pads(conn)
                run = sync.run_with(self._context(), self._seen.version)
        except NeedsSync:
            self._lent.conn.rollback()
            sync.under_lock(self._job)
            raise errors.ConcurrencyConflict("the reporting file had to be brought up to date first") from None
        except BaseException as error:
            self._undo()
            if not self._stands():
                raise
            self._warn(f"it is written, although its run did not end in order: {error}")
            return
        self._end(run)

    def _steadied(self, stack: ExitStack) -> SourceSession:
        for more in reversed(range(_ATTEMPTS)):
            with ExitStack() as attempt:
                try:
                    met = self._met(attempt)
                except errors.SchemaMoving:
                    if not more:
                        raise
                else:
                    stack.enter_context(attempt.pop_all())
                    return met
        raise errors.SchemaMoving

    def _met(self, stack: ExitStack) -> SourceSession:
        """What a run knows of the source, seen by the transaction that is about to write."""
        job, lent = self._job, self._lent
        with lent.asking() as conn:
            identity = position.identity(conn)
            if identity.standby:
                raise errors.ConfigError("a dual write needs the primary: [source] url leads to a standby")
            if not _allowed(conn):
                raise errors.ConfigError(
                    "a dual write needs prepared transactions: max_prepared_transactions is 0 on the server",
                    hint=f"set max_prepared_transactions = 20 there and restart it, {_RATHER}",
                )
            reading, listed = position.read_floor(conn), session.lockable(conn, job)
        stack.enter_context(lent.begun())
        with lent.reading() as conn, ExitStack() as looking:
            snapshot, listing = session.looked(conn, job, looking, listed, alone=True)
            listing = session.select(session.without_paused(job, listing), ())
        code = [table.name for table in listing.tables if table.runs_code]
        if code:
            raise errors.ConfigError(
                f"{code[0]} runs other people's code when it is read, which a writer's session must not",
                hint=f"leave it to another config, {_RATHER}",
            )
        return SourceSession(
            lent.conn, identity, reading, replace(snapshot, writes=True), listing.tables, job.settings.sync.margin,
            listing.failures, clocks=reading.clocks, spool=Spool(lent.conn, job.files.link.parent),
        )  # fmt: skip

    def _context(self) -> Context:
        return Context(
            self._job, Options(), Silent(), self._now, self._seen.state, self._deadline, self._began, self._started,
            prepare=self._prepare,
        )  # fmt: skip

    def _prepare(self, run_id: str) -> None:
        prepared.announce(self._job)
        self._lent.prepare(prepared.gid(self._job, run_id))
        self._run_id = run_id

    def _end(self, run: Run) -> None:
        """Nothing that goes wrong here undoes anything: the file is published."""
        self.run = run
        if not self._run_id:
            # It wrote nothing that is copied.
            self._lent.conn.commit()
            return
        faults.point("file_committed")
        try:
            self._lent.finish(prepared.gid(self._job, self._run_id))
            prepared.clear(self._job)
        except errors.NeaptideError as error:
            self._warn(f"it is written, and PostgreSQL will show it after the next run: {error.message}")

    def _stands(self) -> bool:
        """Whether the file was published before its run failed: then that decides, and nothing was undone."""
        with suppress(errors.NeaptideError):
            return bool(self._run_id) and prepared.is_written(self._job, self._run_id)
        return False

    def _undo(self) -> None:
        """What PostgreSQL can't be told now, the next run tells it."""
        if not self._run_id:
            with suppress(psycopg.Error):
                self._lent.conn.rollback()
            return
        with suppress(errors.NeaptideError):
            prepared.recover(self._job)
