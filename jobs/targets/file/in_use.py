"""Who has a file open: the question that decides whether its inode may be written to."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from app import file_lock


def is_open(path: Path) -> bool:
    """Whether any process, this one too, has the file open.

    Linux knows: a write lease (fcntl(2), F_SETLEASE) is given only for a file that nobody else has open. Where leases
    don't exist, DuckDB's own lock shows other processes. That lock is lost when its process opens the file a second
    time and closes it, so handles of this process are looked up by inode.
    """
    if _open_here(path):
        return True
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        leased = _leased(fd)
        return _locked_elsewhere(fd) if leased is None else leased
    finally:
        os.close(fd)


def has_writer(path: Path) -> bool:
    """Whether another process has the file open by a DuckDB that may write, so that nobody else can open it."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return file_lock.is_taken(fd, by_writer=True)
    except OSError:
        return False
    finally:
        os.close(fd)


def _open_here(path: Path) -> bool:
    wanted = path.stat()
    for name in Path("/dev/fd").iterdir():
        with suppress(OSError, ValueError):
            status = os.fstat(int(name.name))
            if (status.st_dev, status.st_ino) == (wanted.st_dev, wanted.st_ino):
                return True
    return False


def _leased(fd: int) -> bool | None:
    """Whether the kernel refuses a lease because the file is open elsewhere; None where it gives none at all."""
    if sys.platform != "linux":
        return None
    try:
        # Whoever opens the file in this moment waits for us to let go; its signal would be SIGIO, which ends a process.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return None
    return False


def _locked_elsewhere(fd: int) -> bool:
    """Ask who would be in the way of a lock; to take it would lock out a reader that comes in this moment."""
    try:
        return file_lock.is_taken(fd)
    except OSError:
        return True
