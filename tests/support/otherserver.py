"""Lets the tests run on another PostgreSQL than the wheel's: NEAPTIDE_TEST_SERVER is the folder of its programs."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.oltp.embedded import home, initdb
from app.oltp.embedded.home import Account
from tests.support import cluster

VARIABLE = "NEAPTIDE_TEST_SERVER"
_wheel = home.wheel


def settle() -> None:
    """Take the server that the environment names, if it names one, for every cluster of this process."""
    folder = os.environ.get(VARIABLE)
    if folder:
        _use(Path(folder))


def _use(folder: Path) -> None:
    major = version(folder)
    setattr(home, "wheel", lambda: folder.parent)  # noqa: B010  mypy takes a function for what can't be replaced
    if major < 17:
        initdb.LOCALE = {"locale": "C.UTF-8"}
    if major < 16:
        cluster.FAST.pop("scram_iterations", None)
    if major < 15:
        # It knows no other way.
        cluster.STRATEGY = ""


@contextmanager
def able(conn: psycopg.Connection[Any]) -> Iterator[None]:
    """Skip the test where an older server than the wheel's refuses what the test would write."""
    try:
        yield
    except psycopg.DataError as error:
        if os.environ.get(VARIABLE):
            pytest.skip(f"PostgreSQL {conn.info.server_version // 10000} refuses it: {error}")
        raise


def version(folder: Path) -> int:
    """The major version of the server in that folder."""
    said = subprocess.run([folder / "postgres", "--version"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"\) (\d+)", said)
    assert found, said
    return int(found[1])


def tool(root: Path, account: Account | None, name: str) -> Path:
    """A client program of the server's folder, or the wheel's, which speaks to older servers too."""
    own = home.programs(root, account) / "bin" / name
    return own if own.exists() else _wheel() / "bin" / name
