"""Says on stderr what a command waits for once that takes a moment: another run, or a source that does not answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobs.job import Job

Say = Callable[[str], object]
# Seconds to the first look, and between looks at the most; how long the source has to answer.
_MOMENT, _PAUSE, _ANSWER = 1.5, 10.0, 2.0


@contextmanager
def shown(say: Say, job: Job) -> Iterator[None]:
    """Look now and then, from a thread, while the work in this block lasts."""
    done = threading.Event()
    threading.Thread(target=_watch, args=(say, job, done), name="waits", daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _watch(say: Say, job: Job, done: threading.Event) -> None:
    pause, before = _MOMENT, ""
    while not done.wait(pause):
        reason = _reason(job)
        if reason and reason != before and not done.is_set():
            say(reason)
        if before and not reason:
            say("the wait is over")
        before, pause = reason, min(_PAUSE, pause * (1 if reason else 1.5))


def _reason(job: Job) -> str:
    """What the command waits for, or nothing."""
    from jobs.source.connection import Source
    from jobs.targets import targets

    holder = targets.of(job).holder()
    if holder:
        return f"waiting for another run to end{holder}"
    for part in job.each:
        if part.away is None and not Source.of(part).answers(_ANSWER):
            of = f" of {part.called}" if job.parts else ""
            return f"waiting for PostgreSQL{of}, which does not answer: the server is stopped, or out of reach"
    return ""
