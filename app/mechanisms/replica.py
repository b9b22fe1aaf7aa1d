"""A read replica of the comparison's server: a hot standby that streams from it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app import errors
from app.oltp.embedded import home
from app.oltp.embedded.server import EmbeddedServer

# The file with the owner's, beside the data.
_PASSWORD = "password"  # noqa: S105


@contextmanager
def following(of: EmbeddedServer, root: Path) -> Iterator[EmbeddedServer]:
    """A standby of the server in a new folder, gone at the end. Raises `errors.SourceUnavailable`."""
    account = home.account_for(of.root)
    home.make_folder(root)
    home.give(root, account)
    program = home.programs(of.root, account) / "bin" / "pg_basebackup"
    # The conninfo that it writes into the standby's settings holds the password, as the folder beside it does.
    command = [str(program), "-d", of.url("postgres"), "-D", str(root / "data"), "--checkpoint=fast", "--no-sync", "-R"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/", **home.run_as(account))
    if done.returncode:
        raise errors.SourceUnavailable("no replica could be made of the server", hint="look at its log")
    home.write(root / _PASSWORD, (of.root / _PASSWORD).read_text(encoding="utf-8"))
    server = EmbeddedServer(root)
    try:
        server.start()
        yield server
    finally:
        server.remove()
