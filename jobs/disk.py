"""What the system refuses where the reporting file is written, told as ours."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from app import errors


@contextmanager
def translated() -> Iterator[None]:
    """What the system refuses becomes an error of ours: a full disk, or a folder that can't be written."""
    try:
        yield
    except OSError as error:
        name = error.filename2 or error.filename or "the reporting file's folder"
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise errors.DiskFull(
                f"the disk of the reporting file is full: {name}: {error.strerror}",
                hint="free some space and sync again",
            ) from error
        raise errors.TargetUnusable(
            f"{name} can't be written: {error.strerror}", hint="check [target] path and who owns the folder"
        ) from error
