"""The id of a target, which its daemons' lock and its replication slot are called after; it stands in the lock's file.

Two processes that see the same file have the same id, and two that keep copies of their own have different ones.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import time
from pathlib import Path

from app import errors
from jobs.beside import smallfile

# What the notes on slots begin with.
SLOT = "slot"
# How long whoever has the lock may take to write the id.
_PATIENCE = 5.0


def of_lock(handle: int) -> str:
    """The id that the lock's file holds, which the caller has locked; a new one where that is none."""
    drawn = _read(handle)
    if not drawn:
        drawn = secrets.token_hex(16)
        os.ftruncate(handle, 0)
        os.pwrite(handle, drawn.encode(), 0)
        os.fsync(handle)
    return drawn


def slot(lock: Path, source: str = "") -> str:
    """The name of the target's replication slot, and of its publication: no other target has it.

    Each of several sources has its own: two of them may be databases of one server, or one database under two names.
    """
    return slot_of(_of(lock), source)


def slot_of(identifier: str, source: str = "") -> str:
    """The same for an id that is known."""
    of = f"{identifier} {source}" if source else identifier
    return f"neaptide_{hashlib.sha256(of.encode()).hexdigest()[:12]}"


def slot_note(source: str = "") -> str:
    """Which note of the target says how the slot was found last."""
    return f"{SLOT}.{source}" if source else SLOT


def _of(lock: Path) -> str:
    handle = smallfile.open_lock(lock)
    try:
        until = time.monotonic() + _PATIENCE
        while not (drawn := _read(handle)):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # Whoever has it writes the id at once.
                if time.monotonic() > until:
                    raise errors.TargetUnusable(f"{lock} holds no id", hint="remove it") from None
                time.sleep(0.01)
            else:
                return of_lock(handle)
        return drawn
    finally:
        os.close(handle)


def _read(handle: int) -> str:
    identifier = os.pread(handle, 100, 0).strip().decode(errors="replace")
    return identifier if re.fullmatch(r"[ -~]+", identifier) else ""
