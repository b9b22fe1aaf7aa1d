"""Writes the small files beside the reporting file without following anybody's links; app/notes.py reads them.

Who may write to the folder may leave anything there, and Neaptide may run as somebody who may more, as root does. So
nothing is written into a file that was there before, but into locks, which are looked at first.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from app import errors, notes
from jobs.beside.rights import Rights


def write(path: Path, text: str, rights: Rights) -> None:
    """Give a file this content, for those who may read the reporting file."""
    notes.write(path, text, rights.for_notes().give)


def open_lock(path: Path) -> int:
    """A file to take a lock on, made if there is none; nobody else may open it, and so hold it.

    Raises `errors.TargetUnusable`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = notes.open_plain(path, os.O_RDWR | os.O_CREAT)
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
    handle = notes.open_plain(path, os.O_WRONLY | os.O_CREAT)
    try:
        os.utime(handle)
    finally:
        os.close(handle)
