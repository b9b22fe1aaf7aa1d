"""Whether this daemon leads: it takes the target's locks, then watches for commits, in a thread of its own."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

import psycopg
import structlog

from app import errors, statements
from jobs import backoff
from jobs.backoff import Backoff
from jobs.daemon import lead, wake
from jobs.daemon.alerting import Alerting
from jobs.daemon.report import Teller
from jobs.daemon.runs import Runs
from jobs.daemon.watches import Watches
from jobs.job import Job
from jobs.status import board as health
from jobs.status.board import Board

# How often the leader looks whether it still leads where it doesn't look for commits.
_HEARTBEAT = 1.0
# How long a run may wait before it publishes for a connection that broke to be made again.
_REGAIN = 20.0


class Leader:
    """Leads, or stands by, until `stopping` is set; while it leads, there are runs."""

    def __init__(
        self, job: Job, board: Board, runs: Runs, teller: Teller, alerts: Alerting, stopping: threading.Event
    ) -> None:
        self._job, self._board, self._runs, self._teller, self._alerts = job, board, runs, teller, alerts
        self._log = structlog.get_logger()
        self._stopping = stopping
        self._thread = threading.Thread(target=self._take_lead, name="lead", daemon=True)
        self._leading = threading.Event()
        self._lock: wake.Session | None = None
        # The server's processes that this daemon had the lock in.
        self._own: set[int] = set()
        self._reach = Backoff()

    def start(self) -> None:
        """Begin to lead, or to stand by."""
        self._thread.start()

    def alive(self) -> bool:
        """Whether it does either still."""
        return self._thread.is_alive()

    def _wait(self, seconds: float) -> bool:
        return self._stopping.wait(seconds)

    def _take_lead(self) -> None:
        try:
            self._lead_locally()
        except Exception:
            self._log.exception("the daemon can't go on", action="broken")
            raise
        finally:
            self._leading.clear()

    def _lead_locally(self) -> None:
        """Hold the lock beside the file, and lead."""
        while not self._wait(0):
            try:
                with lead.local_lock(self._job.files, self._wait, self._teller.stands_by) as target_id:
                    self._lead_on(target_id)
            except lead.GaveUp:
                return
            except errors.NeaptideError as error:
                self._unreachable(error)

    def _lead_on(self, target_id: str) -> None:
        """Hold the source's lock and watch, and begin again whenever the connection breaks."""
        if self._job.parts:
            self._lead_several()
        while not self._wait(0):
            try:
                with lead.source_lock(self._job, target_id, self._wait, self._teller.stands_by, self._own) as conn:
                    self._lock = conn
                    self._watch(conn)
                    # The lock is kept until nothing is written any more.
                    self._runs.wait()
            except errors.Retryable as error:
                self._yield_lead()
                self._unreachable(error)
            finally:
                self._yield_lead()

    def _lead_several(self) -> None:
        """Of several sources none has the lock: the one beside the target is all there is."""
        watches = Watches(self._job, self._wait, self._woken)
        self._reached()
        self._runs.begin()
        if self._job.settings.schedule.wake_on_commit:
            watches.start()
        try:
            while not self._wait(_HEARTBEAT):
                pass
            self._runs.wait()
        finally:
            self._yield_lead()

    def _woken(self) -> None:
        self._board.wakes += 1
        self._runs.request()

    def _watch(self, conn: wake.Session) -> None:
        wakes = self._job.settings.schedule.wake_on_commit
        sessions = self._job.open_sessions
        watcher = wake.Watcher(conn, self._job if wakes else None, lambda: sessions.log, lambda: sessions.stream)
        # Before the first run: what comes after this look is new to the watcher, what came before is in the run.
        watcher.look(time.monotonic())
        # Not before: who leads and fails at the first question would begin anew without a pause.
        self._reached()
        self._runs.begin()
        while not (self._rest(watcher) if wakes else self._wait(_HEARTBEAT)):
            if watcher.look(time.monotonic()):
                self._woken()

    def _rest(self, watcher: wake.Watcher) -> bool:
        """Until something may have come. What the log brings during a run is that run's, or waits for its end."""
        if watcher.only_log:
            self._runs.wait(wake.SLICE)
        return watcher.rest(self._wait)

    def _yield_lead(self) -> None:
        self._leading.clear()
        self._runs.pause()

    def must_lead(self) -> None:
        """Called by a run before it publishes: another daemon may have taken over while the connection was broken."""
        until = time.monotonic() + _REGAIN
        while not (self._leading.is_set() and self._holds_lock()):
            if self._board.state == health.STANDBY or time.monotonic() > until:
                raise errors.SourceUnavailable(
                    "the connection that holds the daemon's lock is gone: nothing is published"
                )
            time.sleep(wake.PAUSE)

    def _holds_lock(self) -> bool:
        """Ask on its own connection: a process or a machine that stood still has lost it without a word."""
        if self._job.parts:
            return True
        conn = self._lock
        with suppress(psycopg.Error, errors.SourceUnavailable):
            return conn is not None and conn.execute(statements.get("session", "alive")).fetchone() is not None
        return False

    def _unreachable(self, error: errors.NeaptideError) -> None:
        """Away at start or later: wait for it, longer each time."""
        if self._wait(0):
            return
        pause = backoff.until_reached(self._reach, error)
        self._teller.unreachable(error, pause)
        self._alerts.failed(error.message)
        self._wait(pause.total_seconds())

    def _reached(self) -> None:
        self._reach.succeeded()
        self._leading.set()
        self._teller.leads()
