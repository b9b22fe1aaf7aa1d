"""How a new version of the reporting file takes the place of the old one.

`reporting.duckdb` is a symlink to the newest `reporting.<number>-<seal>.duckdb`. DuckDB resolves a symlink first and
opens the resolved name a moment later, so every name that was ever the link's must lead to a whole, published file that
nobody writes to. The run therefore writes under a private name, and new versions get new names:

    begin     work = second name of the spare's inode;  the spare's name -> a symlink to the link (by rename)
    publish   work is renamed to a name of its own;     the link is swapped to it (by rename)

With `mode = "pointer"` there is no symlink: `reporting.duckdb` is a second name (a hard link) of the published file,
swapped by rename as well, and `reporting.duckdb.current` holds the published file's name for programs that want it.

Each step is one atomic rename, so a kill between any two leaves all public names whole. A log (`.wal`) belongs to the
work file alone, and DuckDB would replay it onto whatever file has the name: it always goes before its file does.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app import errors, notes, versions
from jobs import disk, faults
from jobs.targets.file import beside, in_use
from jobs.targets.file import lock as advisory
from jobs.targets.file.names import SPILL, Names

# A name that was the link's stays for as long as it may take whoever resolved it to open it, and a few stay anyhow.
_GRACE = 10.0
_KEPT = 3


@dataclass(frozen=True)
class Publisher(Names):
    """The target's names, and the steps that change what they mean."""

    @disk.translated()
    def begin(self, *, fresh: bool = False, empty: bool = False) -> bool:
        """Set up the work file; True where it holds an earlier version to bring up to date, False where none exists.

        The inode of the spare is taken over only if it is as it was published and no process has it open: else, and
        where there is no spare, the work file begins as a copy of the published one, and whoever holds the old inode
        keeps it. `fresh` asks for that copy in any case, `empty` for a new file.
        """
        published, spare = self.published, self.spare
        self.make_private()
        if fresh or empty or not self.work.exists():
            self.drop_work()
        if spare and not (fresh or empty or self.work.exists()) and self._is_free(spare):
            os.link(spare, self.work)
        faults.point("work_linked")
        self.leave_names()
        if published is None:
            return self.work.exists()
        faults.point("spare_replaced")
        if not empty and (not self.work.exists() or _is_shared(self.work)):
            self.copy_published()
        elif not empty:
            self.work.chmod(0o600)
        return not empty

    def _is_free(self, spare: Path) -> bool:
        return not (_is_shared(spare) or versions.is_altered(self.link, spare))

    def leave_names(self) -> None:
        """Let every other version's name lead to the published file, and forget those that nobody waits for."""
        published, left = self.published, list[Path]()
        for version in versions.listed(self.link):
            if version.path == published:
                continue
            if published is None:
                version.path.unlink()
            elif version.is_file:
                self._make_ready(self.link.name)
                faults.point("passing_made")
                self._passing.replace(version.path)
                _drop_logs(version.path)
            else:
                left.append(version.path)
        for path in left[_KEPT:]:
            if not 0 <= time.time() - path.lstat().st_mtime < _GRACE:
                _drop_logs(path)
                path.unlink()

    def _make_ready(self, target: str | Path) -> None:
        """Make what a name will mean next: a symlink to that name, or a second name of the file at that path."""
        self._passing.unlink(missing_ok=True)
        if isinstance(target, Path):
            os.link(target, self._passing)
        else:
            self._passing.symlink_to(target)

    @disk.translated()
    def copy_published(self) -> None:
        """Make the work file a copy of the published one, whatever it was before."""
        published = self.published
        assert published is not None
        self.make_private()
        self.drop_work()
        try:
            shutil.copyfile(published, self.copy)
        except OSError:
            self.copy.unlink(missing_ok=True)
            raise
        faults.point("copied")
        self.copy.replace(self.work)

    @disk.translated()
    def drop_work(self) -> None:
        """Forget the work file and its log, the log first; readers of its inode keep it."""
        _drop_logs(self.work)
        faults.point("log_dropped")
        self.work.unlink(missing_ok=True)

    @disk.translated()
    def publish(self, *, over: tuple[int, int] | None = None, forgetting: bool = False) -> str:
        """Make the work file, closed and checkpointed, the one readers get; returns what of its rights can't be kept.

        `over` is the version it follows: where another one is published, somebody on another machine, which this one's
        lock doesn't reach, was faster, and nothing is published. Raises `errors.LockHeld` then. `forgetting` takes
        every older version's rows off the disk.
        """
        if over is not None and self.version() != over:
            raise errors.LockHeld(f"somebody else has published {self.link} meanwhile: this run is given up")
        if self.work_wal.exists():
            raise errors.Bug(f"{self.work_wal} is still there: the file is not checkpointed and can't be published")
        lost = self._finish_work()
        if forgetting:
            beside.touch(self._doomed)
        published = self._next_name()
        faults.point("before_rename")
        self.work.replace(published)
        faults.point("before_swap")
        self._make_ready(published if self.mode == "pointer" else published.name)
        faults.point("swap_made")
        self._passing.replace(self.link)
        faults.point("after_swap")
        self._point_to(published)
        _sync_to_disk(self.link.parent)
        self.forget()
        return lost

    def _finish_work(self) -> str:
        """Give the work file its rights, and have all of it on the disk before it gets a public name."""
        handle = os.open(self.work, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            lost = self.rights().give(handle)
            os.fsync(handle)
            return lost
        finally:
            os.close(handle)

    def _next_name(self) -> Path:
        number = max((version.number for version in versions.listed(self.link)), default=0) + 1
        return versions.named(self.link, number, versions.seal(self.work))

    def _point_to(self, published: Path) -> None:
        """Write the pointer of `mode = "pointer"`, or take away one that is left of it."""
        if self.mode == "pointer":
            beside.write(self.pointer, f"{published.name}\n", self.rights())
        else:
            self.pointer.unlink(missing_ok=True)

    @disk.translated()
    def forget(self) -> None:
        """Do what a publish that forgets has left to do: no older version stays, nor one that was set aside."""
        if not self._doomed.exists():
            return
        self.leave_names()
        self.aside.unlink(missing_ok=True)
        faults.point("forgotten")
        self._doomed.unlink()

    @disk.translated()
    def set_aside(self) -> Path:
        """Keep the published file, which is damaged, for whoever wants to look; the last one only.

        Its public names stay as they are until the new file takes its place: what can still be read of it can be.
        """
        published = self.published
        assert published is not None
        self.make_private()
        self._make_ready(published)
        self._passing.replace(self.aside)
        return self.aside

    def make_private(self) -> None:
        """Have the private folder. Raises `errors.TargetUnusable` where somebody else's thing has its name."""
        with suppress(FileExistsError):
            self.private.mkdir(0o700)
        found = self.private.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise errors.TargetUnusable(
                f"{self.private} is not a folder of this user's", hint="remove it: nothing in it is needed"
            )
        if found.st_mode & 0o077:
            self.private.chmod(0o700)

    def leave_private(self) -> None:
        """Take the private folder away where nothing is left in it."""
        with suppress(OSError):
            self.private.rmdir()

    def room_to_spill(self) -> Path | None:
        """A new folder for what doesn't fit into memory; None where this user may make none."""
        with suppress(OSError, errors.TargetUnusable):
            self.make_private()
            return Path(tempfile.mkdtemp(prefix=f"{SPILL}{os.getpid()}.", dir=self.private))
        return None

    @disk.translated()
    def clean(self) -> None:
        """Remove what an earlier run left: spilled data and half-made names. Call with the lock held."""
        if not os.path.lexists(self.private):
            return
        self.make_private()
        self.forget()
        for path in set(self.private.iterdir()) - {self.work, *versions.named_logs(self.work)}:
            if not path.is_dir() or path.is_symlink():
                path.unlink(missing_ok=True)
            elif not (path.name.startswith(SPILL) and _is_running(path.name.split(".")[1])):
                shutil.rmtree(path, ignore_errors=True)

    def logs(self) -> list[Path]:
        """The logs of strangers that DuckDB replays onto the published file for everybody who opens it."""
        published = self.published
        return versions.logs(self.link, published) if published else []


def _is_shared(path: Path) -> bool:
    """Whether somebody else has the file, as his own, by another name, or open."""
    found = path.stat()
    return found.st_nlink > 1 or os.geteuid() not in (0, found.st_uid) or in_use.is_open(path)


def _drop_logs(path: Path) -> None:
    for log in versions.named_logs(path):
        log.unlink(missing_ok=True)


def _is_running(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (OSError, ValueError, OverflowError):
        return False
    return True


@contextmanager
def locked(files: Publisher, *, wait: bool = True, timeout: float | None = None) -> Iterator[None]:
    """Hold the target's lock; the kernel lets go of it when the process dies.

    Raises `errors.LockHeld` when another run holds it and `wait` is false, or for longer than `timeout` seconds.
    """
    handle = beside.open_lock(files.lock)
    try:
        _acquire(handle, files, wait=wait, timeout=timeout)
        _sign(handle)
        try:
            yield
        finally:
            files.leave_private()
    finally:
        os.close(handle)


def is_locked(files: Publisher) -> bool:
    """Whether a run is under way, in whatever process; asked without taking the lock, even for an instant."""
    try:
        handle = notes.open_plain(files.lock, os.O_RDONLY)
    except OSError:
        return False
    try:
        return advisory.is_taken(handle)
    except OSError:
        return False
    finally:
        os.close(handle)


def holder(files: Publisher) -> str:
    """Which other process holds the target's lock, in brackets; empty where it is free, or this one's."""
    if not is_locked(files):
        return ""
    found = _holder(files.lock)
    return "" if found.startswith(f" (process {os.getpid()} ") else found or " (process unknown)"


def _sign(fd: int) -> None:
    """Say who holds the lock; only for the message of whoever waits, so a full disk is no reason to stop."""
    with suppress(OSError):
        os.ftruncate(fd, 0)
        os.pwrite(fd, json.dumps({"pid": os.getpid(), "since": datetime.now(UTC).isoformat()}).encode(), 0)


def _acquire(fd: int, files: Publisher, *, wait: bool, timeout: float | None) -> None:
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        if advisory.try_take(fd):
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


def _sync_to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
