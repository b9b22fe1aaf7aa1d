"""Which rows of a table belong in the file: those the config's `where` picks and no soft delete marks.

A row that is changed so that it no longer belongs must leave the file, so each condition is also asked the other way
round, with NULL counted as no.
"""

from __future__ import annotations

import json
import re
from typing import Any

import psycopg
from psycopg import sql

from app import errors, statements
from jobs import quoting
from jobs.source import Connection
from jobs.tables import Table


def kept(table: Table) -> str:
    """PostgreSQL's condition for rows that belong in the file; empty where all do."""
    parts = [] if table.spec.where is None else [where(table.spec.where)]
    if table.spec.deletes == "soft":
        parts.append(f"NOT ({_marked(table)})")
    return both(*parts)


def left(table: Table) -> str:
    """PostgreSQL's condition for rows that don't belong in the file; empty where all do."""
    condition = kept(table)
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


def check(conn: Connection, table: Table) -> None:
    """Raise `errors.ConfigError` for a `where` that PostgreSQL refuses, or that a delta can't follow.

    A delta sees the rows that are written. A condition that looks at the time, the session or at other rows changes
    its mind about rows that nobody writes, so it takes a table that is compared whole.
    """
    text = table.spec.where
    if text is None:
        return
    shown = _explained(conn, table, text)
    if table.spec.watermark == "none":
        return
    reason = _unsteady(conn, text, shown)
    if reason:
        raise errors.ConfigError(
            f"{table.source_name}: where depends on {reason}, so rows enter and leave it that nobody writes",
            hint='use only the row\'s own columns and constants, or set watermark = "none"',
        )


def _explained(conn: Connection, table: Table, text: str) -> str:
    """The condition as PostgreSQL understood it: constants worked out, functions by their names."""
    query = f"EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) SELECT {where(text)}::boolean AS kept FROM {table.quoted}"
    try:
        with conn.transaction():
            row = conn.execute(query.encode()).fetchone()
    except psycopg.Error as error:
        first = str(error).strip().split("\n")[0]
        raise errors.ConfigError(
            f"{table.source_name}: where is no condition on this table: {first}", hint="write it as in SQL after WHERE"
        ) from error
    assert row is not None
    plans = row["QUERY PLAN"]
    return json.dumps(plans) if _has_subplan(plans) else " ".join(_outputs(plans))


def _outputs(node: Any) -> list[str]:
    if isinstance(node, list):
        return [text for item in node for text in _outputs(item)]
    if not isinstance(node, dict):
        return []
    return [*node.get("Output", ()), *_outputs(node.get("Plan")), *_outputs(node.get("Plans"))]


def _has_subplan(node: Any) -> bool:
    return "Subplan Name" in json.dumps(node)


_CLOCKS = re.compile(
    r"\b(CURRENT_(?:DATE|TIME|TIMESTAMP|USER|ROLE|CATALOG|SCHEMA)|LOCALTIME(?:STAMP)?|SESSION_USER|USER)\b"
)
_SPECIAL = re.compile(r"'\s*(now|today|tomorrow|yesterday)\s*'", re.IGNORECASE)
_LITERAL = re.compile(r"'(?:[^']|'')*'")
_CALL = re.compile(r'((?:"(?:[^"]|"")+"|\w+)(?:\.(?:"(?:[^"]|"")+"|\w+))?)\(')


def _unsteady(conn: Connection, text: str, shown: str) -> str:
    """What the condition depends on besides the row, or nothing."""
    if "Subplan Name" in shown:
        return "other rows"
    special = _SPECIAL.search(text)
    # A date made of such a word was worked out by now, and stands there as a date.
    if special and not _SPECIAL.search(shown):
        return f"{special[0]}"
    bare = _LITERAL.sub("''", shown)
    clock = _CLOCKS.search(bare)
    if clock:
        return clock[1]
    names = sorted({_bare(name) for name in _CALL.findall(bare)})
    found = conn.execute(statements.get("catalogue", "unsteady"), {"names": names}).fetchone()
    return f"{found['name']}()" if found else ""


def _bare(name: str) -> str:
    last = name.rsplit(".", 1)[-1] if not name.endswith('"') else name.rsplit('."', maxsplit=1)[-1]
    return last.strip('"').replace('""', '"')


def text(condition: sql.Composable) -> str:
    """A condition that psycopg composed, as text."""
    return condition.as_string(None)
