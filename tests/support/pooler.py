"""A pgbouncer in front of a server, where there is one on this machine."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from psycopg import conninfo

from app.oltp.embedded import home
from tests.support.servers import until

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
MISSING = "there is no pgbouncer: apt-get install pgbouncer"


@contextmanager
def pooling(folder: Path, url: str, **settings: str) -> Iterator[str]:
    """The URL by way of a pgbouncer with these settings, `pool_mode` for one; gone at the end."""
    assert PROGRAM is not None
    parts = conninfo.conninfo_to_dict(url)
    port = _free_port()
    folder.mkdir(exist_ok=True)
    (folder / "users").write_text(f'"{parts["user"]}" "{parts["password"]}"\n')
    given = {
        "listen_addr": "127.0.0.1", "listen_port": str(port), "unix_socket_dir": "", "auth_type": "trust",
        "auth_file": str(folder / "users"), "logfile": str(folder / "pgbouncer.log"), **settings,
    }  # fmt: skip
    lines = [
        "[databases]", f"* = host=127.0.0.1 port={parts['port']}", "[pgbouncer]",
        *(f"{name} = {value}" for name, value in given.items()),
    ]  # fmt: skip
    (folder / "pgbouncer.ini").write_text("\n".join(lines) + "\n")
    account = home.account_for(folder)
    for path in (folder, *folder.iterdir()):
        home.give(path, account)
    process = subprocess.Popen([PROGRAM, "-q", str(folder / "pgbouncer.ini")], **home.run_as(account))
    through = f"postgresql://{parts['user']}:{parts['password']}@127.0.0.1:{port}/{parts['dbname']}"
    try:
        until(lambda: _answers(through), "pgbouncer answers")
        yield through
    finally:
        process.terminate()
        process.wait(10)


def _answers(url: str) -> bool:
    with suppress(psycopg.OperationalError):
        psycopg.connect(url, connect_timeout=2).close()
        return True
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
