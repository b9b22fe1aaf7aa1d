"""A projection's first SELECT, read from the file that is being written."""

from __future__ import annotations

import json
from typing import Any

from app import errors, statements
from jobs.engine.session import DuckSession


def in_file(file: DuckSession, select: str) -> str:
    """The SELECT with every table that it names with a schema taken from the file.

    Raises `errors.ConfigError` for what is no SELECT.
    """
    row: Any = file.connection.execute(statements.get("projections", "parse"), [select]).fetchone()
    tree = json.loads(row[0])
    if tree.get("error"):
        raise errors.ConfigError(f"begin is no SELECT: {tree.get('error_message')}")
    _place(tree)
    row = file.connection.execute(statements.get("projections", "write"), [json.dumps(tree)]).fetchone()
    return str(row[0])


def _place(node: Any) -> None:
    if isinstance(node, list):
        for one in node:
            _place(one)
    elif isinstance(node, dict):
        if node.get("type") == "BASE_TABLE" and node.get("schema_name") and not node.get("catalog_name"):
            node["catalog_name"] = "out"
        _place(list(node.values()))
