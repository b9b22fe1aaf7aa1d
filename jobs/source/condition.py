"""What a table's `where` may lead to: found out from how PostgreSQL understands it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import psycopg

from app import errors, statements
from jobs.source.connection import Connection
from jobs.tables import filters
from jobs.tables.table import Filtering, Table


def check(conn: Connection, table: Table) -> Filtering:
    """What `where` may lead to, where a delta goes by it.

    Raises `errors.ConfigError` for one that PostgreSQL refuses, or that a delta can't follow. A delta sees the rows
    that are written. A condition that looks at the time, the session or at other rows changes its mind about rows that
    nobody writes, so it takes a table that is compared whole.
    """
    text = table.spec.where
    if text is None:
        return Filtering()
    shown = _explained(conn, table, text)
    if table.mode.reads_all:
        return Filtering()
    names = _names(f"{text} {shown}")
    called = _asked(conn, names, sorted({_bare(name) for name in _CALL.findall(_without_literals(shown))}))
    reason = _unsteady(text, shown) or (f"{called['unsteady']}()" if called["unsteady"] else "")
    if reason:
        raise errors.ConfigError(
            f"{table.source_name}: where depends on {reason}, so rows enter and leave it that nobody writes",
            hint='use only the row\'s own columns and constants, or set watermark = "none"',
        )
    return Filtering(names, called["version"] or "")


def version(conn: Connection, names: Sequence[str]) -> str:
    """What changes with any function of users that a condition of these words may lead to; empty where there is none.

    By name, so that it may be another one's: that copies a table once more than needed, and never once less.
    """
    return _asked(conn, names)["version"] or ""


def _asked(conn: Connection, names: Sequence[str], called: Sequence[str] = ()) -> dict[str, Any]:
    given = {"names": list(names), "called": list(called)}
    row = conn.execute(statements.get("catalogue", "filter_functions"), given).fetchone()
    assert row is not None
    return row


# Words as PostgreSQL's statement finds them in a function's body.
_WORD, _QUOTED = re.compile(r"[^\s!-#%-/:-@\[-^`{-~]+"), re.compile(r'"((?:[^"]|"")+)"')


def _names(text: str) -> tuple[str, ...]:
    """Whatever may be a function's name."""
    words, quoted = _WORD.findall(text), [name.replace('""', '"') for name in _QUOTED.findall(text)]
    return tuple(sorted({*words, *(word.lower() for word in words), *quoted}))


def _explained(conn: Connection, table: Table, text: str) -> str:
    """The condition as PostgreSQL understood it: constants worked out, functions by their names."""
    query = (
        f"EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) SELECT {filters.where(text)}::boolean AS kept FROM {table.quoted}"
    )
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


def _unsteady(text: str, shown: str) -> str:
    """What the condition depends on besides the row and functions, or nothing."""
    if "Subplan Name" in shown:
        return "other rows"
    special = _SPECIAL.search(text)
    # A date made of such a word was worked out by now, and stands there as a date.
    if special and not _SPECIAL.search(shown):
        return f"{special[0]}"
    clock = _CLOCKS.search(_without_literals(shown))
    return clock[1] if clock else ""


def _without_literals(shown: str) -> str:
    return _LITERAL.sub("''", shown)


def _bare(name: str) -> str:
    last = name.rsplit(".", 1)[-1] if not name.endswith('"') else name.rsplit('."', maxsplit=1)[-1]
    return last.strip('"').replace('""', '"')
