"""Which rows of a table belong in the file: those the config's `where` picks and no soft delete marks.

A row that is changed so that it no longer belongs must leave the file, so each condition is also asked the other way
round, with NULL counted as no.
"""

from __future__ import annotations

from psycopg import sql

from app import errors
from jobs import quoting
from jobs.tables.table import Table


def belongs(table: Table) -> str:
    """PostgreSQL's condition for rows that belong in the file; empty where all do."""
    parts = [] if table.spec.where is None else [where(table.spec.where)]
    if table.deletes.marked:
        parts.append(f"NOT ({_marked(table)})")
    return both(*parts)


def excluded(table: Table) -> str:
    """PostgreSQL's condition for rows that don't belong in the file; empty where all do."""
    condition = belongs(table)
    return f"({condition}) IS NOT TRUE" if condition else ""


def both(*conditions: str) -> str:
    """All of these conditions, the empty ones left out."""
    return " AND ".join(f"({condition})" for condition in conditions if condition)


def where(text: str) -> str:
    """The config's condition on lines of its own, so that a comment at its end hides nothing."""
    return f"(\n{text}\n)"


def _marked(table: Table) -> str:
    """Rows that are marked as deleted: a true boolean, or anything but NULL."""
    name = table.spec.soft_column or ""
    info = next((info for info in table.infos if info.name == name), None)
    if info is None:
        raise errors.ConfigError(f"{table.source_name} has no column {name!r} (soft_column)")
    column = quoting.identifier(name)
    return f"{column} IS TRUE" if info.type.resolved.name == "bool" else f"{column} IS NOT NULL"


def text(condition: sql.Composable) -> str:
    """A condition that psycopg composed, as text."""
    return condition.as_string(None)
