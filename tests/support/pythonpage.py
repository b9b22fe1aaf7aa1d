"""`docs/python.md`, made from the docstrings of `neaptide.py`: `python -m tests.support.pythonpage`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import neaptide
from tests.support.cli import ROOT

PAGE = ROOT / "docs" / "python.md"
_NOTE = "<!-- Made from the docstrings of neaptide.py by `make docs`; change them, not this page. -->"
_MORE = """## A program of its own

The package carries the top-level modules `neaptide`, `app`, `jobs` and `sql`. Install it in an environment of its own
(`uv tool`, `pipx`, a virtual environment); a program that has modules of these names reads the file instead
([BI tools](bi-tools.md)).
"""


def page() -> str:
    """The whole page."""
    parts = ["# Python", _NOTE, _text(neaptide), "## Functions", *_entry("neaptide.open", neaptide.open)]
    for kind in (neaptide.File, neaptide.Project):
        parts += [f"## {kind.__name__}", _text(kind)]
        for name, member in _members(kind):
            parts += _entry(f"{kind.__name__}.{name}", member)
    return "\n\n".join([*parts, _MORE])


def _members(kind: type) -> Iterator[tuple[str, Any]]:
    """Its public functions and properties, in the order of the source."""
    for name, member in vars(kind).items():
        if not name.startswith("_") and (callable(member) or isinstance(member, property)):
            yield name, member


def _entry(name: str, member: Any) -> list[str]:
    return [f"### {name}", f"```text\n{_call(name, member)}\n```", _text(member)]


def _call(name: str, member: property | Callable[..., Any]) -> str:
    """How it is written: a property by its type, a function by its parameters, one a line where they are many."""
    if isinstance(member, property):
        return f"{name}: {inspect.signature(member.fget).return_annotation}"  # type: ignore[arg-type]
    signature = inspect.signature(inspect.unwrap(member))
    kept = [parameter for key, parameter in signature.parameters.items() if key != "self"]
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", f"{name}{signature.replace(parameters=kept)}")
    return (
        text if len(text) < 100 else text.replace("(", "(\n    ", 1).replace(", ", ",\n    ").replace(") ->", "\n) ->")
    )


def _text(thing: Any) -> str:
    """A docstring as Markdown: its indented blocks are Python."""
    lines, inside = [], False
    for line in (inspect.getdoc(thing) or "").splitlines():
        if line.startswith("    ") != inside and line.strip():
            if inside:
                lines.insert(len(lines) - (not lines[-1]), "```")
            else:
                lines.append("```python")
            inside = not inside
        lines.append(line[4:] if inside else line)
    return "\n".join([*lines, *(["```"] if inside else [])])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
