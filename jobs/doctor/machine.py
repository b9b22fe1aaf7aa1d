"""What is looked at on this machine: versions, the target's folder, its file system and disk, the file, the daemon."""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib import metadata
from pathlib import Path

import duckdb

from app import __version__, redaction
from jobs.doctor import check
from jobs.doctor.check import Check
from jobs.engine import opening
from jobs.engine.bridge import extension
from jobs.hooks import command
from jobs.init.choice import size
from jobs.job import Job
from jobs.source.connection import Source
from jobs.status import board
from jobs.targets import targets
from jobs.targets.file import work

_EXTENSION = "duckdb-extension-postgres-scanner"
# File systems of other machines: a lock on them may reach nobody else, and DuckDB advises against them.
_REMOTE = ("nfs", "cifs", "smb", "9p", "fuse.sshfs", "ceph", "glusterfs", "afs", "lustre")
# Two versions, and the work file of a run.
_FILES = 3
_SMALL = 2**30


def checks(job: Job, config: Path) -> Iterator[Check]:
    """All of it, each look by itself; `config` is the file that the settings are from."""
    looks = (
        ("versions", _versions), ("config", partial(_config, job, config)), ("disk", partial(_disk, job)),
        ("file system", partial(_file_system, job)), ("file", partial(_file, job)), ("daemon", partial(_daemon, job)),
        ("hooks", partial(_hooks, job)),
    )  # fmt: skip
    for name, look in looks:
        yield from check.guarded(name, look)


def _versions() -> Iterator[Check]:
    """DuckDB and its extension speak one binary format, so they are of one version."""
    sentence = f"neaptide {__version__}, Python {platform.python_version()}, DuckDB {duckdb.__version__}"
    try:
        theirs = metadata.version(_EXTENSION)
    except metadata.PackageNotFoundError:
        yield check.warn(
            "versions", f"{sentence}, without {_EXTENSION}", f"pip install {_EXTENSION}=={duckdb.__version__}"
        )
        return
    if extension() is None or theirs != duckdb.__version__:
        hint = f"pip install {_EXTENSION}=={duckdb.__version__}"
        yield check.fail("versions", f"{sentence}, but {_EXTENSION} {theirs}", hint)
        return
    yield check.ok("versions", sentence)


def _config(job: Job, path: Path) -> Iterator[Check]:
    """How much is to be copied; who else can read a secret that stands in the file."""
    count = len(job.settings.tables)
    if not count:
        yield check.fail("config", "no [[tables]] are named", "write one by `neaptide init --url …`")
        return
    sentence = f"{count} {'entry' if count == 1 else 'entries'} in [[tables]]"
    if path.stat().st_mode & 0o044 and _has_secret(job, path):
        yield check.warn("config", f"{sentence}; {path} holds a secret, and others can read it", f"chmod 600 {path}")
    else:
        yield check.ok("config", sentence)


def _has_secret(job: Job, path: Path) -> bool:
    """Whether a secret of the settings stands in the file itself, and not in the environment."""
    settings = job.settings
    servers = [part for part in job.each if part.settings.embedded_root is None]
    given = [Source.of(part).parts().get("password") or "" for part in servers]
    given += [key.get_secret_value() for key in (settings.sync.mask_key, settings.http.token) if key]
    # Who has the URL of a service may write there; one of a server has a password in it, or nothing to hide.
    urls = (settings.read.url, settings.target.url, settings.events.broker, *settings.alerts.urls)
    given += [url.get_secret_value() for url in urls if url and "://" in url.get_secret_value()]
    return redaction.Redaction(given).hides_some_of(path.read_text(encoding="utf-8"))


def _disk(job: Job) -> Iterator[Check]:
    """Room for three files: two versions, and the one that is being written."""
    free = shutil.disk_usage(_folder(job)).free
    sizes = [version.path.stat().st_size for version in job.files.versions()]
    taken, needed = sum(sizes), _FILES * max(sizes, default=0) - sum(sizes)
    sentence = f"{size(free)} free, {size(taken)} taken by the reporting file"
    if free < needed:
        yield check.fail("disk", f"{sentence}: less than a run may need", "free some room, or move [target] path")
    elif free < needed + _SMALL:
        yield check.warn("disk", f"{sentence}: little is left", "free some room")
    else:
        yield check.ok("disk", sentence)


