"""Hooks beside the runs of a daemon: a command that takes its time holds up no run, and gets the newest one then."""

from __future__ import annotations

import threading

import structlog

from jobs.hooks import calls
from jobs.hooks.command import Command
from jobs.job import Job
from jobs.results import Run


class Hooks:
    """One thread at a time, and only while there is something to do."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: list[Run] = []
        self._thread: threading.Thread | None = None
        self._command: Command | None = None
        self._closed = False
        self._log = structlog.get_logger()

    def queue(self, job: Job, run: Run) -> Run:
        """Have the commands called for this run, now or after those that are under way."""
        if job.settings.hooks.after_publish and run.changed:
            with self._guard:
                self._waiting.append(run)
                if self._thread is None and not self._closed:
                    self._thread = threading.Thread(target=self._work, args=(job,), name="hooks", daemon=True)
                    self._thread.start()
        return run

    def close(self) -> None:
        """Call no more, and end the command in hand."""
        with self._guard:
            self._closed, thread, command = True, self._thread, self._command
        if command is not None and thread is not None and thread.is_alive():
            command.end()

    def _work(self, job: Job) -> None:
        while runs := self._taken():
            for warning in calls.call(job.settings, runs, self._began):
                self._log.warning(warning, action="hook_failed", run_id=runs[-1].run_id)
            self._log.debug("the hooks were called", action="hooks_done", run_id=runs[-1].run_id, runs=len(runs))

    def _taken(self) -> list[Run]:
        """All that wait; where there are none, the thread has to go, and the next run starts another."""
        with self._guard:
            runs, self._waiting = ([] if self._closed else self._waiting), []
            if not runs:
                self._thread = None
            return runs

    def _began(self, command: Command) -> None:
        with self._guard:
            self._command = command
            closed = self._closed
        if closed:
            command.end()
