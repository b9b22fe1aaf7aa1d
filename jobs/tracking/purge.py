"""Forgets deletes that are older than any file in use: `[sync] tombstone_retention`."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg

from app import statements
from jobs.engine.deadline import Deadline
from jobs.job import Job
from jobs.source.connection import Source
from jobs.source.settings import Session

_BATCH = 20_000
_SECONDS = 2.0
# A server that stopped answering must not hold up the next run.
_LONGEST = timedelta(seconds=30)


@dataclass(frozen=True)
class Purged:
    """How many were deleted, and what is left of them and of events: bytes and rows, None where nobody knows."""

    gone: int
    remaining: dict[str, int] | None
    events: dict[str, int] | None = None


def purge(job: Job) -> Purged:
    """Delete the tombstones older than the retention, in short transactions for at most two seconds.

    None is where the role may not, or another is at it. A file that was last synced before them copies
    its tables anew.
    """
    given = {"retention": job.settings.sync.tombstone_retention, "batch": _BATCH}
    until, gone = time.monotonic() + _SECONDS, 0
    limit = Deadline(_LONGEST, Source.of_owner(job))
    with limit, Source.of_owner(job).open("neaptide purge") as conn:
        limit.guard(conn)
        may, oldest = statements.get("tombstones", "may_purge"), statements.get("tombstones", "purge")
        gone += _emptied(lambda: _batch(conn, may, oldest, given), until)
        # Where a broker hands them on, its relay deletes them, and nobody else.
        if not job.broker_url:
            may_forget, forgotten = statements.get("outbox", "may_forget"), statements.get("outbox", "forget")
            gone += _emptied(lambda: _batch(conn, may_forget, forgotten, given), until)
        return Purged(gone, size(conn), conn.execute(statements.get("outbox", "size")).fetchone())


def _emptied(batch: Callable[[], int], until: float) -> int:
    """Batch after batch, as long as each is full and there is time; the number deleted."""
    gone = 0
    while time.monotonic() < until:
        done = 0
        with suppress(psycopg.errors.LockNotAvailable):
            done = batch()
        gone += done
        if done < _BATCH:
            break
    return gone


def size(conn: psycopg.Connection[dict[str, Any]]) -> dict[str, int] | None:
    """Bytes and rows of the record of deleted keys, by the last count; None where there is none."""
    return conn.execute(statements.get("tombstones", "size")).fetchone()


def _batch(conn: Session, may: str, statement: str, given: dict[str, object]) -> int:
    """Some of the oldest of one record, where the role may."""
    with conn.transaction():
        allowed = conn.execute(may).fetchone()
        if not allowed or not allowed["may"]:
            return 0
        conn.execute(statements.get("tombstones", "lock"))
        row = conn.execute(statement, given).fetchone()
        return row["gone"] if row else 0
