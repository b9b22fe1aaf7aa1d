"""The small files beside the reporting file: written and read without following anybody's links.

Who may write to the folder may leave anything there, and Neaptide may run as somebody who may more, as root does. So
no link is followed and nothing is written into a file that was there before, but into locks, which are looked at first.
What is read is bounded, and whatever can't be understood is taken as nothing: all of it only saves time.
"""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

from app import errors
from jobs.targets.file.rights import Rights

_LARGEST = 16 * 2**20
_PLAIN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def passing(path: Path) -> Path:
    """Where the next content of a name is made ready."""
    return path.with_name(f".{path.name}.passing")


def write(path: Path, text: str, rights: Rights) -> None:
    """Give a file this content, for those who may read the reporting file; by rename, so that readers see it whole."""
    made = passing(path)
    made.unlink(missing_ok=True)
    handle = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _PLAIN, 0o600)
    try:
        os.write(handle, text.encode())
        rights.for_notes().give(handle)
    finally:
        os.close(handle)
    made.replace(path)


def read(path: Path) -> str:
    """What a file says; empty where there is none, or nothing that is text."""
    with suppress(OSError, ValueError):
        handle = open_plain(path, os.O_RDONLY)
        with os.fdopen(handle, "rb") as file:
            return file.read(_LARGEST).decode()
    return ""


def parsed(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty where there is none, or none that can be read."""
    try:
        content = json.loads(read(path))
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def open_plain(path: Path, flags: int) -> int:
    """Open a regular file that has this one name. Raises `OSError`, also for a link and for anything else."""
    handle = os.open(path, flags | _PLAIN, 0o600)
    found = os.fstat(handle)
    if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
        return handle
    os.close(handle)
    raise OSError(f"{path} is no plain file")


def open_lock(path: Path) -> int:
    """A file to take a lock on, made if there is none; nobody else may open it, and so hold it.

    Raises `errors.TargetUnusable`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = open_plain(path, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        if path.is_symlink() or (os.path.lexists(path) and not path.is_file()):
            raise errors.TargetUnusable(f"{path} is no plain file, so not Neaptide's", hint="remove it") from error
        raise errors.TargetUnusable(f"{path.parent} can't be written: {error.strerror or error}") from error
    with suppress(OSError):
        if os.fstat(handle).st_mode & 0o077:
            os.fchmod(handle, 0o600)
    return handle


def touch(path: Path) -> None:
    """Say that something was done now. Raises `OSError`."""
    handle = open_plain(path, os.O_WRONLY | os.O_CREAT)
    try:
        os.utime(handle)
    finally:
        os.close(handle)
