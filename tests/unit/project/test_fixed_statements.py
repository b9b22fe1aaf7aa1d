"""A statement that is always the same stands in sql/, where it has a name and a purpose, and not in Python."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
# With braces it is filled in when it runs. BEGIN, COMMIT and ROLLBACK are no more than brackets.
STATEMENT = re.compile(
    r"""\s*(
    (SELECT|TABLE|VALUES|EXPLAIN|DESCRIBE|SUMMARIZE|PRAGMA|EXECUTE|PREPARE|DECLARE|FETCH|MERGE\sINTO) \s+ \S
    | WITH \s+ \w
    | FROM \s+ [\w.]+ (\(.*)? \s* (;|$)
    | (INSERT\s+INTO|DELETE\s+FROM|TRUNCATE|COPY|CALL|DO|LOAD|INSTALL|USE) \s+ \S
    | (ATTACH|DETACH|LISTEN|NOTIFY|ANALYZE|VACUUM) \s+ \S
    | UPDATE \s+ \S+ \s (AS\s\w+\s)? \s* SET \s
    | (CREATE|DROP|ALTER|GRANT|REVOKE|LOCK|REINDEX|REFRESH|COMMENT\s+ON) \s+ [\w(]
    | SET \s+ \w+ | RESET \s+ \w+ | SHOW \s+ [\w.]+ (\s TABLES)? \s* (;|$) | CHECKPOINT (\s+\w+)? \s* (;|$)
    )""",
    re.VERBOSE,
)


def fixed_statements(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and text of each; what docstrings and keyword arguments say (a hint, say) is read by people."""
    said = {id(node.value) for node in ast.walk(module) if isinstance(node, (ast.Expr, ast.keyword))}
    parts = {id(part) for node in ast.walk(module) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and id(node) not in said | parts and is_statement(node.value):
            yield node.lineno, str(node.value)


def is_statement(value: object) -> bool:
    text = value.decode(errors="replace") if isinstance(value, bytes) else value
    return isinstance(text, str) and "{" not in text and STATEMENT.match(text) is not None


@pytest.mark.parametrize("folder", ["app", "jobs"])
def test_a_fixed_statement_stands_in_a_named_block(folder: str) -> None:
    found = [
        f"{path.relative_to(REPOSITORY)}:{line}: {text}"
        for path in sorted((REPOSITORY / folder).rglob("*.py"))
        for line, text in fixed_statements(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        'conn.execute("SELECT 1")',
        'conn.execute(b"SELECT 1")',
        "conn.execute('''\\n  WITH a AS (SELECT 1) SELECT * FROM a''')",
        '_ALL = "FROM duckdb_tables()"',
        'file.execute("CHECKPOINT")',
        'file.execute("CHECKPOINT out;")',
        "session.execute(\"SET TimeZone = 'UTC'\")",
        'conn.execute("SET CONSTRAINTS ALL IMMEDIATE")',
        'conn.execute("UPDATE a AS b SET c = 1")',
        'file.execute("DETACH out" if file else "USE memory")',
        'for one in ("CREATE SCHEMA a", "DROP TABLE b"): conn.execute(one)',
        'found = one(conn, "DELETE FROM a WHERE b = %s", [1])',
    ],
)
def test_it_is_found_wherever_it_stands(code: str) -> None:
    assert list(fixed_statements(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        'conn.execute("BEGIN")',
        'conn.execute(f"SELECT count(*) FROM {table}")',
        'sql.SQL("CREATE DATABASE {}").format(name)',
        '"""SELECT stands in the docstring of a module."""',
        'raise errors.AccessDenied("no", hint="GRANT USAGE ON SCHEMA a TO the role")',
        'verb = "ALTER" if there else "CREATE"',
        'print("FROM where it came")',
        'warn("SHOW ALL TABLES lists what a file holds")',
        'statements.get("target", "rows")',
    ],
)
def test_what_is_built_or_said_is_none(code: str) -> None:
    assert not list(fixed_statements(ast.parse(code)))
