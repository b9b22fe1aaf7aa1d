"""Which of several daemons on one target may run: one lock beside the file, one in PostgreSQL.

The lock on the file keeps daemons of one machine apart, and of several where the file system passes locks on. The
advisory lock keeps apart daemons of several machines: its key is an id that is kept beside the target, so two
daemons that see the same file have the same key, and two that keep copies of their own have different ones. Both
locks go with the process that holds them.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from psycopg.rows import tuple_row

from app import errors, statements
from jobs import sessions
from jobs.files import Files
from jobs.job import Job
from jobs.sessions import Session
from jobs.source import translated

# A daemon that vanished without a word is forgotten by the server after 5 + 3 * 2 s.
_KEEPALIVE = {
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
_SETTINGS = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "statement_timeout": "10000",
}
LOOK_AGAIN = 0.5
Wait = Callable[[float], bool]


class GaveUp(Exception):
    """Nobody wants the lock any more."""


@contextmanager
def local_lock(files: Files, wait: Wait, standing_by: Callable[[], None]) -> Iterator[str]:
    """Hold the lock beside the target, waiting for it; yields the target's id.

    `wait(seconds)` pauses and says whether to give up, which raises `GaveUp`; `standing_by` is called once
    when the lock is found held.
    """
    try:
        files.link.parent.mkdir(parents=True, exist_ok=True)
        handle = files.link.with_name(f"{files.link.name}.daemon.lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise errors.TargetUnusable(f"{files.link.parent} can't be written: {error.strerror}") from error
    with handle:
        _until(lambda: _try_flock(handle.fileno()), wait, standing_by)
        handle.seek(0)
        found = handle.read().strip()
        if not found:
            found = secrets.token_hex(16)
            handle.write(found)
            handle.flush()
            os.fsync(handle.fileno())
        yield found


@contextmanager
def source_lock(job: Job, target_id: str, wait: Wait, standing_by: Callable[[], None]) -> Iterator[Session]:
    """Hold the target's advisory lock on a connection of its own, waiting for it; yields the connection.

    Raises `errors.SourceUnavailable` and the like, also later where the connection is used: then the lock is gone.
    """
    with translated(), job.source.open("neaptide daemon", _SETTINGS, **_KEEPALIVE) as conn:
        conn.row_factory = tuple_row
        _until(lambda: take(conn, key(target_id)), wait, standing_by)
        yield conn


def key(target_id: str) -> int:
    """The advisory lock's key: 63 bits of a digest."""
    return int.from_bytes(hashlib.sha256(f"neaptide {target_id}".encode()).digest()[:8], "big") >> 1


def _until(acquire: Callable[[], bool], wait: Wait, standing_by: Callable[[], None]) -> None:
    told = False
    while not acquire():
        if not told:
            standing_by()
            told = True
        if wait(LOOK_AGAIN):
            raise GaveUp


def _try_flock(fd: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def take(conn: Session, number: int) -> bool:
    """Take the advisory lock if it is free. Raises `errors.ConfigError`, and takes none, where this is no session."""
    given = {"key": number, "backend": conn.backend}
    row = conn.cursor(row_factory=tuple_row).execute(statements.get("daemon", "take_lead"), given).fetchone()
    assert row is not None
    sessions.check(conn, row[0])
    return bool(row[1])
