"""The reporting file's names on disk, and how a new version takes the place of the old one.

`reporting.duckdb` is a symlink to `reporting.a.duckdb` or `reporting.b.duckdb`. DuckDB resolves a symlink first and
opens the resolved name a moment later, so a reader may open either name at any time: both names must always hold a
whole, published file that nobody writes to. The run therefore writes under a third, private name:

    begin     work = second name of the spare's inode;  spare's name -> the published inode (a hard link, by rename)
    publish   work is renamed to the spare's name;      the symlink is swapped to it (by rename)

With `mode = "pointer"` there is no symlink: `reporting.duckdb` is a second name (a hard link) of the published file,
swapped by rename as well, and `reporting.duckdb.current` holds the published file's name for programs that want it.

Each step is one atomic rename, so a kill between any two leaves both public names whole. A log (`.wal`) belongs to the
work file alone, and DuckDB would replay it onto whatever file has the name: it always goes before its file does.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app import errors
from jobs import advisory, faults, handles


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


@dataclass(frozen=True)
class Files:
    """All names that belong to one target. Nothing is touched until a method is called."""

    link: Path
    mode: str = "symlink"

    @property
    def a(self) -> Path:
        return self.link.with_name(f"{self.link.stem}.a{self.link.suffix}")

    @property
    def b(self) -> Path:
        return self.link.with_name(f"{self.link.stem}.b{self.link.suffix}")

    @property
    def work(self) -> Path:
        return self.link.with_name(f".{self.link.name}.work")

    @property
    def work_wal(self) -> Path:
        return self.work.with_name(f"{self.work.name}.wal")

    @property
    def spill(self) -> Path:
        return self.link.with_name(f".{self.link.name}.spill")

    @property
    def lock(self) -> Path:
        return self.link.with_name(f"{self.link.name}.lock")

    @property
    def aside(self) -> Path:
        """The last published file that was found damaged."""
        return self.link.with_name(f"{self.link.stem}.damaged{self.link.suffix}")

    @property
    def _copy(self) -> Path:
        return self.work.with_name(f"{self.work.name}.copy")

    @property
    def _swap(self) -> Path:
        return self.link.with_name(f".{self.link.name}.swap")

    @property
    def pointer(self) -> Path:
        return self.link.with_name(f"{self.link.name}.current")

    @property
    def freshness(self) -> Path:
        return self.link.with_name(f"{self.link.name}.freshness")

    @property
    def published(self) -> Path | None:
        """The file readers get now, or None. Raises `errors.TargetUnusable` where a stranger's file has the name."""
        if self.link.is_symlink():
            target = self.link.parent / self.link.readlink()
            if target not in (self.a, self.b):
                raise errors.TargetUnusable(f"{self.link} is a link to {target}, which Neaptide did not make")
            return target if target.exists() else None
        found = next((path for path in (self.a, self.b) if _same(path, self.link)), None)
        if found is None and self.link.exists():
            raise errors.TargetUnusable(
                f"{self.link} exists and is no link of Neaptide's", hint="move it away, or set another [target] path"
            )
        return found

    def version(self) -> tuple[int, int] | None:
        """What tells the published file from every other: its inode, and when it was written."""
        published = self.published
        state = published.stat() if published else None
        return (state.st_ino, state.st_mtime_ns) if state else None

    @property
    def spare(self) -> Path:
        """The name the next version will get."""
        return self.b if self.published == self.a else self.a

    @translated()
    def begin(self, *, fresh: bool = False, empty: bool = False) -> bool:
        """Set up the work file; True where it holds an earlier version to bring up to date, False where none exists.

        The inode of the spare is taken over only if no process has it open: else, and where there is no spare, the
        work file begins as a copy of the published one, and whoever holds the old inode keeps it. `fresh` asks for
        that copy in any case, `empty` for a new file.
        """
        published, spare = self.published, self.spare
        if fresh or empty or not self.work.exists():
            self.drop_work()
        if not (fresh or empty or self.work.exists()) and _is_free(spare, published):
            os.link(spare, self.work)
        faults.point("work_linked")
        if published is None:
            return self.work.exists()
        _replace_by_link(published, spare)
        faults.point("spare_replaced")
        if not empty and (not self.work.exists() or handles.is_open(self.work)):
            self.copy_published()
        return not empty

    @translated()
    def copy_published(self) -> None:
        """Make the work file a copy of the published one, whatever it was before."""
        published = self.published
        assert published is not None
        self.drop_work()
        try:
            shutil.copyfile(published, self._copy)
        except OSError:
            self._copy.unlink(missing_ok=True)
            raise
        faults.point("copied")
        self._copy.replace(self.work)

    @translated()
    def drop_work(self) -> None:
        """Forget the work file and its log, the log first; readers of its inode keep it."""
        self.work_wal.unlink(missing_ok=True)
        faults.point("log_dropped")
        self.work.unlink(missing_ok=True)

    @translated()
    def publish(self, *, over: tuple[int, int] | None = None) -> None:
        """Make the work file, closed and checkpointed, the one readers get.

        `over` is the version it follows: where another one is published, somebody on another machine, which this one's
        lock doesn't reach, was faster, and nothing is published. Raises `errors.LockHeld` then.
        """
        if over is not None and self.version() != over:
            raise errors.LockHeld(f"somebody else has published {self.link} meanwhile: this run is given up")
        if self.work_wal.exists():
            raise errors.Bug(f"{self.work_wal} is still there: the file is not checkpointed and can't be published")
        _sync_to_disk(self.work)
        spare = self.spare
        # Neaptide leaves no log there; one of a stranger's would be replayed onto the new file.
        spare.with_name(f"{spare.name}.wal").unlink(missing_ok=True)
        faults.point("before_rename")
        self.work.replace(spare)
        faults.point("before_swap")
        if self.published != spare:
            self._swap.unlink(missing_ok=True)
            if self.mode == "pointer":
                os.link(spare, self._swap)
            else:
                self._swap.symlink_to(spare.name)
            faults.point("swap_made")
            self._swap.replace(self.link)
        faults.point("after_swap")
        self._point_to(spare)
        _sync_to_disk(self.link.parent)

    def _point_to(self, published: Path) -> None:
        """Write the pointer of `mode = "pointer"`, or take away one that is left of it."""
        if self.mode != "pointer":
            self.pointer.unlink(missing_ok=True)
            return
        passing = _passing(self.pointer)
        passing.write_text(f"{published.name}\n", encoding="utf-8")
        passing.replace(self.pointer)

    @translated()
    def set_aside(self) -> Path:
        """Keep the published file, which is damaged, for whoever wants to look; the last one only.

        Its public names stay as they are until the new file takes its place: what can still be read of it can be.
        """
        published = self.published
        assert published is not None
        _replace_by_link(published, self.aside)
        return self.aside

    @translated()
    def clean(self) -> None:
        """Remove what an earlier run left: spilled data and half-made names. Call with the lock held."""
        shutil.rmtree(self.spill, ignore_errors=True)
        passing = [_passing(path) for path in (self.a, self.b, self.aside, self.freshness, self.pointer)]
        for path in (*passing, self._swap, self._copy):
            path.unlink(missing_ok=True)


