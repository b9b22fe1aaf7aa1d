"""Puts whole tables into their place in the file, and takes them out of it."""

from __future__ import annotations

import json

from jobs import quoting
from jobs.engine.rows import create_table, out
from jobs.engine.session import DuckSession
from jobs.feeds.watermark.load import loading_name
from jobs.tables.table import Table


def swap(session: DuckSession, table: Table) -> None:
    """Let the loaded rows take the table's place. Part of the caller's transaction."""
    loaded = loading_name(session, table)
    if session.staging != "out":
        # What is staged lies in another database. It stays there, for a transaction that has to be done again.
        create_table(session, table)
        with session.all_threads():
            session.execute(f"INSERT INTO {out(table)} FROM {loaded}")
        return
    session.execute(f"DROP TABLE IF EXISTS {out(table)}")
    session.execute(f"ALTER TABLE {loaded} RENAME TO {quoting.identifier(table.target[1])}")


def remove_tables(file: DuckSession, names: list[str]) -> None:
    """Take tables and their watermarks out of the file."""
    for name in names:
        file.execute(f"DROP TABLE IF EXISTS out.{quoting.qualified(*quoting.split_name(name))}")
    if names:
        file.block("forget_watermarks", {"names": json.dumps(names)})
