"""What fits in the head: files and classes of the sync, and functions, stay within their sizes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
FOLDERS = ("app", "jobs")
FILE, CLASS, FUNCTION = 350, 150, 15
# Nine in ten functions are shorter than FUNCTION.
MOST = 0.9


def modules(folder: str) -> Iterator[tuple[str, str]]:
    for path in sorted((REPOSITORY / folder).rglob("*.py")):
        yield str(path.relative_to(REPOSITORY)), path.read_text(encoding="utf-8")


def lengths(folder: str, *kinds: type[ast.AST]) -> dict[str, int]:
    """Lines of each definition of these kinds."""
    return {
        f"{name}: {node.name}, line {node.lineno}": (node.end_lineno or 0) - node.lineno + 1
        for name, text in modules(folder)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and isinstance(node, kinds)
    }


def test_a_file_of_the_sync_fits_in_the_head() -> None:
    found = {name: len(text.splitlines()) for name, text in modules("jobs")}
    assert {name: lines for name, lines in found.items() if lines > FILE} == {}


def test_a_class_of_the_sync_is_one_noun() -> None:
    found = lengths("jobs", ast.ClassDef)
    assert {name: lines for name, lines in found.items() if lines > CLASS} == {}


@pytest.mark.parametrize("folder", FOLDERS)
def test_nine_in_ten_functions_are_short(folder: str) -> None:
    found = sorted(lengths(folder, ast.FunctionDef, ast.AsyncFunctionDef).values())
    assert found[int(MOST * len(found))] < FUNCTION
