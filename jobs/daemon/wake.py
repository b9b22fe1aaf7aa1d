"""Finds out that something was committed, at a cost that writers don't feel: a poll in two steps.

First `pg_current_snapshot()`: while it stays the same, no transaction that wrote anything began or ended. Only when
it moved, the newest stamp of each table and the newest tombstone are read, one entry of an index each. A change that
this misses (it commits behind a newer stamp and nothing follows) waits for the schedule.

NOTIFY from a trigger would tell a few milliseconds earlier, but all commits that notify queue up behind one lock
(PostgreSQL's commands/async.c, PreCommit_Notify). tests/bench/wake_cost.py measures both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from app import errors, statements
from jobs.job import Job
from jobs.source import catalogue, readiness, settings
from jobs.source.connection import Connection, Source
from jobs.source.failures import translated
from jobs.tables.table import Table

PAUSE = 0.05
# How often it is made sure that the lock is held where no table is to be asked for, in seconds; a stop waits less.
_HEARTBEAT, SLICE = 1.0, 0.2
# What a burst of commits is given to end.
_BURST = 0.002
# How long a look at the tables may take, in seconds, and one at the catalogue.
_LOOK, _CATALOGUE = 12.0, 60.0
# The tables may change under a pattern of the config, or lose their columns.
LEARN_AGAIN = 60.0
_NEWEST_EVENT = "(SELECT o.seq FROM neaptide.outbox AS o ORDER BY o.xid DESC LIMIT 1)"
Session = settings.Session


class Watcher:
    """Remembers what it saw last. Without a job it only finds out whether the connection still works."""

    def __init__(
        self,
        conn: Session,
        job: Job | None,
        log: Callable[[], Any] = lambda: None,
        stream: Callable[[], Any] = lambda: None,
    ) -> None:
        """`log` gives what reads the source's log, if a run has left it open, and `stream` what reads a broker's.

        They tell of commits unasked.
        """
        self._conn = conn
        self._job = job
        self._log = log
        self._stream, self._arrived = stream, 0
        self._came, self._asked_at = 0, float("-inf")
        self._question: sql.Composed | None = None
        self._learn_at = float("-inf")
        self._snapshot: object = None
        self._newest: object = None

    def look(self, now: float) -> bool:
        """Whether a change came since the last look; the first says no. `now` counts seconds, from any beginning.

        Raises `errors.SourceUnavailable` where the connection is gone.
        """
        if self._job is not None and (self._log_moved() or self._stream_moved()):
            return True
        if self.only_log and now - self._asked_at < _HEARTBEAT:
            return False
        self._asked_at = now
        with translated():
            snapshot, backend = self._one(statements.get("daemon", "transactions"))
            settings.check(self._conn, backend)
            if snapshot == self._snapshot or self._job is None:
                return False
            first, self._snapshot = self._snapshot is None, snapshot
            before, self._newest = self._newest, self._ask(self._job, now)
            return not first and self._newest != before

    def rest(self, wait: Callable[[float], bool]) -> bool:
        """Wait for what may be a commit, but not for long; `wait` pauses, and says whether to give up."""
        reader = self._reader()
        if reader is None:
            return wait(PAUSE)
        if self._is_news(reader):
            # A run took it from the stream, and it is none of that run's.
            return wait(0)
        until = time.monotonic() + (_HEARTBEAT if self.only_log and not reader.unseen else PAUSE)
        while time.monotonic() < until and not wait(0):
            if reader.wait(min(SLICE, until - time.monotonic())):
                return wait(_BURST)
        return wait(0)

    def _reader(self) -> Any:
        reader = self._log()
        return None if reader is None or reader.broken else reader

    @property
    def only_log(self) -> bool:
        """Whether there is nothing to ask the server for."""
        return self._question is None and self._learn_at > float("-inf") and self._reader() is not None

    def _log_moved(self) -> bool:
        """Whether the log told of a commit that no run has seen, or broke off, so that a run has to open it again."""
        reader = self._reader()
        if reader is None:
            return False
        try:
            reader.take()
        except (psycopg.Error, OSError, errors.NeaptideError):
            return True
        moved = self._is_news(reader) or reader.unseen
        self._came = reader.came
        return bool(moved)

    def _is_news(self, reader: Any) -> bool:
        """Whether transactions came that no run has dealt with, nor was asked to."""
        return bool(reader.came > max(reader.handled, self._came))

    def _stream_moved(self) -> bool:
        """Whether events arrived in the stream that a run has left open."""
        stream = self._stream()
        before, self._arrived = self._arrived, stream.broker.arrived if stream is not None else 0
        return self._arrived != before

    def _ask(self, job: Job, now: float) -> object:
        if now >= self._learn_at:
            self._question, self._learn_at = question(job), now + LEARN_AGAIN
        if self._question is None:
            return None
        try:
            with self._conn.patient(_LOOK):
                return self._one(self._question)
        except psycopg.errors.LockNotAvailable:
            # Whoever holds it has a transaction id, for the log's sake: the end of that moves the snapshot.
            return self._newest
        except psycopg.errors.QueryCanceled:
            # Nothing is to be had at a price that a look may have: the schedule has to do for a while.
            self._question, self._learn_at = None, now + LEARN_AGAIN
        except psycopg.ProgrammingError:
            # A table or column is gone: look at the catalogue again before the next question.
            self._learn_at = float("-inf")
        return object()

    def _one(self, query: str | sql.Composed) -> tuple[Any, ...]:
        text: Any = query
        row = self._conn.execute(text, prepare=True).fetchone()
        assert row is not None
        return tuple(row)


def question(job: Job) -> sql.Composed | None:
    """What to ask for the tables as they are now; None where nothing has a stamp to look at, or a run would fail."""
    try:
        with _reading(job) as reading, reading.transaction():
            tables = catalogue.look(reading, job.settings).tables
            asked = [table for table in tables if not table.from_events]
            tombstones = any(table.deletes.recorded and table.stamp for table in asked)
            parts = [part for part in map(_newest_stamp, asked) if part]
            if tombstones and readiness.tombstones_readable(reading):
                parts.append(
                    sql.Composed([sql.SQL("(SELECT t.xid FROM neaptide.tombstone AS t ORDER BY t.xid DESC LIMIT 1)")])
                )
            # Where a broker hands them on, the stream tells.
            if len(asked) < len(tables) and not job.broker_url:
                parts.append(sql.Composed([sql.SQL(_NEWEST_EVENT)]))
    except errors.Retryable:
        raise
    except errors.NeaptideError:
        return None
    return sql.SQL("SELECT {}").format(sql.SQL(", ").join(parts)) if parts else None


@contextmanager
def _reading(job: Job) -> Iterator[Connection]:
    """A session that is not one of the runs', and is given up where the server stops answering."""
    with translated(), Source.of(job).open("neaptide watch", limit=_CATALOGUE) as conn:
        conn.isolation_level, conn.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
        yield conn


def _newest_stamp(table: Table) -> sql.Composed | None:
    """The stamp and the writing transaction of the newest row, from the end of the stamp's index."""
    if table.stamp is None:
        return None
    column = sql.Identifier(table.stamp.column)
    return sql.SQL("(SELECT ROW(s.{0}, s.xmin)::text FROM {1} AS s ORDER BY s.{0} DESC LIMIT 1)").format(
        column, sql.Identifier(table.schema, table.relation)
    )
