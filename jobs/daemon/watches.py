"""Watches each of several sources for commits, in a thread of its own: one that is away keeps no other asleep.

No source's lock decides who leads here: the lock beside the target does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from psycopg.rows import tuple_row

from app import errors
from jobs import backoff
from jobs.backoff import Backoff
from jobs.daemon import lead, wake
from jobs.job import Job
from jobs.source import patience
from jobs.source.connection import Source
from jobs.source.failures import translated

Wait = Callable[[float], bool]


class Watches:
    """One watcher for each source until `wait` says to end; `woken` is called when something was committed."""

    def __init__(self, job: Job, wait: Wait, woken: Callable[[], None]) -> None:
        self._wait, self._woken = wait, woken
        self._log = structlog.get_logger()
        self._threads = [
            threading.Thread(target=self._watch, args=(part,), name=f"watch {part.part}", daemon=True)
            for part in job.parts
        ]

    def start(self) -> None:
        """Begin to watch."""
        for thread in self._threads:
            thread.start()

    def _watch(self, part: Job) -> None:
        reach = Backoff()
        while not self._wait(0):
            try:
                self._follow(part, reach)
            except errors.NeaptideError as error:
                if not reach.failures:
                    self._log.warning(f"{part.called}: {error.message}", action="source_unreachable", source=part.part)
                self._wait(backoff.until_reached(reach, error).total_seconds())

    def _follow(self, part: Job, reach: Backoff) -> None:
        with (
            translated(),
            Source.of(part).open(lead.APPLICATION, lead.SETTINGS, limit=patience.ANSWER, **lead.KEEPALIVE) as conn,
        ):
            conn.row_factory = tuple_row
            watcher = wake.Watcher(conn, part, lambda: part.sessions.log if part.sessions is not None else None)
            watcher.look(time.monotonic())
            if reach.failures:
                self._log.info(f"{part.called} can be reached again", action="recovered", source=part.part)
                reach.succeeded()
                self._again(part)
            # What was committed before that look may have come after the snapshot of the run before.
            self._woken()
            while not watcher.rest(self._wait):
                if watcher.look(time.monotonic()):
                    self._woken()

    def _again(self, part: Job) -> None:
        """The next run asks it, however long it was away."""
        if part.sessions is not None:
            part.sessions.away = None
