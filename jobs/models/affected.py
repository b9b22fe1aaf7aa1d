"""Which keys of a model may have changed, as a SELECT: too many rather than too few. Pure.

For each time that a moved input stands in FROM: its moved rows, old and new, joined on the shortest way of conditions
to the inputs of the key. Of a row of the model in which several have moved, the first of them leads to its key:
partners that come after it are met as they were and as they are, those before it as they lie in the file, which are
the inputs of the key to begin with. What is not on the way is left out, and so are HAVING, DISTINCT, and every
condition on a side that may be absent: a row that comes because its partner went satisfies none. That can only add
keys.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from jobs import quoting
from jobs.models import place
from jobs.models.analysis.shapes import Branch, Occurrence, Place, Term
from jobs.models.moved import Moved
from jobs.models.scratch import Columns


@dataclass(frozen=True)
class Sides:
    """Relations of one moment of a run: `moved` has what moved of each input that did; `either` gives all rows of an
    input, as they were and as they are. `columns` are those of every input, with their types.
    """

    moved: Mapping[str, Moved]
    either: Callable[[str], str]
    columns: Callable[[str], Columns]


def together(parts: Iterable[str]) -> str:
    """A SELECT of what any of these finds, each once."""
    return f"SELECT DISTINCT * FROM ({' UNION ALL '.join(parts)})"


def keys(branch: Branch, wanted: Mapping[str, Term], sides: Sides) -> Iterator[str]:
    """SELECTs that together find the keys, one for each occurrence that moved; `wanted` has the key's expressions."""
    equal = branch.equal_columns(lambda one: sides.columns(branch.occurrence(one.alias).table)[one.column])
    order = _order(branch, wanted)
    for occurrence in order:
        if occurrence.table in sides.moved:
            terms = {name: _nearer(term, occurrence, equal) for name, term in wanted.items()}
            yield _from(branch, occurrence, terms, sides, order)


def rows(branch: Branch, alias: str, columns: Iterable[str], sides: Sides) -> Iterator[str]:
    """SELECTs of the rows of one input, as they lie in the file, that the moved rows of the others lead to.

    Beside those that moved themselves, they are all whose row of the model may have changed, where each of them has a
    row of its own.
    """
    wanted = {name: Term(quoting.qualified(alias, name), frozenset([alias])) for name in columns}
    order = _order(branch, wanted)
    for occurrence in order[1:]:
        if occurrence.table in sides.moved:
            yield _from(branch, occurrence, wanted, sides, order)


def _order(branch: Branch, wanted: Mapping[str, Term]) -> list[Occurrence]:
    """The inputs that the key is of come first."""
    first = frozenset[str]().union(*(term.refs for term in wanted.values()))
    return sorted(branch.occurrences, key=lambda one: one.alias not in first)


def _from(
    branch: Branch, moved: Occurrence, terms: Mapping[str, Term], sides: Sides, order: Sequence[Occurrence]
) -> str:
    used = _way(branch, moved, frozenset[str]().union(*(term.refs for term in terms.values())))
    fields = ", ".join(f"{term.text} AS {quoting.identifier(name)}" for name, term in terms.items())
    after = order[order.index(moved) :]
    sources = ", ".join(_source(one, moved, after, sides) for one in branch.occurrences if one.alias in used)
    where = " AND ".join(f"({term.text})" for term in _conditions(branch, used))
    return f"SELECT {fields} FROM {sources}" + (f" WHERE {where}" if where else "")


def _source(one: Occurrence, moved: Occurrence, after: Sequence[Occurrence], sides: Sides) -> str:
    if one is moved:
        relation = sides.moved[one.table].both
    else:
        relation = sides.either(one.table) if one in after else place.out(one.table)
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
    for column in sorted(next((one for one in equal if term.column in one), ())):
        if column.alias == moved.alias:
            return Term(quoting.qualified(*column), frozenset([moved.alias]), column)
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
