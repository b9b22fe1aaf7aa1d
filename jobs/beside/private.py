"""The private folder: what is being written, and what is half made, lies where nobody else may look."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from app import errors, versions
from jobs.beside.names import SPILL, Names


def make(files: Names) -> None:
    """Have the private folder. Raises `errors.TargetUnusable` where somebody else's thing has its name."""
    with suppress(FileExistsError):
        files.private.mkdir(0o700)
    state = files.private.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.geteuid():
        raise errors.TargetUnusable(
            f"{files.private} is not a folder of this user's", hint="remove it: nothing in it is needed"
        )
    if state.st_mode & 0o077:
        files.private.chmod(0o700)


def leave(files: Names) -> None:
    """Take the private folder away where nothing is left in it."""
    with suppress(OSError):
        files.private.rmdir()


def room_to_spill(files: Names) -> Path | None:
    """A new folder for what doesn't fit into memory; None where this user may make none."""
    with suppress(OSError, errors.TargetUnusable):
        make(files)
        return Path(tempfile.mkdtemp(prefix=f"{SPILL}{os.getpid()}.", dir=files.private))
    return None


def empty(files: Names) -> None:
    """Remove what an earlier run left: spilled data and half-made names."""
    for path in set(files.private.iterdir()) - {files.work, files.past, *versions.named_logs(files.work)}:
        if not path.is_dir() or path.is_symlink():
            path.unlink(missing_ok=True)
        elif not (path.name.startswith(SPILL) and _is_running(path.name.split(".")[1])):
            shutil.rmtree(path, ignore_errors=True)


def make_ready(files: Names, target: str | Path) -> None:
    """Make what a name will mean next: a symlink to that name, or a second name of the file at that path."""
    files.passing.unlink(missing_ok=True)
    if isinstance(target, Path):
        os.link(target, files.passing)
    else:
        files.passing.symlink_to(target)


def _is_running(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (OSError, ValueError, OverflowError):
        return False
    return True
