"""The daemon's runs: when the next one begins, and what follows from how one ended."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import structlog
from apscheduler import events

from app import errors
from jobs.backoff import Backoff
from jobs.daemon.agenda import Agenda
from jobs.daemon.alerting import Alerting
from jobs.daemon.hooks import Hooks
from jobs.daemon.report import Teller
from jobs.job import Job
from jobs.results import Run
from jobs.run import sync
from jobs.status.board import Board

# How far beyond its deadline a run is before it counts as stuck.
_STUCK = timedelta(minutes=1)
# How long tables that failed are left alone at most, but for as many times as long as the run took.
_AGAIN, _SHARE = timedelta(seconds=5), 10


class Runs:
    """One run after another, by the schedule and on request, each in the scheduler's worker thread."""

    def __init__(self, job: Job, board: Board, alerts: Alerting, stopping: threading.Event) -> None:
        self._job, self._board, self._alerts, self._stopping = job, board, alerts, stopping
        self._log = structlog.get_logger()
        self._agenda = Agenda(job.settings.schedule, self._heard)
        self.teller = Teller(job.files, board, lambda: self._agenda.next_run)
        self._hooks = Hooks()
        self._guard = threading.Lock()
        self._idle = threading.Event()
        self._idle.set()
        self._again = False
        # When the last run began, by the monotonic clock.
        self._began = float("-inf")
        self._backoff = Backoff()
        # Of runs that left tables as they were; what was committed in others is waited for by none.
        self._behind = Backoff(cap=_AGAIN)

    def start(self) -> None:
        """Start the scheduler, without a run."""
        self._agenda.start()

    def tick(self) -> None:
        """Whatever was done to the wall clock, the next run comes when it is due."""
        step = self._agenda.look()
        if step:
            self.teller.clock_was_set(step)

    def pause(self) -> None:
        """No more runs until `begin`; one in hand goes on."""
        self._agenda.pause()

    def cut(self) -> None:
        """Tell the run in hand to stop; it rolls back."""
        if not self._idle.is_set():
            self._log.warning("the run in hand is cut short", action="run_cut")
            self._job.open_sessions.cancel()

    def idle(self) -> bool:
        """Whether none is under way."""
        return self._idle.is_set()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until none is under way, at most so long."""
        self._idle.wait(seconds)

    def alive(self) -> bool:
        """Whether the scheduler works, and no run is beyond its deadline."""
        limit = self._job.settings.sync.deadline * len(self._job.each) + _STUCK
        stuck = not self._idle.is_set() and time.monotonic() - self._began > limit.total_seconds()
        return self._agenda.working and not stuck

    def close(self) -> None:
        """Free what is still held, once none is under way."""
        self._agenda.close()
        self._hooks.close()

    def begin(self) -> None:
        """Run now, and from now on by the schedule."""
        self._backoff.succeeded()
        self._agenda.begin(self._run)

    def request(self) -> None:
        """Something was committed: run soon, or once more after the run in hand; after a failure in due time."""
        with self._guard:
            if not self._idle.is_set():
                self._again = True
            elif not self._backoff.failures:
                self._run_soon()

    def _run_soon(self) -> None:
        """As soon as the last run is long enough ago."""
        self._agenda.run_in(self._began + self._job.settings.bundled.total_seconds() - time.monotonic())

    def _run(self) -> Run:
        """One run, by the scheduler, in its worker thread."""
        with self._guard:
            self._began = time.monotonic()
            self._idle.clear()
            self._again = False
            self._agenda.began()
        try:
            return sync.sync_once(self._job, after=self._hooks.queue)
        finally:
            self._idle.set()

    def _heard(self, event: Any) -> None:
        """Called in the thread of the run, after it."""
        if event.code == events.EVENT_JOB_EXECUTED:
            self._ran(event.retval)
        elif event.code == events.EVENT_JOB_ERROR:
            self._run_failed(event.exception)
        elif event.code == events.EVENT_JOB_MAX_INSTANCES:
            with self._guard:
                self._again = True
            self._board.skipped += 1
            self._log.debug("a run is still under way; the next one follows it", action="run_overlap")
        else:
            self._log.warning("a run was missed", action="run_missed")

    def _ran(self, run: Run) -> None:
        took = time.monotonic() - self._began
        self._backoff.succeeded()
        self.teller.ran(run, took)
        self._alerts.ran(run)
        with self._guard:
            self._look_again(run, took)
            if self._again:
                self._run_soon()
        self.teller.leave_state(always=False)

    def _look_again(self, run: Run, took: float) -> None:
        """Tables that were left as they were are tried again: nothing tells when a slot, a right or a broker is back.

        A run that takes its time, as one that reads all of a table in vain, is left longer.
        """
        if run.failed:
            self._agenda.run_within(max(self._behind.failed().total_seconds(), _SHARE * took))
        else:
            self._behind.succeeded()

    def _run_failed(self, error: BaseException) -> None:
        if self._stopping.is_set():
            self._log.info("the run in hand was rolled back", action="run_rolled_back")
            return
        pause = self._backoff.failed()
        self.teller.run_failed(error, pause)
        self._alerts.failed(error.message if isinstance(error, errors.NeaptideError) else type(error).__name__)
        self._agenda.run_in(pause.total_seconds())
        self.teller.leave_state()
