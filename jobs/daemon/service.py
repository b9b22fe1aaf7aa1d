"""The process that runs for months: an agenda decides when, `sync_once` does the work, this holds them together.

The thread `lead` takes the target's locks, then watches for commits. While it leads, the scheduler runs the sync in a
thread of its own; its events decide when to try again. The main thread only waits for signals, and looks at the clock.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import structlog
from apscheduler import events

from app import errors
from jobs.daemon import lead, wake
from jobs.daemon.agenda import Agenda
from jobs.daemon.alerting import Alerting
from jobs.daemon.backoff import Backoff
from jobs.daemon.hooks import Hooks
from jobs.daemon.report import Teller
from jobs.job import Job
from jobs.results import Run
from jobs.run import sync
from jobs.sessions import Keep
from jobs.status import board as health
from jobs.status.board import Board

# How often the leader looks whether it still leads where it doesn't look for commits.
_HEARTBEAT = 1.0
# To ask a server that is away costs nobody anything, and it should be back in use soon after it is back.
_REACH_CAP = timedelta(seconds=15)
# How long a run may wait before it publishes for a connection that broke to be made again.
_REGAIN = 20.0
# How far beyond its deadline a run is before it counts as stuck.
_STUCK = timedelta(minutes=1)


class Service:
    """The daemon's work for one version of the config: `start`, `end`, perhaps `cut`, and when it `ended`, `close`."""

    def __init__(self, job: Job, board: Board) -> None:
        self.job = replace(job, keep=Keep())
        self.board = board
        self.log = structlog.get_logger()
        self._stopping = threading.Event()
        self._lead = threading.Thread(target=self._take_lead, name="lead", daemon=True)
        self._agenda = Agenda(job.settings.schedule, self._heard)
        self._tell = Teller(job.files, board, lambda: self._agenda.next_run)
        self._guard = threading.Lock()
        self._leading = threading.Event()
        self._lock: wake.Session | None = None
        # The server's processes that this daemon had the lock in.
        self._own: set[int] = set()
        self._hooks, self._alerts = Hooks(), Alerting(job, board)
        self._idle = threading.Event()
        self._idle.set()
        self._again = False
        # When the last run began, by the monotonic clock.
        self._began = float("-inf")
        self._runs, self._reach = Backoff(), Backoff(cap=_REACH_CAP)
        self.job.keep_open.permit = self._must_lead

    # From outside

    def start(self) -> None:
        """Begin to lead, or to stand by."""
        self._agenda.start()
        self._alerts.start()
        self._lead.start()

    def tick(self) -> None:
        """To be called about once a second: whatever is done to the wall clock, runs come when they are due."""
        step = self._agenda.look()
        if step:
            self._tell.clock_was_set(step)

    def end(self) -> None:
        """Start no more runs, and give up the lead when the one in hand is done."""
        self._stopping.set()
        self._agenda.pause()

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
        self._agenda.close()
        self._hooks.close()
        self._alerts.close()
        self.job.keep_open.close()

    def alive(self) -> bool:
        """Whether every part works: the threads, and no run beyond its deadline. For the watchdog and /healthz."""
        limit = self.job.settings.sync.deadline + _STUCK
        stuck = not self._idle.is_set() and time.monotonic() - self._began > limit.total_seconds()
        return self._lead.is_alive() and self._agenda.working and not stuck

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
                with lead.local_lock(self.job.files, self._wait, self._tell.stands_by) as target_id:
                    self._lead_on(target_id)
            except lead.GaveUp:
                return
            except errors.NeaptideError as error:
                self._unreachable(error)

    def _lead_on(self, target_id: str) -> None:
        """Hold the source's lock and watch, and begin again whenever the connection breaks."""
        while not self._wait(0):
            try:
                with lead.source_lock(self.job, target_id, self._wait, self._tell.stands_by, self._own) as conn:
                    self._lock = conn
                    self._watch(conn)
                    # The lock is kept until nothing is written any more.
                    self._idle.wait()
            except errors.Retryable as error:
                self._yield_lead()
                self._unreachable(error)
            finally:
                self._yield_lead()

    def _watch(self, conn: wake.Session) -> None:
        wakes = self.job.settings.schedule.wake_on_commit
        watcher = wake.Watcher(conn, self.job if wakes else None, lambda: self.job.keep_open.log)
        # Before the first run: what comes after this look is new to the watcher, what came before is in the run.
        watcher.look(time.monotonic())
        # Not before: who leads and fails at the first question would begin anew without a pause.
        self._reached()
        self._begin_runs()
        while not (watcher.rest(self._wait) if wakes else self._wait(_HEARTBEAT)):
            if watcher.look(time.monotonic()):
                self.board.wakes += 1
                self._request()

    def _yield_lead(self) -> None:
        self._leading.clear()
        self._agenda.pause()

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
        with suppress(psycopg.Error, errors.SourceUnavailable):
            return conn is not None and conn.execute("SELECT 1").fetchone() is not None
        return False

    def _unreachable(self, error: errors.NeaptideError) -> None:
        """Away at start or later: wait for it, longer each time."""
        if self._wait(0):
            return
        pause = self._reach.failed()
        self._tell.unreachable(error, pause)
        self._alerts.failed(error.message)
        self._wait(pause.total_seconds())

    def _reached(self) -> None:
        self._reach.succeeded()
        self._leading.set()
        self._tell.leads()

    # Scheduling

    def _begin_runs(self) -> None:
        """Run now, and from now on by the schedule."""
        self._runs.succeeded()
        self._agenda.begin(self._run)

    def _request(self) -> None:
        """Something was committed: run soon, or once more after the run in hand; after a failure in due time."""
        with self._guard:
            if not self._idle.is_set():
                self._again = True
            elif not self._runs.failures:
                self._run_soon()

    def _run_soon(self) -> None:
        """As soon as the last run is long enough ago."""
        pause = self.job.settings.schedule.min_interval.total_seconds()
        self._agenda.run_in(self._began + pause - time.monotonic())

    def _run(self) -> Run:
        """One run, by the scheduler, in its worker thread."""
        with self._guard:
            self._began = time.monotonic()
            self._idle.clear()
            self._again = False
            self._agenda.began()
        try:
            return sync.sync_once(self.job, after=self._hooks.queue)
        finally:
            self._idle.set()

    # Events: in the thread of the run, after it

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
        self._runs.succeeded()
        self._tell.ran(run, time.monotonic() - self._began)
        self._alerts.ran(run)
        with self._guard:
            if self._again:
                self._run_soon()
        self._tell.leave_state(always=False)

    def _run_failed(self, error: BaseException) -> None:
        if self._stopping.is_set():
            self.log.info("the run in hand was rolled back", action="run_rolled_back")
            return
        pause = self._runs.failed()
        self._tell.run_failed(error, pause)
        self._alerts.failed(error.message if isinstance(error, errors.NeaptideError) else type(error).__name__)
        self._agenda.run_in(pause.total_seconds())
        self._tell.leave_state()
