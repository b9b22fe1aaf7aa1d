"""The names of the reporting file's versions, and how one is told from what somebody else made of it.

A version is called `reporting.<number>-<seal>.duckdb`. The number is one above all before it, so no name is ever used
again: DuckDB shares one instance per name within a process, and would show whoever opens a name again what it meant
before. The seal is a digest of the file's headers and its size, which DuckDB changes with whatever it writes: a file
whose seal is another one was written to after it was published. It needs no record beside the file that could be lost
or be of another file, and it holds for a copy and for one whose times were changed.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from dataclasses import dataclass, replace
from pathlib import Path

# The main header and the two that DuckDB writes in turn, each of this size.
_HEADERS = 3 * 4096
_SEAL = 6


@dataclass(frozen=True)
class Version:
    """One name of a version: a file, or a link in its place for whoever resolved the name before it was left.

    What earlier releases called `reporting.a.duckdb` and `reporting.b.duckdb` has no seal.
    """

    path: Path
    number: int
    seal: str
    inode: int = 0
    is_file: bool = True


def parsed(link: Path, name: str) -> Version | None:
    """The version that a name stands for, or None where it is a name of something else."""
    stem, suffix = re.escape(link.stem), re.escape(link.suffix)
    match = re.fullmatch(rf"{stem}\.(?:(\d{{1,15}})-([0-9a-f]{{12}})|[ab]){suffix}", name)
    if match is None:
        return None
    return Version(link.with_name(name), int(match[1] or 0), match[2] or "")


def named(link: Path, number: int, seal: str) -> Path:
    """The name of a version."""
    return link.with_name(f"{link.stem}.{number}-{seal}{link.suffix}")


def listed(link: Path) -> list[Version]:
    """Every version of this file that lies beside the link, the newest first."""
    versions = []
    with os.scandir(link.parent) as entries:
        for entry in entries:
            version = parsed(link, entry.name)
            if version is not None and not entry.is_dir(follow_symlinks=False):
                versions.append(replace(version, inode=entry.inode(), is_file=entry.is_file(follow_symlinks=False)))
    return sorted(versions, key=lambda version: (version.number, version.path.name), reverse=True)


def seal(path: Path) -> str:
    """The seal of a file as it is now. Raises `OSError`, also for a link."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{path} is no file")
        return hashlib.blake2b(os.pread(handle, _HEADERS, 0) + b"%d" % status.st_size, digest_size=_SEAL).hexdigest()
    finally:
        os.close(handle)


def is_altered(link: Path, path: Path) -> bool:
    """Whether a version of the file isn't what was published under its name. Raises `OSError`."""
    version = parsed(link, path.name)
    return version is not None and version.seal != "" and seal(path) != version.seal


def logs(link: Path, path: Path) -> list[Path]:
    """The logs of strangers that DuckDB would replay onto a published file for everybody who opens it."""
    return [log for file in (path, link) for log in named_logs(file) if os.path.lexists(log)]


def named_logs(path: Path) -> list[Path]:
    """The names that DuckDB gives the log of a file, also while it writes it into the file."""
    return [path.with_name(f"{path.name}.wal{part}") for part in ("", ".checkpoint", ".recovery")]
