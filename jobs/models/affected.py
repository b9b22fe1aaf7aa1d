"""Which keys of a model may have changed, as a SELECT: too many rather than too few. Pure.

For each time that a moved input stands in FROM: its moved rows, old and new, joined on the shortest way of conditions
to the inputs of the key. Partners on the way are met as they were and as they are. What is not on the way is left out,
and so are HAVING, DISTINCT, and every condition on a side that may be absent: a row that comes because its partner went
satisfies none. That can only add keys.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from jobs import quoting
from jobs.models.analysis.shapes import Branch, Occurrence, Place, Term
from jobs.models.scratch import Columns


@dataclass(frozen=True)
class Sides:
    """Relations of one moment of a run: `moved` has the moved rows of each input that moved; `either` gives all rows of
    an input, as they were and as they are. `columns` are those of every input, with their types.
    """

    moved: Mapping[str, str]
    either: Callable[[str], str]
    columns: Callable[[str], Columns]


def keys(branch: Branch, wanted: Mapping[str, Term], sides: Sides) -> Iterator[str]:
    """SELECTs that together find the keys, one for each occurrence that moved; `wanted` has the key's expressions."""
    for occurrence in branch.occurrences:
        if occurrence.table in sides.moved:
            yield _from(branch, occurrence, wanted, sides)


def _from(branch: Branch, moved: Occurrence, wanted: Mapping[str, Term], sides: Sides) -> str:
    equal = branch.equal_columns(lambda one: sides.columns(branch.occurrence(one.alias).table)[one.column])
    terms = {name: _nearer(term, moved, equal) for name, term in wanted.items()}
    used = _way(branch, moved, frozenset[str]().union(*(term.refs for term in terms.values())))
    fields = ", ".join(f"{term.text} AS {quoting.identifier(name)}" for name, term in terms.items())
    sources = ", ".join(_source(one, moved, sides) for one in branch.occurrences if one.alias in used)
    where = " AND ".join(f"({term.text})" for term in _conditions(branch, used))
    return f"SELECT DISTINCT {fields} FROM {sources}" + (f" WHERE {where}" if where else "")


def _source(one: Occurrence, moved: Occurrence, sides: Sides) -> str:
    relation = sides.moved[one.table] if one is moved else sides.either(one.table)
    return f"{relation} AS {quoting.identifier(one.alias)}"


def _conditions(branch: Branch, used: Collection[str]) -> Iterator[Term]:
    """Those that hold in every row of the model in which a row of the moved input takes part, or took part."""
    optional = branch.optional
    for one in branch.occurrences:
        if one.alias in used:
            yield from (
                term for term in one.on if term.refs <= set(used) and (one.optional or not term.refs & optional)
            )
    yield from (term for term in branch.where if term.refs <= set(used) and not term.refs & optional)


def _nearer(term: Term, moved: Occurrence, equal: list[set[Place]]) -> Term:
    """The same column of the key read from the moved row itself, where a condition says that it is equal."""
    if term.column is None or term.column.alias == moved.alias or moved.optional:
        return term
    for place in sorted(next((one for one in equal if term.column in one), ())):
        if place.alias == moved.alias:
            return Term(quoting.qualified(*place), frozenset([moved.alias]), place)
    return term


def _way(branch: Branch, moved: Occurrence, needed: Collection[str]) -> frozenset[str]:
    """The aliases on the shortest ways from the moved input to all that are needed; one without a way is crossed."""
    came_from = _reached(_edges(branch), moved.alias)
    used = {moved.alias}
    for alias in needed:
        at: str | None = alias
        while at is not None:
            used.add(at)
            at = came_from.get(at)
    return frozenset(used)


def _reached(edges: Mapping[str, Collection[str]], start: str) -> dict[str, str | None]:
    """For each alias that can be reached, the one before it on a shortest way."""
    came_from: dict[str, str | None] = {start: None}
    queue = [start]
    for here in queue:
        for there in sorted(edges[here]):
            if there not in came_from:
                came_from[there] = here
                queue.append(there)
    return came_from


def _edges(branch: Branch) -> dict[str, set[str]]:
    """Which inputs a condition leads to from each.

    Where the row of an optional one is present, so are those that its condition names; the other way round it may be
    absent, so no way leads into it.
    """
    edges: dict[str, set[str]] = {one.alias: set() for one in branch.occurrences}
    optional = branch.optional
    for one in branch.occurrences:
        for term in one.on:
            if one.optional:
                edges[one.alias] |= term.refs - {one.alias}
            else:
                _tie(edges, term, optional)
    for term in branch.where:
        _tie(edges, term, optional)
    return edges


def _tie(edges: dict[str, set[str]], term: Term, optional: Collection[str]) -> None:
    """Ways between all inputs of a condition that can be there only together."""
    if not term.refs & set(optional):
        for alias in term.refs:
            edges[alias] |= term.refs - {alias}
