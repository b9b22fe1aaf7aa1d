"""File locks that the kernel lets go of when their holder dies, however it dies.

`flock` is flock(2). `try_take` takes a lock that others can ask about without taking it (`is_taken`), so that to look
is never to be in the way: on Linux it belongs to the open file description (fcntl(2), F_OFD_SETLK), which unlike a
plain record lock keeps threads of one process apart, and which closing the file elsewhere does not drop. Elsewhere it
is flock(2) as well: the BSDs and macOS keep both kinds in one list, so that F_GETLK, which Linux answers for record
locks only, shows it there, too.
"""

from __future__ import annotations

import fcntl
import os
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app import errors

PAUSE = 0.05
_LINUX = sys.platform == "linux"
# struct flock; the BSDs and macOS put the range first.
_FLOCK = "hhqqi" if _LINUX else "qqihh"
_TYPE = 0 if _LINUX else 3


def take(path: Path) -> int | None:
    """An open file that holds the lock, or None where somebody else holds it. Closing the file lets go.

    A child that inherits the file holds the lock too, until the last of them has ended.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    if os.geteuid() == 0:
        # Root works in another's folder as that one would, who has to be able to go on with it.
        owner = path.parent.stat()
        os.fchown(handle, owner.st_uid, owner.st_gid)
    if not flock(handle):
        os.close(handle)
        return None
    return handle


def held(path: Path) -> bool:
    """Whether somebody holds the lock."""
    if not path.exists():
        return False
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        return not flock(handle, fcntl.LOCK_SH)
    finally:
        os.close(handle)


@contextmanager
def holding(path: Path, timeout: float) -> Iterator[None]:
    """Hold the lock, waiting up to `timeout` seconds for it. Raises `errors.LockHeld` after that."""
    deadline = time.monotonic() + timeout
    while (handle := take(path)) is None:
        if time.monotonic() > deadline:
            raise errors.LockHeld(
                f"{path} is still locked after {timeout:.0f} s", hint="wait for the other command to end"
            )
        time.sleep(PAUSE)
    try:
        yield
    finally:
        os.close(handle)


def flock(fd: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Take flock(2)'s lock on an open file if it is free."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def try_take(fd: int) -> bool:
    """Take the lock if it is free; it is let go of when the file is closed, or its process dies."""
    if not _LINUX:
        return flock(fd)
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _request())
    except BlockingIOError:
        return False
    return True


def is_taken(fd: int, *, by_writer: bool = False) -> bool:
    """Whether somebody else, perhaps in this process, holds a lock on the file, or one for writing. Takes nothing.

    Plain record locks of other processes are seen as well. Raises `OSError` where the file system can't say.
    """
    asked = _request(fcntl.F_RDLCK if by_writer else fcntl.F_WRLCK)
    lock = struct.unpack(_FLOCK, fcntl.fcntl(fd, fcntl.F_GETLK, asked))
    return bool(lock[_TYPE] != fcntl.F_UNLCK)


def _request(kind: int = fcntl.F_WRLCK) -> bytes:
    """The whole file, for writing unless told otherwise."""
    wanted = (kind, os.SEEK_SET, 0, 0, 0) if _LINUX else (0, 0, 0, kind, os.SEEK_SET)
    return struct.pack(_FLOCK, *wanted)
