"""Servers of a test's own: a primary, its standbys by pg_basebackup, and copies of a stopped server's folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from app import file_lock
from app.oltp.embedded import home
from app.oltp.embedded.server import EmbeddedServer
from tests.support import otherserver
from tests.support.cluster import FAST, quick_logins

REPOSITORY = Path(__file__).parents[2]
REPLICATING = {
    **FAST,
    "wal_level": "logical",
    "max_connections": "40",
    "wal_receiver_status_interval": "1s",
    "max_standby_streaming_delay": "30s",
}
PATIENCE = 60.0


@contextmanager
def primary(root: Path, settings: Mapping[str, str] | None = None) -> Iterator[EmbeddedServer]:
    """A new server that others can be made from, gone at the end."""
    with started(EmbeddedServer(root, settings={**REPLICATING, **(settings or {})})) as server:
        quick_logins(server)
        yield server


@contextmanager
def standby(of: EmbeddedServer, root: Path, settings: Mapping[str, str] | None = None) -> Iterator[EmbeddedServer]:
    """A hot standby that streams from `of`, made with pg_basebackup, gone at the end."""
    base_backup(of, root)
    _follow(of, root)
    with started(EmbeddedServer(root, settings={**REPLICATING, **(settings or {})})) as server:
        yield server


def base_backup(of: EmbeddedServer, root: Path, *options: str) -> None:
    """Copy a running server's data into a new folder, as the account that owns the first one."""
    account = home.account_for(of.root)
    home.make_folder(root)
    home.give(root, account)
    program = otherserver.tool(of.root, account, "pg_basebackup")
    subprocess.run(
        [program, "-d", of.url("postgres"), "-D", root / "data", "--checkpoint=fast", "--no-sync", *options],
        check=True,
        capture_output=True,
        cwd="/",
        **home.run_as(account),
    )
    shutil.copy2(of.root / "password", root / "password")


def _follow(of: EmbeddedServer, root: Path) -> None:
    """What --write-recovery-conf does, which names options that an older server's libpq doesn't know."""
    account = home.account_for(of.root)
    home.write(root / "data" / "standby.signal", "", account)
    settings = root / "data" / "postgresql.auto.conf"
    with settings.open("a", encoding="utf-8") as file:
        file.write(f"primary_conninfo = '{of.url('postgres')}'\n")


def copy_stopped(of: EmbeddedServer, root: Path) -> None:
    """Copy the folder of a server that does not run, owners and all, but not its port."""
    shutil.copytree(of.root, root, ignore=shutil.ignore_patterns("port", "alive", "lock"))
    for path in (root, *root.rglob("*")):
        found = (of.root / path.relative_to(root)).stat()
        os.chown(path, found.st_uid, found.st_gid)


def at(root: Path) -> EmbeddedServer:
    """The server of a folder."""
    return EmbeddedServer(root, settings=REPLICATING)


def starter(root: Path, work: str = "") -> list[str]:
    """A command that starts the server in a process of its own."""
    code = (
        "import sys; from pathlib import Path; from app.oltp.embedded.server import EmbeddedServer;"
        f"server = EmbeddedServer(Path(sys.argv[1]), settings={FAST!r}); server.start(); {work}"
    )
    return [sys.executable, "-c", code, str(root)]


@contextmanager
def started(server: EmbeddedServer) -> Iterator[EmbeddedServer]:
    try:
        server.start()
        yield server
    finally:
        server.remove()


def crash(server: EmbeddedServer) -> None:
    """kill -9 of the postmaster and all its children at once, as a power cut that leaves the system's cache."""
    pid = server.status().pid
    assert pid is not None
    signal_all(pid, signal.SIGKILL)
    until(lambda: not file_lock.held(server.root / "alive"), "the killed server is gone")


def signal_all(pid: int, number: signal.Signals) -> None:
    """To a postmaster, first so that it can't clean up after the others, and to all that it started.

    Each of them may end meanwhile, or have ended before."""
    with suppress(FileNotFoundError, ProcessLookupError):
        started = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        for one in (pid, *map(int, started)):
            with suppress(ProcessLookupError):
                os.kill(one, number)


def ask(url: str, query: str, *given: Any) -> Any:
    """The first column of the first row."""
    with psycopg.connect(url, autocommit=True) as conn:
        row = conn.execute(query.encode(), given).fetchone()
    return row[0] if row else None


def until(holds: Callable[[], object], what: str) -> None:
    """Wait for it, for at most a minute."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"still not so: {what}"
        time.sleep(0.02)


def caught_up(standby_url: str, primary_url: str) -> None:
    """Wait until the standby has replayed all that the primary has written by now."""
    # A commit is on the disk before its writer hears of it, so it lies below.
    end = ask(primary_url, "SELECT pg_current_wal_flush_lsn()::text")
    # The database of the URL may not be there yet: it was made on the primary a moment ago.
    anywhere = make_conninfo(standby_url, dbname="postgres")
    until(
        lambda: ask(anywhere, f"SELECT pg_last_wal_replay_lsn() >= '{end}'::pg_lsn"),
        "the standby has caught up",
    )
