"""The process that runs for months: APScheduler decides when, `sync_once` does the work, this holds them together.

The thread `lead` takes the target's locks, then watches for commits. While it leads, the scheduler runs the sync in a
thread of its own; its listeners count, log and decide when to try again. The main thread only waits for signals.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import structlog
from apscheduler import events
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from app import errors
from jobs import health, leader, schedule, sync, wake
from jobs.backoff import Backoff, Reporter
from jobs.health import Board
from jobs.job import Job
from jobs.keep import Keep
from jobs.results import Run

_SYNC = "sync"
# How often the leader looks whether it still leads where it doesn't look for commits.
_HEARTBEAT = 1.0
_WRITE_STATE = timedelta(seconds=1)
# To ask a server that is away costs nobody anything, and it should be back in use soon after it is back.
_REACH_CAP = timedelta(seconds=15)
# How long a run may wait before it publishes for a connection that broke to be made again.
_REGAIN = 20.0


class Service:
    """The daemon's work for one version of the config: `start`, `end`, perhaps `cut`, and when it `ended`, `close`."""

    def __init__(self, job: Job, board: Board) -> None:
        self.job = replace(job, keep=Keep())
        self.board = board
        self.log = structlog.get_logger()
        self._stopping = threading.Event()
        self._lead = threading.Thread(target=self._take_lead, name="lead", daemon=True)
        self._scheduler = BackgroundScheduler(
            timezone=schedule.zone(job.settings.schedule),
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._scheduler.add_listener(
            self._heard,
            events.EVENT_JOB_EXECUTED
            | events.EVENT_JOB_ERROR
            | events.EVENT_JOB_MISSED
            | events.EVENT_JOB_MAX_INSTANCES,
        )
        self._guard = threading.Lock()
        self._leading = threading.Event()
        self._lock: wake.Session | None = None
        self._idle = threading.Event()
        self._idle.set()
        self._again = False
        self._began = datetime.min.replace(tzinfo=UTC)
        self._written = datetime.min.replace(tzinfo=UTC)
        self._runs, self._run_reporter = Backoff(), Reporter()
        self._reach, self._reach_reporter = Backoff(cap=_REACH_CAP), Reporter()
        self.job.keep_open.permit = self._must_lead

    # From outside

    def start(self) -> None:
        """Begin to lead, or to stand by."""
        self._scheduler.start(paused=True)
        self._lead.start()

    def end(self) -> None:
        """Start no more runs, and give up the lead when the one in hand is done."""
        self._stopping.set()
        self._pause()

    def cut(self) -> None:
        """Tell the run in hand to stop; it rolls back."""
        if not self._idle.is_set():
            self.log.warning("the run in hand is cut short", action="run_cut")
            self.job.keep_open.cancel()

    def ended(self) -> bool:
        """Whether nothing runs any more and the locks are given back."""
        return self._idle.is_set() and not self._lead.is_alive()

    def close(self) -> None:
        """Free what an ended service still holds."""
        self._scheduler.shutdown(wait=False)
        self.job.keep_open.close()

    def alive(self) -> bool:
        """Whether every part works: the threads, and no run beyond its deadline. For the watchdog and /healthz."""
        since = self.board.running_since
        limit = self.job.settings.sync.deadline + timedelta(minutes=1)
        stuck = since is not None and datetime.now(UTC) - since > limit
        return self._lead.is_alive() and self._scheduler.running and not stuck

    # The thread `lead`

    def _wait(self, seconds: float) -> bool:
        return self._stopping.wait(seconds)

    def _take_lead(self) -> None:
        try:
            self._lead_locally()
        except Exception:
            self.log.exception("the daemon can't go on", action="broken")
            raise
        finally:
            self._leading.clear()

    def _lead_locally(self) -> None:
        """Hold the lock beside the file, and lead."""
        while not self._wait(0):
            try:
                with leader.local_lock(self.job.files, self._wait, self._stand_by) as target_id:
                    self._lead_on(target_id)
            except leader.GaveUp:
                return
            except errors.NeaptideError as error:
                self._unreachable(error)

    def _lead_on(self, target_id: str) -> None:
        """Hold the source's lock and watch, and begin again whenever the connection breaks."""
        while not self._wait(0):
            try:
                with leader.source_lock(self.job, target_id, self._wait, self._stand_by) as conn:
                    self._lock = conn
                    self._reached()
                    self._watch(conn)
                    # The lock is kept until nothing is written any more.
                    self._idle.wait()
            except errors.Retryable as error:
                self._unreachable(error)
            finally:
                self._leading.clear()
                self._pause()

    def _watch(self, conn: wake.Session) -> None:
        wakes = self.job.settings.schedule.wake_on_commit
        watcher = wake.Watcher(conn, self.job if wakes else None)
        # Before the first run: what comes after this look is new to the watcher, what came before is in the run.
        watcher.look(time.monotonic())
        self._begin_runs()
        while not self._wait(wake.PAUSE if wakes else _HEARTBEAT):
            if watcher.look(time.monotonic()):
                self.board.wakes += 1
                self._request()

    def _must_lead(self) -> None:
        """Called by a run before it publishes: another daemon may have taken over while the connection was broken."""
        until = time.monotonic() + _REGAIN
        while not (self._leading.is_set() and self._holds_lock()):
            if self.board.state == health.STANDBY or time.monotonic() > until:
                raise errors.SourceUnavailable(
                    "the connection that holds the daemon's lock is gone: nothing is published"
                )
            time.sleep(wake.PAUSE)

    def _holds_lock(self) -> bool:
        """Ask on its own connection: a process or a machine that stood still has lost it without a word."""
        conn = self._lock
        with suppress(psycopg.Error):
            return conn is not None and conn.execute("SELECT 1").fetchone() is not None
        return False

    def _stand_by(self) -> None:
        self._state(health.STANDBY)
        self.log.info("another daemon keeps this target; standing by", action="standby")

    def _unreachable(self, error: errors.NeaptideError) -> None:
        """Away at start or later: wait for it, longer each time."""
        if self._wait(0):
            return
        self._state(health.WAITING)
        pause = self._reach.failed()
        self._failed(error, pause, self._reach_reporter, "source_unreachable")
        self._wait(pause.total_seconds())

    def _reached(self) -> None:
        self._reach.succeeded()
        self._recovered(self._reach_reporter)
        self._leading.set()
        self._state(health.LEADING)
        self.log.info("this daemon keeps the target", action="leading", target=str(self.job.files.link))

    # Scheduling

    def _begin_runs(self) -> None:
        """Run now, and from now on by the schedule."""
        self._runs.succeeded()
        self._scheduler.add_job(
            self._run, schedule.trigger(self.job.settings.schedule), id=_SYNC, replace_existing=True,
            next_run_time=datetime.now(UTC),
        )  # fmt: skip
        self._scheduler.resume()

    def _pause(self) -> None:
        with suppress(JobLookupError):
            self._scheduler.remove_job(_SYNC)

    def _request(self) -> None:
        """Something was committed: run soon, or once more after the run in hand; after a failure in due time."""
        with self._guard:
            if not self._idle.is_set():
                self._again = True
            elif not self._runs.failures:
                self._run_at(self._began + self.job.settings.schedule.min_interval)

    def _run_at(self, moment: datetime) -> None:
        with suppress(JobLookupError):
            self._scheduler.modify_job(_SYNC, next_run_time=max(moment, datetime.now(UTC)))

    def _run(self) -> Run:
        """One run, by the scheduler, in its worker thread."""
        with self._guard:
            self._idle.clear()
            self._again = False
            self._began = self.board.running_since = datetime.now(UTC)
        try:
            return sync.sync_once(self.job)
        finally:
            with self._guard:
                self.board.running_since = None
                self._idle.set()

    # Listeners: in the thread of the run, after it

    def _heard(self, event: Any) -> None:
        if event.code == events.EVENT_JOB_EXECUTED:
            self._ran(event.retval)
        elif event.code == events.EVENT_JOB_ERROR:
            self._run_failed(event.exception)
        elif event.code == events.EVENT_JOB_MAX_INSTANCES:
            with self._guard:
                self._again = True
            self.board.skipped += 1
            self.log.debug("a run is still under way; the next one follows it", action="run_overlap")
        else:
            self.log.warning("a run was missed", action="run_missed")

    def _ran(self, run: Run) -> None:
        now = datetime.now(UTC)
        self._runs.succeeded()
        self.board.succeeded(run, (now - self._began).total_seconds(), now)
        self._tell(run, now)
        self._tell_failed_tables(run, now)
        for warning in run.warnings:
            self.log.warning(warning, action="run_warning")
        self._plan_next()

    def _tell(self, run: Run, now: datetime) -> None:
        tell = self.log.info if run.changed else self.log.debug
        counts = {
            "rows_in": sum(table.rows_in for table in run.tables),
            "rows_out": sum(table.rows_out for table in run.tables),
        }
        tell(
            "a run brought the file up to date" if run.changed else "a run found nothing changed",
            action="run_done", run_id=run.run_id, as_of=run.as_of.isoformat(), changed=run.changed,
            seconds=round((now - self._began).total_seconds(), 3), **counts,
        )  # fmt: skip

    def _tell_failed_tables(self, run: Run, now: datetime) -> None:
        """Some tables stayed as they were: no reason to run less often, but one to be told."""
        if not run.failed:
            self._recovered(self._run_reporter)
            return
        message = "; ".join(f"{table.table} is left as it was: {table.error}" for table in run.failed)
        self.board.failed(message, now)
        trouble = self._run_reporter.failed(message, now)
        if trouble is not None:
            self.log.error(message, action="table_failed", failures=trouble.count, since=trouble.since.isoformat())

    def _run_failed(self, error: BaseException) -> None:
        if self._stopping.is_set():
            self.log.info("the run in hand was rolled back", action="run_rolled_back")
            return
        pause = self._runs.failed()
        self.board.runs["failed"] += 1
        self._failed(error, pause, self._run_reporter, "run_failed")
        self._run_at(datetime.now(UTC) + pause)
        self._leave_state(always=True)

    def _plan_next(self) -> None:
        with self._guard:
            if self._again:
                self._run_at(self._began + self.job.settings.schedule.min_interval)
        self._leave_state()

    # Telling

    def _failed(self, error: BaseException, pause: timedelta, reporter: Reporter, action: str) -> None:
        now = datetime.now(UTC)
        message = error.message if isinstance(error, errors.NeaptideError) else f"{type(error).__name__}: {error}"
        self.board.failed(message, now)
        trouble = reporter.failed(message, now)
        if trouble is None:
            return
        hint = error.hint if isinstance(error, errors.NeaptideError) else None
        unexpected = None if isinstance(error, errors.NeaptideError) else error  # a bug is told with its traceback
        self.log.error(
            message, action=action, hint=hint, failures=trouble.count, since=trouble.since.isoformat(),
            next_attempt_in=pause.total_seconds(), exc_info=unexpected,
        )  # fmt: skip

    def _recovered(self, reporter: Reporter) -> None:
        over = reporter.succeeded()
        if over is not None:
            self.log.info(
                "it works again", action="recovered", failures=over.count, since=over.since.isoformat(),
                was=over.message,
            )  # fmt: skip

    def _state(self, state: str) -> None:
        self.board.state = state
        self._leave_state(always=True)

    def _leave_state(self, *, always: bool = False) -> None:
        """Write the small file for `status`; at most once a second while all goes well."""
        now = datetime.now(UTC)
        if not always and now - self._written < _WRITE_STATE:
            return
        self._written = now
        found = self._scheduler.get_job(_SYNC)
        self.board.next_run = getattr(found, "next_run_time", None)
        if self.board.state != health.STANDBY:
            with suppress(OSError):
                health.write(self.job.files, self.board)
