"""The work file: how it begins, of which version it is made, and how it is given up."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from app import versions
from jobs import disk, faults
from jobs.beside import private
from jobs.beside.names import Names
from jobs.targets.file import in_use, publish


@disk.translated()
def begin(files: Names, *, fresh: bool = False, empty: bool = False) -> bool:
    """Set up the work file; True where it holds an earlier version to bring up to date, False where none exists.

    The inode of the spare is taken over only if it is as it was published and no process has it open: else, and
    where there is no spare, the work file begins as a copy of the published one, and whoever holds the old inode
    keeps it. `fresh` asks for that copy in any case, `empty` for a new file.
    """
    published, spare = files.published, files.spare
    private.make(files)
    if fresh or empty or not files.work.exists():
        drop(files)
    if spare and not (fresh or empty or files.work.exists()) and _is_free(files, spare):
        os.link(spare, files.work)
    faults.point("work_linked")
    publish.leave_names(files)
    if published is None:
        return files.work.exists()
    faults.point("spare_replaced")
    if not empty and (not files.work.exists() or _is_shared(files.work)):
        copy_published(files)
    elif not empty:
        files.work.chmod(0o600)
    return not empty


def _is_free(files: Names, spare: Path) -> bool:
    return not (_is_shared(spare) or versions.is_altered(files.link, spare))


@disk.translated()
def copy_published(files: Names) -> None:
    """Make the work file a copy of the published one, whatever it was before."""
    published = files.published
    assert published is not None
    private.make(files)
    drop(files)
    try:
        shutil.copyfile(published, files.copy)
    except OSError:
        files.copy.unlink(missing_ok=True)
        raise
    faults.point("copied")
    files.copy.replace(files.work)


@disk.translated()
def drop(files: Names) -> None:
    """Forget the work file and its log, the log first; readers of its inode keep it."""
    publish.drop_logs(files.work)
    faults.point("log_dropped")
    files.work.unlink(missing_ok=True)


@disk.translated()
def drop_unpublished(files: Names) -> None:
    """Forget everything that was written and never published: the work file, and one that has its public name already.

    The next run would else begin with it, as with a spare that is ahead.
    """
    if files.private.exists():
        drop(files)
    listed, published = files.versions(), files.published
    number = next((one.number for one in listed if one.path == published), None)
    for version in listed:
        if number is not None and version.number > number:
            publish.drop_logs(version.path)
            version.path.unlink()


def _is_shared(path: Path) -> bool:
    """Whether somebody else has the file, as his own, by another name, or open."""
    status = path.stat()
    return status.st_nlink > 1 or os.geteuid() not in (0, status.st_uid) or in_use.is_open(path)
