"""The rows of a model that each have one row of the input that its key is of: found with the key, in one scan.

To look for the keys first, and for their rows then, reads the largest input twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from jobs import quoting
from jobs.models import affected, selecting
from jobs.models.affected import Sides
from jobs.models.analysis.shapes import Analysis, Branch, Occurrence, Term
from jobs.models.relations import Relations

# A larger part of the input is not held with all its columns: it may be that the model is made anew.
_SHARE, _FEW = 10, 10_000


class Driven(NamedTuple):
    """Two tables: the input's rows as they are now, and the keys that are taken out of the model."""

    rows: str
    keys: str


def of(relations: Relations, analysis: Analysis) -> Driven | None:
    """The rows and keys of a model that may have changed; None where the keys have to be looked for by themselves."""
    branch, driver = analysis.branches[0], _driver(relations, analysis)
    if driver is None:
        return None
    sides = relations.sides(branch, applied=True)
    return (
        _found(relations, analysis.key_terms(branch), branch, driver, sides)
        if _is_few(relations, driver, sides)
        else None
    )


def _driver(relations: Relations, analysis: Analysis) -> Occurrence | None:
    """The one input that the model's key is of, if that has the input's own key in it."""
    branch = analysis.branches[0]
    terms = analysis.key_terms(branch)
    aliases = frozenset[str]().union(*(term.refs for term in terms.values()))
    if analysis.kind != "rows" or len(analysis.branches) > 1 or len(aliases) != 1 or branch.distinct:
        return None
    driver = branch.occurrence(*aliases)
    own, columns = relations.planning.key(driver.table), {term.column.column for term in terms.values() if term.column}
    return driver if own and columns.issuperset(own) and not driver.optional else None


def _is_few(relations: Relations, driver: Occurrence, sides: Sides) -> bool:
    """Whether the moved rows, each with as many of the driver's as it has on average, are not too many to be held."""
    size = relations.planning.size
    rows = sum(one.count * max(1, size(driver.table) // max(1, size(name))) for name, one in sides.moved.items())
    return rows <= max(_FEW, size(driver.table) // _SHARE)


def _found(
    relations: Relations, terms: Mapping[str, Term], branch: Branch, driver: Occurrence, sides: Sides
) -> Driven | None:
    columns = selecting.mentioned(branch, relations.columns(driver.table))
    parts = list(affected.rows(branch, driver.alias, columns, sides))
    own = sides.moved.get(driver.table)
    if own is not None:
        parts.append(f"SELECT {quoting.listed(columns)} FROM {own.new}")
    if not parts:
        return None
    rows = relations.scratch.make(affected.together(parts))
    fields = ", ".join(f"{term.text} AS {quoting.identifier(name)}" for name, term in terms.items())
    sources = [rows, own.old] if own is not None and own.gone != 0 else [rows]
    keys = [f"SELECT {fields} FROM {one} AS {quoting.identifier(driver.alias)}" for one in sources]
    return Driven(rows, relations.scratch.make(" UNION ".join(keys)))