@contextmanager
def locked(files: Files, *, wait: bool = True, timeout: float | None = None) -> Iterator[None]:
    """Hold the target's lock; the kernel lets go of it when the process dies.

    Raises `errors.LockHeld` when another run holds it and `wait` is false, or for longer than `timeout` seconds.
    """
    try:
        files.link.parent.mkdir(parents=True, exist_ok=True)
        handle = files.lock.open("a+", encoding="utf-8")
    except OSError as error:
        raise errors.TargetUnusable(f"{files.link.parent} can't be written: {error.strerror}") from error
    with handle:
        _acquire(handle.fileno(), files, wait=wait, timeout=timeout)
        _sign(handle.fileno())
        yield


def is_locked(files: Files) -> bool:
    """Whether a run is under way, in whatever process; asked without taking the lock, even for an instant."""
    try:
        with files.lock.open("rb") as handle:
            return advisory.is_taken(handle.fileno())
    except OSError:
        return False


def holder(files: Files) -> str:
    """Which other process holds the target's lock, in brackets; empty where it is free, or this one's."""
    if not is_locked(files):
        return ""
    found = _holder(files.lock)
    return "" if found.startswith(f" (process {os.getpid()} ") else found or " (process unknown)"


def _sign(fd: int) -> None:
    """Say who holds the lock; only for the message of whoever waits, so a full disk is no reason to stop."""
    with suppress(OSError):
        os.ftruncate(fd, 0)
        os.write(fd, json.dumps({"pid": os.getpid(), "since": datetime.now(UTC).isoformat()}).encode())


def _acquire(fd: int, files: Files, *, wait: bool, timeout: float | None) -> None:
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        if advisory.try_take(fd):
            return
        if not wait or (deadline is not None and time.monotonic() > deadline):
            raise errors.LockHeld(f"another run holds {files.lock}{_holder(files.lock)}", hint="wait for it to end")
        time.sleep(0.02)


def _holder(lock: Path) -> str:
    try:
        held = json.loads(lock.read_text(encoding="utf-8"))
        return f" (process {held['pid']} since {held['since']})"
    except (OSError, ValueError, KeyError):
        return ""


def _is_free(spare: Path, published: Path | None) -> bool:
    return spare.exists() and not _same(spare, published) and not handles.is_open(spare)


def _replace_by_link(source: Path, name: Path) -> None:
    """Let `name` mean the inode of `source`, without a moment in which it means nothing."""
    if _same(source, name):
        return
    passing = _passing(name)
    passing.unlink(missing_ok=True)
    os.link(source, passing)
    faults.point("passing_made")
    passing.replace(name)


def _passing(name: Path) -> Path:
    """Where the next content of a name is made ready."""
    return name.with_name(f".{name.name}.passing")


def _same(one: Path, other: Path | None) -> bool:
    return other is not None and one.exists() and other.exists() and one.samefile(other)


def _sync_to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
