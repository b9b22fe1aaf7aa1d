"""The list of mutants fits the code as it is: each change applies, and names a test that is there."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from tests.mutants import registered

ROOT = Path(__file__).resolve().parents[3]


def test_each_change_applies_exactly_once() -> None:
    stale = [mutant.name for mutant in registered() if _text(mutant.file).count(mutant.before) != 1]
    assert stale == []


def test_each_names_a_test_that_is_there() -> None:
    unknown = [mutant.name for mutant in registered() if not _stands(mutant.test)]
    assert unknown == []


def test_no_two_have_one_name() -> None:
    names = [mutant.name for mutant in registered()]
    assert sorted(set(names)) == sorted(names)


def _stands(test: str) -> bool:
    file, _, name = test.partition("::")
    return name.partition("[")[0] in _functions(file)


@cache
def _functions(file: str) -> set[str]:
    tree = ast.parse(_text(file) or "")
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}


@cache
def _text(file: str) -> str:
    path = ROOT / file
    return path.read_text(encoding="utf-8") if path.exists() else ""
