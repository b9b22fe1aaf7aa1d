"""A model's table made from its whole SELECT, and taken out of the file."""

from __future__ import annotations

from app import statements
from jobs import quoting
from jobs.engine.session import DuckSession
from jobs.models import place, sums
from jobs.models.analysis.shapes import Analysis
from jobs.models.moved import Moved, of
from jobs.models.scratch import Columns, Scratch


def build(file: DuckSession, name: str, analysis: Analysis) -> int:
    """Make the table, in place of any that is there; returns its rows."""
    remove(file, name)
    if analysis.kind == "sums":
        return sums.build(file, analysis, name)
    defined = ", ".join(file.defined(column, kind, analysis.key) for column, kind in analysis.columns.items())
    file.execute(f"CREATE TABLE {place.out(name)} ({defined})")
    return int(file.one(f"INSERT INTO {place.out(name)} {analysis.text}"))


def stored(name: str, analysis: Analysis) -> tuple[Columns, str, str]:
    """What lies in the file of a model: its columns, those that are hidden too, the SELECT of them, and their place."""
    if analysis.kind != "sums":
        return analysis.columns, analysis.text, place.out(name)
    shape = sums.Shape(analysis)
    return shape.columns, sums.text(shape), place.behind(name)


def remove(file: DuckSession, name: str) -> None:
    """Drop the model's table, or its view and what lies behind that, if they are there."""
    behind = place.behind(name)
    file.execute(statements.get("upkeep", "create_schema"))
    if file.has(behind.removeprefix("out.")):
        file.execute(f"DROP VIEW IF EXISTS {place.out(name)}")
        file.execute(f"DROP TABLE {behind}")
    else:
        file.execute(f"DROP TABLE IF EXISTS {place.out(name)}")


def rebuild(file: DuckSession, scratch: Scratch, name: str, analysis: Analysis) -> tuple[Moved | None, int]:
    """Make it anew in the middle of a run; returns what changed, None where nothing did and nothing is written, and the
    rows that it has.
    """
    names = quoting.listed(analysis.columns)
    before = scratch.make(f"SELECT {names} FROM {place.out(name)}")
    now = scratch.make(analysis.text)
    moved = of(file, scratch, analysis.columns, before, now)
    if moved is not None:
        build(file, name, analysis)
    return moved, scratch.count(now)
