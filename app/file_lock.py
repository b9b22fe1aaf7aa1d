"""File locks that the kernel lets go of when their holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app import errors

PAUSE = 0.05


def take(path: Path) -> int | None:
    """An open file that holds the lock, or None where somebody else holds it. Closing the file lets go.

    A child that inherits the file holds the lock too, until the last of them has ended.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    if os.geteuid() == 0:
        # Root works in another's folder as that one would, who has to be able to go on with it.
        owner = path.parent.stat()
        os.fchown(handle, owner.st_uid, owner.st_gid)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


def held(path: Path) -> bool:
    """Whether somebody holds the lock."""
    if not path.exists():
        return False
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


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