def _file_system(job: Job) -> Iterator[Check]:
    """Whether names can be linked, swapped and locked where the file is to lie; tried in a folder of its own."""
    folder, kind = _folder(job), _kind(_folder(job))
    if not os.access(folder, os.W_OK | os.X_OK):
        yield check.fail("file system", f"{folder} can't be written by this user", "chown it, or run as its owner")
        return
    with tempfile.TemporaryDirectory(prefix=".neaptide.doctor.", dir=folder) as name:
        lacking = _lacking(Path(name), job.settings.target.mode)
    if lacking:
        hint = "put [target] path onto a disk of this machine"
        yield check.fail("file system", f"{kind or folder} has no {' and no '.join(lacking)}", hint)
    elif kind.startswith(_REMOTE):
        message = f"{kind}: locks there may not reach other machines, and DuckDB advises against it"
        yield check.warn("file system", message, "put [target] path onto a disk of this machine")
    else:
        yield check.ok("file system", f"{kind or 'links and locks'} will do")


def _lacking(folder: Path, mode: str) -> list[str]:
    """What a publish needs and the file system doesn't have."""
    lacking, probe = [], folder / "made"
    with probe.open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lacking.append("locks")
    links: list[tuple[str, Callable[[Path], None]]] = [
        ("hard links", lambda to: to.hardlink_to(probe)),
        ("symlinks", lambda to: to.symlink_to(probe)),
    ]
    for what, link in links if mode == "symlink" else links[:1]:
        try:
            link(folder / what)
        except OSError:
            lacking.append(what)
    return lacking


def _file(job: Job) -> Iterator[Check]:
    """Whether the published file opens, is of this version's format, and is as it was published."""
    if job.settings.lake is not None:
        yield from _lake(job)
        return
    published = job.files.published
    if published is None:
        yield check.warn("file", f"there is none yet at {job.files.link}", "run `neaptide sync`")
        return
    logs = job.files.logs()
    if logs:
        message = f"{logs[0]} lies there: DuckDB shows its changes to whoever opens the file"
        yield check.fail("file", message, "close the program that writes; the next `neaptide sync` removes it")
    state = work.read_state(job, published)
    with opening.inspected(job, published) as file:
        count = len(file.copied_tables())
    yield check.ok("file", f"{size(published.stat().st_size)}, {count} tables, the last run {state.run_id or 'none'}")


def _lake(job: Job) -> Iterator[Check]:
    """Whether the lake opens, and this user may write its files."""
    if targets.of(job).version() is None:
        yield check.warn("lake", "no run has finished in it yet", "run `neaptide sync`")
        return
    targets.of(job).check_rights()
    with targets.of(job).inspected() as file:
        count = len(file.copied_tables())
    yield check.ok("lake", f"{size(targets.of(job).size())}, {count} tables")


def _daemon(job: Job) -> Iterator[Check]:
    """Whether a daemon keeps the file, by what it left beside it."""
    note = board.read(job.files)
    if note is None:
        yield check.ok("daemon", "none was ever started here: `neaptide sync` does a run")
    elif note["alive"] is False and note["state"] != board.STOPPING:
        yield check.fail("daemon", f"process {note['pid']} has died", "start `neaptide daemon` again, and see its log")
    elif (failing := board.failing(note)) and note["state"] != board.STOPPING:
        yield check.fail("daemon", failing, "do away with what it says; it goes on by itself")
    else:
        yield check.ok("daemon", f"{note['state']}, process {note['pid']} on {note['host']}")


def _hooks(job: Job) -> Iterator[Check]:
    """Whether the commands of `[hooks]` are there; nothing is said where there are none."""
    wanted = [command.arguments(text)[0] for text in job.settings.hooks.after_publish]
    programs = [shutil.which(name) or shutil.which(str(job.settings.base / name)) for name in wanted]
    for name in (name for name, path in zip(wanted, programs, strict=True) if path is None):
        yield check.fail("hooks", f"there is no program {name!r}", "correct [hooks] after_publish")
    if wanted and all(programs):
        yield check.ok("hooks", f"{len(wanted)} after a publish")


def _folder(job: Job) -> Path:
    """The folder of the reporting file, or the one that it would be made in."""
    folder = job.files.link.parent
    while not folder.exists():
        folder = folder.parent
    return folder


def _kind(folder: Path) -> str:
    """The kind of file system that a folder lies on; empty where the system doesn't say."""
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    mounts = []
    for line in lines:
        before, _, after = line.partition(" - ")
        place = before.split()[4].encode().decode("unicode_escape")
        if folder.resolve().is_relative_to(place):
            mounts.append((len(place), after.split()[0]))
    return max(mounts, default=(0, ""))[1]
