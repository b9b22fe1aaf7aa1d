"""No circular imports, not even for types alone: whoever reads a module needs to know only what lies below it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.support.cli import ROOT

ROOMS = ("app", "jobs")


def modules(root: Path, rooms: tuple[str, ...] = ROOMS) -> dict[str, Path]:
    """The modules of these packages, by the names under which they are imported."""
    paths = (path for room in rooms for path in sorted((root / room).rglob("*.py")))
    return {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


def named(statement: ast.AST, package: list[str]) -> Iterator[str]:
    """What an import statement may mean, wherever it stands: in a function, or where only types are looked at."""
    if isinstance(statement, ast.Import):
        yield from (name.name for name in statement.names)
    elif isinstance(statement, ast.ImportFrom):
        above = package[: len(package) + 1 - statement.level] if statement.level else []
        module = ".".join([*above, *filter(None, [statement.module])])
        yield from (f"{module}.{name.name}" for name in statement.names)


def meant(name: str, known: dict[str, Path]) -> str | None:
    """The module that a name is of: itself one, or something in one."""
    return next((one for one in (name, name.rpartition(".")[0]) if one in known), None)


def imports(known: dict[str, Path]) -> dict[str, set[str]]:
    """The modules that each module names."""
    found: dict[str, set[str]] = {}
    for module, path in known.items():
        tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        package = module.split(".")[: None if path.name == "__init__.py" else -1]
        names = {meant(name, known) for statement in tree for name in named(statement, package)}
        found[module] = {name for name in names if name} - {module}
    return found


def circle(known: dict[str, Path]) -> list[str]:
    """The modules of a circle, each imported by the next; empty where there is none."""
    try:
        TopologicalSorter(imports(known)).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circle(modules(ROOT)) == []


@pytest.mark.parametrize(
    "back",
    [
        "from jobs.low import one",
        "from jobs import low",
        "import jobs.low",
        "from .low import one",
        "if TYPE_CHECKING:\n    from jobs.low import one",
        "def late():\n    from jobs.low import one",
    ],
)
def test_a_circle_is_found_however_it_is_closed(back: str, tmp_path: Path) -> None:
    room = tmp_path / "jobs"
    room.mkdir()
    (room / "__init__.py").write_text("")
    (room / "low.py").write_text("from jobs import high\none = 1\n")
    (room / "high.py").write_text(f"{back}\n")
    assert set(circle(modules(tmp_path))) == {"jobs.low", "jobs.high"}
