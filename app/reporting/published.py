"""Which file readers get now: what the published name means, and when that was last found to be up to date."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from app import errors, notes, versions

_SYNC = "run `neaptide sync`"


def resolved(path: Path) -> tuple[Path, tuple[int, int]]:
    """The file behind the link, and which file on disk it is.

    Raises `errors.NoReportingFile`, and `errors.TargetUnusable` where it can't be read.
    """
    try:
        file = _by_its_own_name(path) if not path.is_symlink() else path.resolve(strict=True)
        status = file.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise errors.NoReportingFile(f"there is no reporting file at {path} yet", hint=_SYNC) from None
    except (OSError, RuntimeError) as error:
        raise errors.TargetUnusable(f"{path} can't be opened: {error}") from error
    if not os.access(file, os.R_OK):
        raise errors.TargetUnusable(
            f"{path} can't be opened: no permission", hint="give this user the right to read it"
        )
    return file, (status.st_dev, status.st_ino)


def has_moved(path: Path, before: tuple[int, int]) -> bool:
    """Whether the name means another file on disk than that."""
    with suppress(OSError):
        status = path.stat()
        return (status.st_dev, status.st_ino) != before
    return True


def checked_as_of(path: Path, run_id: str) -> datetime | None:
    """The later `as_of` of a run that found nothing to change; None where the small file belongs to another run."""
    content = notes.parsed(path.with_name(path.name + ".freshness"))
    with suppress(ValueError):
        return notes.moment(content.get("as_of")) if content.get("run_id") == run_id else None
    return None


def _by_its_own_name(path: Path) -> Path:
    """Where `path` is a second name of the published file, not a link to it, its first.

    DuckDB gives a process that has a path open already the same database again, whatever has that name by now.
    """
    inode = path.stat().st_ino
    return next((version.path for version in versions.listed(path) if version.inode == inode), path)
