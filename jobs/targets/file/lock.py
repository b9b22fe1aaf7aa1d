"""The lock of a target: one run at a time, and anybody may ask whose it is without being in its way."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from app import errors, file_lock, notes
from jobs.beside import private, smallfile
from jobs.beside.names import Names


@contextmanager
def locked(files: Names, *, wait: bool = True, timeout: float | None = None) -> Iterator[None]:
    """Hold the target's lock; the kernel lets go of it when the process dies.

    Raises `errors.LockHeld` when another run holds it and `wait` is false, or for longer than `timeout` seconds.
    """
    handle = smallfile.open_lock(files.lock)
    try:
        _acquire(handle, files, wait=wait, timeout=timeout)
        _sign(handle)
        try:
            yield
        finally:
            private.leave(files)
    finally:
        os.close(handle)


def is_locked(files: Names) -> bool:
    """Whether a run is under way, in whatever process; asked without taking the lock, even for an instant."""
    try:
        handle = notes.open_plain(files.lock, os.O_RDONLY)
    except OSError:
        return False
    try:
        return file_lock.is_taken(handle)
    except OSError:
        return False
    finally:
        os.close(handle)


def holder(files: Names) -> str:
    """Which other process holds the target's lock, in brackets; empty where it is free, or this one's."""
    if not is_locked(files):
        return ""
    process = _holder(files.lock)
    return "" if process.startswith(f" (process {os.getpid()} ") else process or " (process unknown)"


def _sign(fd: int) -> None:
    """Say who holds the lock; only for the message of whoever waits, so a full disk is no reason to stop."""
    with suppress(OSError):
        os.ftruncate(fd, 0)
        os.pwrite(fd, json.dumps({"pid": os.getpid(), "since": datetime.now(UTC).isoformat()}).encode(), 0)


def _acquire(fd: int, files: Names, *, wait: bool, timeout: float | None) -> None:
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        if file_lock.try_take(fd):
            return
        if not wait or (deadline is not None and time.monotonic() > deadline):
            raise errors.LockHeld(f"another run holds {files.lock}{_holder(files.lock)}", hint="wait for it to end")
        time.sleep(0.02)


def _holder(lock: Path) -> str:
    held = notes.parsed(lock)
    pid, since = held.get("pid"), held.get("since")
    with suppress(TypeError, ValueError):
        return f" (process {int(str(pid))} since {datetime.fromisoformat(str(since)).isoformat()})"
    return ""
