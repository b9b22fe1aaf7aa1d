"""Named SQL blocks: what the loader refuses, and that code and files know the same names."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from app import errors, statements

REPOSITORY = Path(__file__).parents[3]
SQL = REPOSITORY / "sql"
ONE = "-- name: find\n-- Finds it.\nSELECT 1;\n"


def files_of_blocks() -> list[str]:
    """The files with named blocks, as `statements.load` names them; reports and models are one statement each."""
    paths = (path.relative_to(SQL).with_suffix("") for path in SQL.rglob("*.sql"))
    return sorted(path.as_posix() for path in paths if path.parts[0] not in ("reports", "models"))


@cache
def modules() -> list[ast.Module]:
    paths = [path for folder in ("app", "jobs") for path in (REPOSITORY / folder).rglob("*.py")]
    return [ast.parse(path.read_text(encoding="utf-8")) for path in paths]


def calls(function: str) -> Iterator[list[ast.expr]]:
    """The arguments of every call of `statements.<function>`."""
    for module in modules():
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == f"statements.{function}":
                yield node.args


def text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


@cache
def words() -> set[str]:
    """Every string in the code: where a block's name is an argument, it stands there at the caller's."""
    return {
        node.value
        for module in modules()
        for node in ast.walk(module)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def used_blocks() -> set[tuple[str, str]]:
    """The (file, block) pairs that the code names; a name that only comes as an argument is looked up in `words`."""
    used: set[tuple[str, str]] = set()
    for where, *rest in calls("get"):
        file, name = text(where), text(rest[0])
        assert file is not None, f"statements.get({ast.unparse(where)}, …) hides which file it reads"
        file = file if "/" in file else f"sync/{file}"
        used |= {(file, name)} if name else {(file, block) for block in statements.load(file) if block in words()}
    for (where,) in calls("load"):
        used |= {(file, block) for file in loaded_whole(where) for block in statements.load(file)}
    return used


def loaded_whole(where: ast.expr) -> list[str]:
    """The files a `statements.load("a")` or `statements.load(f"shop/{file}")` reads."""
    if isinstance(where, ast.JoinedStr):
        prefix = text(where.values[0]) or ""
        return [file for file in files_of_blocks() if file.startswith(prefix) and file.removeprefix(prefix) in words()]
    return [name] if (name := text(where)) else []


def test_a_block_is_its_purpose_and_its_statement() -> None:
    assert statements.parse(ONE, where="x.sql") == {"find": "-- Finds it.\nSELECT 1;"}


def test_several_blocks_end_where_the_next_begins() -> None:
    blocks = statements.parse(ONE + "\n-- name: count\n-- Counts them.\nSELECT 2;\n", where="x.sql")
    assert {name: body.splitlines()[-1] for name, body in blocks.items()} == {
        "find": "SELECT 1;",
        "count": "SELECT 2;",
    }


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (ONE + ONE, "x.sql: block 'find' stands twice"),
        ("-- name: find\n-- Finds it.\n\n-- name: next\n-- Next.\nSELECT 1;", "block 'find' is empty"),
        ("-- name: find\n", "block 'find' has no line of purpose"),
        ("-- name: find\nSELECT 1;", "block 'find' has no line of purpose"),
    ],
)
def test_a_malformed_file_is_refused_by_name_and_block(content: str, complaint: str) -> None:
    with pytest.raises(errors.Bug, match=complaint):
        statements.parse(content, where="x.sql")


def test_a_block_that_does_not_exist_is_named_in_the_error() -> None:
    with pytest.raises(errors.Bug, match=r"sql/demo/embedded\.sql has no block 'nonsense'"):
        statements.get("demo/embedded", "nonsense")


@pytest.mark.parametrize("file", files_of_blocks())
def test_every_file_holds_well_formed_blocks_and_nothing_before_them(file: str) -> None:
    assert statements.load(file)
    before = (SQL / f"{file}.sql").read_text(encoding="utf-8").split("-- name: ")[0]
    assert all(line.startswith("--") or not line.strip() for line in before.splitlines())


def test_every_block_that_code_names_exists() -> None:
    missing = {(file, name) for file, name in used_blocks() if name not in statements.load(file)}
    assert sorted(missing) == []


def test_every_block_is_used() -> None:
    existing = {(file, name) for file in files_of_blocks() for name in statements.load(file)}
    assert sorted(existing - used_blocks()) == []
