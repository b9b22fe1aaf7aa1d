"""Creating the embedded server's data: whole or not at all."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

from app import errors
from app.oltp.embedded import home as lodging
from app.oltp.embedded import log

ROLE = "neaptide"
# The builtin provider needs no locale of the system and sorts the same on every machine.
LOCALE = {"locale": "C", "locale-provider": "builtin", "builtin-locale": "C.UTF-8"}
_DRAFT = "data.new."
_KEPT = ("PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "NSS_WRAPPER_PASSWD", "NSS_WRAPPER_GROUP")


def create(root: Path, *, durable: bool = True) -> None:
    """Make `data` in the home of `root`, and `password` in the root, unless they are there.

    The work is done in a draft that gets its name at the end, so a process that is killed in between leaves nothing
    that looks finished. `durable` says whether the files are forced to the disk.
    """
    account = lodging.account_for(root)
    home = lodging.choose(root, account)
    for left in home.glob(f"{_DRAFT}*"):
        shutil.rmtree(left, ignore_errors=True)
    if (home / "data").exists():
        return
    draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=home))
    lodging.give(draft, account)
    password = secrets.token_hex(24)
    lodging.write(draft / "password", password, account)
    _run(draft, lodging.programs(root, account) / "bin" / "initdb", account, durable=durable)
    lodging.write(root / "password", password)
    (draft / "cluster").rename(home / "data")
    shutil.rmtree(draft, ignore_errors=True)


def _run(draft: Path, program: Path, account: lodging.Account | None, *, durable: bool) -> None:
    options: dict[str, str | Path] = {
        "pgdata": draft / "cluster",
        "username": ROLE,
        "pwfile": draft / "password",
        "auth": "scram-sha-256",
        "encoding": "UTF8",
        **LOCALE,
    }
    switches = ["--data-checksums", *([] if durable else ["--no-sync"])]
    command: list[str | Path] = [
        *_with_a_name(),
        program,
        *switches,
        *(f"--{name}={value}" for name, value in options.items()),
    ]
    done = subprocess.run(
        command, cwd="/", env=environment(), check=False, capture_output=True, text=True, **lodging.run_as(account)
    )
    if done.returncode != 0:
        end = log.last_lines(done.stderr)
        raise errors.SourceUnavailable(
            f"PostgreSQL could not be set up in {draft.parent}:\n{end}",
            hint=log.advice(end, draft / "cluster") if end else "check the disk and the folder's rights",
        )
    with (draft / "cluster" / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write("\n# Written anew by Neaptide at each start; ALTER SYSTEM wins over it.\n")
        file.write("include_if_exists = 'neaptide.conf'\n")


def _with_a_name() -> list[str]:
    """What to run initdb with, which insists on a name for the user's id.

    Containers are often started with an id that /etc/passwd doesn't know. In a user namespace it passes for `nobody`,
    and the files still belong to the caller. The server itself asks for no name.
    """
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        unshare = shutil.which("unshare")
        return [unshare, "--user", f"--map-user={pwd.getpwnam('nobody').pw_uid}", "--"] if unshare else []
    return []


def environment() -> dict[str, str]:
    """What PostgreSQL sees of ours: nothing that changes its language or its defaults, and no secret."""
    return {**{name: os.environ[name] for name in _KEPT if name in os.environ}, "LC_ALL": "C", "TZ": "UTC"}
