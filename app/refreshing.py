"""Brings the reporting file up to date before it answers, and says why where it can't be."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app import errors

if TYPE_CHECKING:
    from jobs.job import Job
    from jobs.results import Progress, Run


def by(
    find: Callable[[], Job],
    timeout: timedelta | None,
    progress: Progress | None,
    watched: Callable[[Job], AbstractContextManager[None]],
) -> Callable[[], datetime]:
    """What runs the job once, within `watched`, and returns as of when the file is then.

    That raises `errors.TooStale` where a table stays behind or the `timeout` is over, and what a run would.
    """

    def run() -> datetime:
        from jobs import results
        from jobs.position import clock
        from jobs.run import sync

        since = clock.instant()
        within = timeout.total_seconds() if timeout is not None else None
        try:
            job = find()
            with watched(job):
                done = sync.sync_once(job, since=since, within=within, progress=progress or results.Silent())
        except (errors.LockHeld, errors.SourceTimeout) as error:
            if timeout is None:
                raise
            raise errors.TooStale(
                f"the file could not be brought up to date within {timeout.total_seconds():g} s: {error.message}",
                hint="allow more with --timeout, or an older file with --max-staleness",
            ) from error
        _check_whole(done)
        # The run began after the call, so its moment, by the source's clock, is at or after the one asked for.
        return done.as_of

    return run


def _check_whole(done: Run) -> None:
    if done.failed:
        failed = ", ".join(f"{table.table}: {table.error}" for table in done.failed)
        raise errors.TooStale(f"not every table could be brought up to date: {failed}", hint="see neaptide status")
    paused = [table.table for table in done.tables if table.action == "paused"]
    if paused:
        message = f"{', '.join(paused)} is paused, so the file can't be brought up to date as a whole"
        raise errors.TooStale(message, hint=f"neaptide resume {paused[0]}, or allow an older file")
