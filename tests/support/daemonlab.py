"""A tracked table for a daemon, and what it has made of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb

from tests.support.daemons import Daemon
from tests.support.syncing import Lab

ITEMS = """
CREATE TABLE item (
    id bigint PRIMARY KEY, name text, updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""


def made(url: str, folder: Path) -> Lab:
    """The table, and a config for it in the folder."""
    found = Lab(url, folder, [{"name": "public.item"}])
    found.run(ITEMS, "INSERT INTO item (id, name) SELECT g, 'item ' || g FROM generate_series(1, 10) AS g")
    found.track()
    return found


def empty(url: str, folder: Path) -> Lab:
    """A table without rows, of nothing but a key and a stamp."""
    found = Lab(url, folder, [{"name": "public.item"}])
    found.run("CREATE TABLE item (id bigint PRIMARY KEY, updated_at timestamptz NOT NULL DEFAULT clock_timestamp())")
    found.track()
    return found


def rows(lab: Lab) -> int:
    """How many rows of the table the file has."""
    with duckdb.connect(str(lab.folder / "reporting.duckdb"), read_only=True) as file:
        found = file.execute("SELECT count(*) FROM public.item").fetchone()
        return found[0] if found else 0


def has_table(lab: Lab, name: str) -> bool:
    """Whether the file has such a table."""
    with duckdb.connect(str(lab.folder / "reporting.duckdb"), read_only=True) as file:
        return bool(file.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [name]).fetchall())


def left_behind(lab: Lab) -> dict[str, Any]:
    """The small file for `status`."""
    found: dict[str, Any] = json.loads((lab.folder / "reporting.duckdb.daemon").read_text())
    return found


def first_run(daemon: Daemon) -> None:
    """Wait for the run that makes the file."""
    daemon.saw("run_done", changed=True)
