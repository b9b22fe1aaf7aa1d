"""Which of several daemons on one target may run: one lock beside the file, one in PostgreSQL.

The lock on the file keeps daemons of one machine apart, and of several where the file system passes locks on. The
advisory lock keeps apart daemons of several machines: its key is an id that is kept beside the target, so two
daemons that see the same file have the same key, and two that keep copies of their own have different ones. Both
locks go with the process that holds them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg.rows import dict_row, tuple_row

from app import file_lock, statements
from jobs.beside import identity, smallfile
from jobs.beside.names import Names
from jobs.job import Job
from jobs.source import patience, settings
from jobs.source.connection import Source
from jobs.source.failures import translated
from jobs.source.settings import Session
from jobs.status import board

# A daemon that vanished without a word is forgotten by the server after 5 + 3 * 2 s.
KEEPALIVE = {
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
SETTINGS = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    # A look at the tables neither waits for one that somebody holds nor takes long.
    "statement_timeout": "10000",
    "lock_timeout": "500",
}
LOOK_AGAIN = 0.5
# The name that a daemon's session has in pg_stat_activity, with its process behind it.
APPLICATION = "neaptide daemon"
Wait = Callable[[float], bool]


class GaveUp(Exception):
    """Nobody wants the lock any more."""


@dataclass(frozen=True)
class Holder:
    """Who has a lock that a daemon waits for."""

    text: str
    is_daemon: bool = True
    pid: int | None = None
    own_role: str = ""

    @property
    def complaint(self) -> str:
        """What is wrong where no daemon of one's own role has it: any login role can take an advisory lock."""
        return (
            f"the lock of this target's daemon is held by {self.text}, which is no daemon of role {self.own_role!r}:"
            " nothing is synced until it is let go of"
        )

    @property
    def advice(self) -> str:
        """The next step then."""
        if self.pid is None:
            return "end it: see pg_prepared_xacts"
        return f"find out what it does, and end it: SELECT pg_terminate_backend({self.pid})"


StandBy = Callable[[Holder], None]


@contextmanager
def local_lock(files: Names, wait: Wait, stand_by: StandBy) -> Iterator[str]:
    """Hold the lock beside the target, waiting for it; yields the target's id.

    `wait(seconds)` pauses and says whether to give up, which raises `GaveUp`; `stand_by` is called again and again
    while somebody else holds it.
    """
    handle = smallfile.open_lock(files.beside("daemon.lock"))
    try:
        while not file_lock.flock(handle):
            stand_by(_local_holder(files))
            _pause(wait)
        yield files.shared_id() or identity.of_lock(handle)
    finally:
        os.close(handle)


def _local_holder(files: Names) -> Holder:
    """Whoever left word beside the target; nobody can have that lock who may not write there."""
    daemon = board.read(files) or {}
    return Holder(f"another daemon, process {daemon['pid']}," if daemon.get("alive") else "another daemon")


@contextmanager
def source_lock(job: Job, target_id: str, wait: Wait, stand_by: StandBy, own: set[int]) -> Iterator[Session]:
    """Hold the target's advisory lock on a connection of its own, waiting for it; yields the connection.

    `own` are the server's processes that this daemon had the lock in: it doesn't stand by for itself where the server
    has not noticed yet that a connection broke. Raises `errors.SourceUnavailable` and the like, also later where the
    connection is used: then the lock is gone.
    """
    number = key(target_id)
    with translated(), Source.of(job).open(APPLICATION, SETTINGS, limit=patience.ANSWER, **KEEPALIVE) as conn:
        conn.row_factory = tuple_row
        while not take(conn, number):
            holder = _holder(conn, number)
            if holder is not None and holder.pid not in own:
                stand_by(holder)
            _pause(wait)
        own.clear()
        own.add(conn.backend)
        yield conn


def key(target_id: str) -> int:
    """The advisory lock's key: 63 bits of a digest."""
    return int.from_bytes(hashlib.sha256(f"neaptide {target_id}".encode()).digest()[:8], "big") >> 1


def _pause(wait: Wait) -> None:
    if wait(LOOK_AGAIN):
        raise GaveUp


def take(conn: Session, number: int) -> bool:
    """Take the advisory lock if it is free. Raises `errors.ConfigError`, and takes none, where this is no session."""
    given = {"key": number, "backend": conn.backend}
    row = conn.cursor(row_factory=tuple_row).execute(statements.get("daemon", "take_lead"), given).fetchone()
    assert row is not None
    settings.check(conn, row[0])
    return bool(row[1])


def _holder(conn: Session, number: int) -> Holder | None:
    """Who has the advisory lock; None where it was let go of meanwhile."""
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(statements.get("daemon", "lead_holder"), {"key": number}).fetchone()
    if row is None:
        return None
    if row["pid"] is None:
        return Holder("a prepared transaction", False, None, row["own_role"])
    application = row["application"] or "without a name"
    client = f" from {row['client']}" if row["client"] else ""
    text = f"PostgreSQL's process {row['pid']} of role {row['role']!r} ({application}{client})"
    is_daemon = row["role"] == row["own_role"] and application.startswith(f"{APPLICATION} ")
    return Holder(f"another daemon, {text}," if is_daemon else text, is_daemon, row["pid"], row["own_role"])
