"""The process that runs for months: an agenda decides when, `sync_once` does the work, this holds them together.

The thread `lead` takes the target's locks, then watches for commits. While it leads, the scheduler runs the sync in a
thread of its own; its events decide when to try again. The main thread only waits for signals, and looks at the clock.
"""

from __future__ import annotations

import threading

from jobs.daemon.alerting import Alerting
from jobs.daemon.leader import Leader
from jobs.daemon.relaying import Relaying
from jobs.daemon.runs import Runs
from jobs.job import Job
from jobs.sessions import OpenSessions
from jobs.status.board import Board


class Service:
    """The daemon's work for one version of the config: `start`, `end`, perhaps `cut`, and when it `ended`, `close`."""

    def __init__(self, job: Job, board: Board) -> None:
        self.job = job.with_sessions(OpenSessions())
        self.job.open_sessions.backs_off = True
        self._stopping = threading.Event()
        self._alerts, self._relaying = Alerting(job, board), Relaying(job)
        self._runs = Runs(self.job, board, self._alerts, self._stopping)
        self.leader = Leader(self.job, board, self._runs, self._runs.teller, self._alerts, self._stopping)
        self.job.open_sessions.permit = self.leader.must_lead

    def start(self) -> None:
        """Begin to lead, or to stand by."""
        self._runs.start()
        self._alerts.start()
        self._relaying.start()
        self.leader.start()

    def tick(self) -> None:
        """To be called about once a second: whatever is done to the wall clock, runs come when they are due."""
        self._runs.tick()

    def end(self) -> None:
        """Start no more runs, and give up the lead when the one in hand is done."""
        self._stopping.set()
        self._runs.pause()

    def cut(self) -> None:
        """Tell the run in hand to stop; it rolls back."""
        self._runs.cut()

    def ended(self) -> bool:
        """Whether nothing runs any more and the locks are given back."""
        return self._runs.idle() and not self.leader.alive()

    def close(self) -> None:
        """Free what an ended service still holds."""
        self._runs.close()
        self._relaying.close()
        self._alerts.close()
        self.job.open_sessions.close()

    def alive(self) -> bool:
        """Whether every part works: the threads, and no run beyond its deadline. For the watchdog and /healthz."""
        return self.leader.alive() and self._runs.alive()
