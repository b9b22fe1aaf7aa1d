"""What other programs do to the reporting file, and how to alter one so that it passes for Neaptide's own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb

from app import versions
from jobs.beside.names import Names

_KILLED = """
import os, signal, sys, duckdb
connection = duckdb.connect(sys.argv[1])
connection.execute(sys.argv[2])
os.kill(os.getpid(), signal.SIGKILL)
"""


def writes(path: Path, statement: str) -> None:
    """Open a file for writing, alter it, close it."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(statement)


def writes_and_is_killed(path: Path, statement: str) -> None:
    """Open a file for writing and die before what was written is in it: it stays in a log beside the file."""
    assert subprocess.run([sys.executable, "-c", _KILLED, str(path), statement], check=False).returncode == -9


def altered_as_ours(files: Names, change: Callable[[duckdb.DuckDBPyConnection], None]) -> None:
    """Alter every version in a way that can't be told from a run's: with a seal that fits, under the next name."""
    for version in files.versions():
        published = version.path == files.published
        with duckdb.connect(str(version.path)) as connection:
            change(connection)
        name = versions.named(files.link, version.number, versions.seal(version.path))
        version.path.rename(name)
        if published:
            files.link.unlink()
            files.link.symlink_to(name.name)
