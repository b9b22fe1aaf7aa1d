"""Lets the tests run on another PostgreSQL than the wheel's: NEAPTIDE_TEST_SERVER is the folder of its programs."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from app.oltp import initdb, lodging
from app.oltp.lodging import Account
from tests.support import cluster

VARIABLE = "NEAPTIDE_TEST_SERVER"
_wheel = lodging.wheel


def settle() -> None:
    """Take the server that the environment names, if it names one, for every cluster of this process."""
    folder = os.environ.get(VARIABLE)
    if folder:
        _use(Path(folder))


def _use(folder: Path) -> None:
    major = version(folder)
    setattr(lodging, "wheel", lambda: folder.parent)  # noqa: B010  mypy takes a function for what can't be replaced
    if major < 17:
        initdb.LOCALE = {"locale": "C.UTF-8"}
    if major < 16:
        cluster.FAST.pop("scram_iterations", None)
    if major < 15:
        # It knows no other way.
        cluster.STRATEGY = ""


def version(folder: Path) -> int:
    """The major version of the server in that folder."""
    said = subprocess.run([folder / "postgres", "--version"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"\) (\d+)", said)
    assert found, said
    return int(found[1])


def tool(root: Path, account: Account | None, name: str) -> Path:
    """A client program of the server's folder, or the wheel's, which speaks to older servers too."""
    own = lodging.programs(root, account) / "bin" / name
    return own if own.exists() else _wheel() / "bin" / name
