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

import os
import time
from dataclasses import dataclass
from pathlib import Path

from app import errors, versions
from jobs import disk, faults
from jobs.beside import private, smallfile
from jobs.beside.names import Names
from jobs.targets.target import Version

# A name that was the link's stays for as long as it may take whoever resolved it to open it, and a few stay anyhow.
_GRACE = 10.0
_KEPT = 3


@dataclass(frozen=True)
class Publisher:
    """The steps that change what the target's names mean."""

    files: Names

    @disk.translated()
    def publish(self, *, over: Version | None = None, forgetting: bool = False) -> str:
        """Make the work file, closed and checkpointed, the one readers get; returns what of its rights can't be kept.

        `over` is the version it follows: where another one is published, somebody on another machine, which this one's
        lock doesn't reach, was faster, and nothing is published. Raises `errors.LockHeld` then. `forgetting` takes
        every older version's rows off the disk.
        """
        if over is not None and self.files.version() != over:
            raise errors.LockHeld(f"somebody else has published {self.files.link} meanwhile: this run is given up")
        if self.files.work_wal.exists():
            raise errors.Bug(
                f"{self.files.work_wal} is still there: the file is not checkpointed and can't be published"
            )
        lost = self._finish_work()
        if forgetting:
            smallfile.touch(self.files.doomed)
        published = self._next_name()
        faults.point("before_rename")
        self.files.work.replace(published)
        faults.point("before_swap")
        private.make_ready(self.files, published if self.files.mode == "pointer" else published.name)
        faults.point("swap_made")
        self.files.passing.replace(self.files.link)
        faults.point("after_swap")
        self.files.past.unlink(missing_ok=True)
        self._point_to(published)
        _sync_to_disk(self.files.link.parent)
        self.forget()
        return lost

    def _finish_work(self) -> str:
        """Give the work file its rights, and have all of it on the disk before it gets a public name."""
        handle = os.open(self.files.work, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            lost = self.files.rights().give(handle)
            os.fsync(handle)
            return lost
        finally:
            os.close(handle)

    def _next_name(self) -> Path:
        number = max((version.number for version in versions.listed(self.files.link)), default=0) + 1
        return versions.named(self.files.link, number, versions.seal(self.files.work))

    def _point_to(self, published: Path) -> None:
        """Write the pointer of `mode = "pointer"`, or take away one that is left of it."""
        if self.files.mode == "pointer":
            smallfile.write(self.files.pointer, f"{published.name}\n", self.files.rights())
        else:
            self.files.pointer.unlink(missing_ok=True)

    @disk.translated()
    def forget(self) -> None:
        """Do what a publish that forgets has left to do: no older version stays, nor one that was set aside."""
        if not self.files.doomed.exists():
            return
        leave_names(self.files)
        self.files.aside.unlink(missing_ok=True)
        faults.point("forgotten")
        self.files.doomed.unlink()

    @disk.translated()
    def clean(self) -> None:
        """Remove what an earlier run left, and do what it had left to do. Call with the lock held."""
        if os.path.lexists(self.files.private):
            private.make(self.files)
            self.forget()
            private.empty(self.files)

    @disk.translated()
    def set_aside(self) -> Path:
        """Keep the published file, which is damaged, for whoever wants to look; the last one only.

        Its public names stay as they are until the new file takes its place: what can still be read of it can be.
        """
        published = self.files.published
        assert published is not None
        private.make(self.files)
        private.make_ready(self.files, published)
        self.files.passing.replace(self.files.aside)
        return self.files.aside


def _sync_to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def leave_names(files: Names) -> None:
    """Let every other version's name lead to the published file, and forget those that nobody waits for."""
    published, remaining = files.published, list[Path]()
    for version in versions.listed(files.link):
        if version.path == published:
            continue
        if published is None:
            version.path.unlink()
        elif version.is_file:
            private.make_ready(files, files.link.name)
            faults.point("passing_made")
            files.passing.replace(version.path)
            drop_logs(version.path)
        else:
            remaining.append(version.path)
    for path in remaining[_KEPT:]:
        if not 0 <= time.time() - path.lstat().st_mtime < _GRACE:
            drop_logs(path)
            path.unlink()


def drop_logs(path: Path) -> None:
    """Remove the logs that DuckDB would replay onto whatever file has this name."""
    for log in versions.named_logs(path):
        log.unlink(missing_ok=True)
