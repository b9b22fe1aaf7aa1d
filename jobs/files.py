"""The reporting file's names on disk, and how a new version takes the place of the old one.

`reporting.duckdb` is a symlink to `reporting.a.duckdb` or `reporting.b.duckdb`. DuckDB resolves a symlink first and
opens the resolved name a moment later, so a reader may open either name at any time: both names must always hold a
whole, published file that nobody writes to. The run therefore writes under a third, private name:

    begin     work = second name of the spare's inode;  spare's name -> the published inode (a hard link, by rename)
    publish   work is renamed to the spare's name;      the symlink is swapped to it (by rename)

Each step is one atomic rename, so a kill between any two leaves both public names whole.
"""

from __future__ import annotations

import fcntl
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
from jobs import faults


@dataclass(frozen=True)
class Files:
    """All names that belong to one target. Nothing is touched until a method is called."""

    link: Path

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
        if self.link.exists():
            raise errors.TargetUnusable(
                f"{self.link} exists and is no link of Neaptide's", hint="move it away, or set another [target] path"
            )
        return None

    @property
    def spare(self) -> Path:
        """The name the next version will get."""
        return self.b if self.published == self.a else self.a

    def begin(self, *, fresh: bool = False) -> bool:
        """Set up the work file; True where it holds an earlier version to bring up to date, False where none exists.

        The inode of the spare is taken over only if no process has it open: else, and where there is no spare, the
        work file begins as a copy of the published one, and whoever holds the old inode keeps it. `fresh` asks for
        that copy in any case.
        """
        published, spare = self.published, self.spare
        if fresh:
            self.drop_work()
        elif not self.work.exists() and spare.exists() and not _same(spare, published) and not is_open(spare):
            os.link(spare, self.work)
        faults.point("work_linked")
        if published is None:
            return self.work.exists()
        _replace_by_link(published, spare)
        if not self.work.exists() or is_open(self.work):
            self.copy_published()
        return True

    def copy_published(self) -> None:
        """Make the work file a copy of the published one, whatever it was before."""
        published = self.published
        assert published is not None
        self.drop_work()
        copying = self.work.with_name(f"{self.work.name}.copy")
        shutil.copyfile(published, copying)
        copying.replace(self.work)

    def drop_work(self) -> None:
        """Forget the work file and its log; readers of its inode keep it."""
        for path in (self.work, self.work_wal, self.work.with_name(f"{self.work.name}.copy")):
            path.unlink(missing_ok=True)

    def publish(self) -> None:
        """Make the work file, closed and checkpointed, the one readers get."""
        _sync_to_disk(self.work)
        spare = self.spare
        faults.point("before_rename")
        self.work.replace(spare)
        faults.point("before_swap")
        if self.published != spare:
            swap = self.link.with_name(f".{self.link.name}.swap")
            swap.unlink(missing_ok=True)
            swap.symlink_to(spare.name)
            swap.replace(self.link)
        _sync_to_disk(self.link.parent)
        faults.point("after_swap")

    def give_up(self) -> Path:
        """Publish nothing and begin anew; the file that would not open is kept for whoever wants to look, just the last.

        Readers that hold any of the old files keep them.
        """
        published = self.published
        assert published is not None
        aside = self.link.with_name(f"{self.link.stem}.damaged{self.link.suffix}")
        published.replace(aside)
        self.link.unlink(missing_ok=True)
        self.drop_work()
        for path in (self.a, self.b, self.freshness):
            path.unlink(missing_ok=True)
        return aside

    def clean(self) -> None:
        """Remove what an earlier run left: spilled data and half copies. Call with the lock held."""
        shutil.rmtree(self.spill, ignore_errors=True)
        self.work.with_name(f"{self.work.name}.copy").unlink(missing_ok=True)


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
        handle.seek(0)
        handle.truncate()
        handle.write(json.dumps({"pid": os.getpid(), "since": datetime.now(UTC).isoformat()}))
        handle.flush()
        yield


def _acquire(fd: int, files: Files, *, wait: bool, timeout: float | None) -> None:
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
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


def is_open(path: Path) -> bool:
    """Whether any process, this one too, has the file open.

    DuckDB's own lock (fcntl) shows other processes; it can't show handles of this process, which would even lose
    their locks when a second handle is closed, so those are looked up by inode.
    """
    return _open_here(path) or _locked_elsewhere(path)


def _open_here(path: Path) -> bool:
    wanted = path.stat()
    for name in os.listdir("/dev/fd"):
        with suppress(OSError, ValueError):
            found = os.fstat(int(name))
            if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                return True
    return False


def _locked_elsewhere(path: Path) -> bool:
    with path.open("rb+") as handle:
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _replace_by_link(source: Path, name: Path) -> None:
    """Let `name` mean the inode of `source`, without a moment in which it means nothing."""
    if _same(source, name):
        return
    passing = name.with_name(f".{name.name}.passing")
    passing.unlink(missing_ok=True)
    os.link(source, passing)
    passing.replace(name)


def _same(one: Path, other: Path | None) -> bool:
    return other is not None and one.exists() and other.exists() and one.samefile(other)


def _sync_to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
