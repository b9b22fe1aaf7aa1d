"""Puts whole tables into their place in the file, and takes them out of it."""

from __future__ import annotations

import json

from jobs import quoting
from jobs.engine.rows import out
from jobs.engine.session import DuckSession
from jobs.feeds.watermark.load import loading_name
from jobs.tables.table import Table


def swap(target: DuckSession, table: Table) -> None:
    """Let the loaded rows take the table's place. Part of the caller's transaction."""
    target.execute(f"DROP TABLE IF EXISTS {out(table)}")
    target.execute(f"ALTER TABLE {loading_name(table)} RENAME TO {quoting.identifier(table.target[1])}")


def remove_tables(file: DuckSession, names: list[str]) -> None:
    """Take tables and their watermarks out of the file."""
    for name in names:
        file.execute(f"DROP TABLE IF EXISTS out.{quoting.qualified(*quoting.split_name(name))}")
    if names:
        file.block("forget_watermarks", {"names": json.dumps(names)})
