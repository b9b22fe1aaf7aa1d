"""Forgets deletes that are older than any file in use: `[sync] tombstone_retention`."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import psycopg

from app import errors, statements
from jobs.engine.deadline import Deadline
from jobs.job import Job
from jobs.source.settings import Session
from jobs.targets.file import beside

EVERY = timedelta(hours=1)
_BATCH = 20_000
_SECONDS = 2.0
# A server that stopped answering must not hold up the next run.
_LONGEST = timedelta(seconds=30)


def purge_sometimes(job: Job, *, every: timedelta = EVERY) -> int:
    """`purge`, if the last look from beside this target was longer ago than `every`; the number deleted.

    It is housekeeping: what goes wrong is left for the next time, the run that calls it is done already.
    """
    looked = job.files.link.with_name(f".{job.files.link.name}.purged")
    if not _due(looked, every):
        return 0
    try:
        beside.touch(looked)
        return purge(job)
    except (psycopg.Error, OSError, errors.NeaptideError):
        return 0


def purge(job: Job) -> int:
    """Delete the tombstones older than the retention, in short transactions for at most two seconds.

    Returns their number; 0 where the role may not, or another is at it. A file that was last synced before them copies
    its tables anew.
    """
    given = {"retention": job.settings.sync.tombstone_retention, "batch": _BATCH}
    until, gone = time.monotonic() + _SECONDS, 0
    limit = Deadline(_LONGEST, job.source)
    with limit, job.source.open("neaptide purge") as conn:
        limit.guard(conn)
        while time.monotonic() < until:
            batch = 0
            with suppress(psycopg.errors.LockNotAvailable):
                batch = _batch(conn, given)
            gone += batch
            if batch < _BATCH:
                break
    return gone


def _batch(conn: Session, given: dict[str, object]) -> int:
    with conn.transaction():
        allowed = conn.execute(statements.get("tombstones", "may_purge")).fetchone()
        if not allowed or not allowed["may"]:
            return 0
        conn.execute(statements.get("tombstones", "lock"))
        row = conn.execute(statements.get("tombstones", "purge"), given).fetchone()
        return row["gone"] if row else 0


def _due(looked: Path, every: timedelta) -> bool:
    """By the wall clock, which may have been set back since: a look that lies ahead says nothing."""
    try:
        return not 0 <= time.time() - looked.lstat().st_mtime <= every.total_seconds()
    except OSError:
        return True
