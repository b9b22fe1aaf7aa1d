"""Which SQL may run on the reporting file: one statement that reads, and nothing else.

The file is opened read-only and DuckDB may touch no other file, but that alone is not enough. `EXPLAIN ANALYZE
COPY …` runs the COPY, and DuckDB lets it write the paths that belong to the database (measured on 1.5.5: it creates
`<file>.wal`). A few functions change the session or take raw memory addresses. Those are refused here, by statement
type and by name.
"""

from __future__ import annotations

import re

import duckdb

from app import errors

_READING = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}
# PIVOT is rewritten by DuckDB's parser: it adds a temporary enum, alone or in a transaction of its own. Statements
# that were added so have no text, those that a person wrote always have one.
_ADDED_BY_PIVOT = {duckdb.StatementType.CREATE, duckdb.StatementType.TRANSACTION}

_COMMENT = r"(?:/\*.*?\*/|--[^\n]*(?:\n|$)|\s)"
_EXPLAIN = re.compile(rf"^{_COMMENT}*EXPLAIN(?:\b{_COMMENT}*ANALYZE\b)?(?:{_COMMENT}*\([^()]*\))?", re.I | re.S)
_REFUSED_FUNCTIONS = re.compile(
    r"\b(enable_logging|disable_logging|truncate_duckdb_logs|write_log|enable_profiling|disable_profiling|checkpoint"
    r"|force_checkpoint|arrow_scan|arrow_scan_dumb|pandas_scan|python_map_function|json_execute_serialized_sql|query"
    rf')"?{_COMMENT}*\(',
    re.I | re.S,
)
_HINT = "the reporting file is for reading: give one SELECT, WITH, FROM, VALUES, DESCRIBE, SHOW, SUMMARIZE or EXPLAIN"


def check(sql: str, connection: duckdb.DuckDBPyConnection) -> None:
    """Raise `errors.UsageError` unless `sql` is one reading statement, `errors.QueryFailed` where it doesn't parse.

    The connection only lends its parser.
    """
    kind = _only_statement(sql, connection)
    if kind == duckdb.StatementType.EXPLAIN:
        _check_explained(sql, connection)
    found = _REFUSED_FUNCTIONS.search(sql)
    if found:
        raise errors.UsageError(f"the function {found[1].lower()} is not allowed here", hint=_HINT)


def _check_explained(sql: str, connection: duckdb.DuckDBPyConnection) -> None:
    """EXPLAIN hides the type of what it explains, so the rest is parsed on its own."""
    explained, cut = _EXPLAIN.subn("", sql, count=1)
    if not cut or _only_statement(explained, connection) != duckdb.StatementType.SELECT:
        raise errors.UsageError("only a reading statement can be explained here", hint=_HINT)


def _only_statement(sql: str, connection: duckdb.DuckDBPyConnection) -> duckdb.StatementType:
    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise errors.QueryFailed(str(error)) from error
    written = [one for one in statements if one.query.strip() or one.type not in _ADDED_BY_PIVOT]
    if len(written) != 1:
        found = "no statement" if not written else f"{len(written)} statements"
        raise errors.UsageError(f"one statement is expected, not {found}", hint=_HINT)
    if written[0].type not in _READING:
        raise errors.UsageError(f"a statement of type {written[0].type.name} is not allowed here", hint=_HINT)
    return written[0].type
