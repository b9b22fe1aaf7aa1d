"""The reporting file's names on disk, and which of its versions is the one that readers get."""

from __future__ import annotations

import json
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app import errors, versions
from app.versions import Version
from jobs.beside import identity, notes, rights, smallfile
from jobs.beside.notes import Form
from jobs.beside.rights import Rights

# Where a process puts what doesn't fit into memory begins with this and its number.
SPILL = "spill."


@dataclass(frozen=True)
class Names:
    """All names that belong to one target. Nothing is touched until a method is called.

    `mode_bits` are the permissions that the operator wants; else those of the published file are kept. `part` is the
    name of one of several sources, which has a replication slot of its own.
    """

    link: Path
    mode: str = "symlink"
    mode_bits: int | None = None
    part: str = ""

    @property
    def private(self) -> Path:
        """The folder that nobody else may look into: what is being written lies here, and its log."""
        return self.link.with_name(f".{self.link.name}.private")

    @property
    def work(self) -> Path:
        return self.private / "work.duckdb"

    @property
    def work_wal(self) -> Path:
        return self.private / "work.duckdb.wal"

    @property
    def copy(self) -> Path:
        """A work file in the making."""
        return self.private / "copy.duckdb"

    @property
    def past(self) -> Path:
        """The file before a damaged one, until another is published: see jobs/targets/file/past.py."""
        return self.private / "past.duckdb"

    @property
    def lock(self) -> Path:
        return self.beside("lock")

    @property
    def pointer(self) -> Path:
        return self.beside("current")

    @property
    def aside(self) -> Path:
        """The last published file that was found damaged."""
        return self.link.with_name(f"{self.link.stem}.damaged{self.link.suffix}")

    def beside(self, what: str) -> Path:
        """A small file that belongs to the target."""
        return self.link.with_name(f"{self.link.name}.{what}")

    @property
    def doomed(self) -> Path:
        """Stands while a publish that forgets has something left to do."""
        return self.private / "forget"

    @property
    def passing(self) -> Path:
        """Where the next meaning of a name is made ready."""
        return self.private / "passing"

    def versions(self) -> list[Version]:
        """Every file that is or was a version, the newest first: at most two of them."""
        with suppress(FileNotFoundError):
            return [version for version in versions.listed(self.link) if version.is_file]
        return []

    @property
    def published(self) -> Path | None:
        """The file readers get now, or None. Raises `errors.TargetUnusable` where a stranger's file has the name."""
        if self.link.is_symlink():
            return self._linked()
        try:
            inode = self.link.stat().st_ino
        except (FileNotFoundError, NotADirectoryError):
            return None
        path = next((version.path for version in self.versions() if version.inode == inode), None)
        if path is None:
            raise errors.TargetUnusable(
                f"{self.link} exists and is no link of Neaptide's", hint="move it away, or set another [target] path"
            )
        return path

    def _linked(self) -> Path | None:
        target = self.link.parent / self.link.readlink()
        try:
            status = target.lstat() if versions.parsed(self.link, target.name) else None
        except FileNotFoundError:
            return None
        if status is None or target.parent != self.link.parent or not stat.S_ISREG(status.st_mode):
            raise errors.TargetUnusable(f"{self.link} is a link to {target}, which Neaptide did not make")
        return target

    def version(self) -> tuple[int, int] | None:
        """What tells the published file from every other: its inode, and when it was written."""
        published = self.published
        state = published.stat() if published else None
        return (state.st_ino, state.st_mtime_ns) if state else None

    @property
    def spare(self) -> Path | None:
        """The version before the published one, of which the next one is made; None where there is none."""
        published = self.published
        return next((version.path for version in self.versions() if version.path != published), None)

    @property
    def slot(self) -> str:
        """The name of its replication slot."""
        return identity.slot(self.beside("daemon.lock"), self.part)

    @property
    def known_slot(self) -> str:
        """The same; empty where nobody has asked for it yet, nor a daemon run."""
        path = self.beside("daemon.lock")
        return identity.slot(path, self.part) if path.exists() and path.stat().st_size else ""

    def shared_id(self) -> str:
        """What names the target on every machine; empty where that is a matter of a file beside it."""
        return ""

    @property
    def is_there(self) -> bool:
        """Whether anything is published."""
        return self.published is not None

    def read(self, what: str, form: Form | None = None) -> dict[str, Any]:
        """What was noted beside the target; empty where there is nothing of this form, if one is given."""
        return notes.read(self.beside(what), form)

    def note(self, what: str, content: dict[str, Any]) -> None:
        """Keep this in a small file beside the target."""
        smallfile.write(self.beside(what), json.dumps(content), self.rights())

    def forget(self, what: str) -> None:
        """Keep it no longer."""
        self.beside(what).unlink(missing_ok=True)

    def noted_parts(self) -> set[str]:
        """The sources whose slot anything is noted of: empty stands for [source]."""
        return notes.parts(self.beside(identity.SLOT))

    def rights(self) -> Rights:
        """Who may read the next version: those whom the operator lets."""
        current = rights.of(published) if (published := self.published) else Rights()
        return Rights(self.mode_bits, current.user, current.group) if self.mode_bits is not None else current

    def logs(self) -> list[Path]:
        """The logs of strangers that DuckDB replays onto the published file for everybody who opens it."""
        return versions.logs(self.link, published) if (published := self.published) else []
