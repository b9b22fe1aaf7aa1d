"""Which upkeep is exact for a SELECT that was taken apart, and why no cheaper one is. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from jobs.models.analysis import functions
from jobs.models.analysis.refusal import Whole
from jobs.models.analysis.shapes import Branch, Output, Place, Relation

# Where the models' own tables are.
SCHEMA = "models."
_NAME_KEY = "write `-- key: …` into its head, columns that tell the rows that go together"


def derived_key(branches: Sequence[Branch], columns: Sequence[str]) -> tuple[str, ...]:
    """The key of a model whose head names none: what it groups by, or all columns where it is DISTINCT."""
    if len(branches) != 1:
        return ()
    (only,) = branches
    if only.groups is not None:
        groups = {term.text for term in only.groups}
        return tuple(one.name for one in only.outputs if not one.aggregates and one.term.text in groups)
    return tuple(columns) if only.distinct else ()


def check_key(branches: Sequence[Branch], key: Sequence[str], columns: Mapping[str, str]) -> None:
    """Raise `Whole` where rows can't be found again by this key."""
    if not key:
        raise Whole(*_keyless(branches))
    names = list(columns)
    for branch in branches:
        for name in key:
            _check_column(branch, branch.outputs[names.index(name)], columns[name])


def _keyless(branches: Sequence[Branch]) -> tuple[str, str]:
    if any(one.groups is not None for one in branches):
        return "no column of it is among GROUP BY", "put what it groups by into the list"
    return "no key", _NAME_KEY


def _check_column(branch: Branch, output: Output, kind: str) -> None:
    name = output.name
    if output.aggregates:
        raise Whole(f"the key's column {name} is an aggregate", "name columns of GROUP BY as the key")
    if branch.groups is not None and output.term.text not in {term.text for term in branch.groups}:
        raise Whole(f"the key's column {name} is not among GROUP BY", "name columns of GROUP BY as the key")
    if absent := sorted(output.term.refs & branch.optional):
        raise Whole(
            f"the key's column {name} comes from {absent[0]}, the side of a LEFT JOIN that may be absent",
            "take the column of the other side",
        )
    if output.type != kind:
        raise Whole(f"the key's column {name} is a {output.type} in one part and a {kind} in all", f"cast it to {kind}")


def is_grouped(branches: Sequence[Branch]) -> bool:
    """Whether a row of the model stands for several of its inputs."""
    return any(one.groups is not None or one.distinct for one in branches)


def obstacle(branches: Sequence[Branch], relations: Mapping[str, Relation]) -> tuple[str, str]:
    """Why groups can't be kept by adding and taking away, and what would help; empty where they can."""
    return next(_obstacles(branches, relations), ("", ""))


def _obstacles(branches: Sequence[Branch], relations: Mapping[str, Relation]) -> Iterator[tuple[str, str]]:
    only = branches[0]
    if len(branches) > 1:
        yield "UNION ALL", ""
    if only.groups is None or only.distinct:
        yield "DISTINCT", "GROUP BY with count(*) is cheaper"
    if only.having:
        yield "HAVING", "leave it to the report that reads the model"
    yield from _of_inputs(only, relations)
    groups = {term.text for term in only.groups or ()}
    if groups - {one.term.text for one in only.outputs}:
        yield "it groups by what is not in the list", "put it into the list"
    for one in only.outputs:
        yield from _of_output(one, groups)
    for one in only.outputs:
        if one.aggregate and one.aggregate.distinct and not unit(only, relations):
            yield f"{one.name} counts each value once", "count the key of a table that the first one is joined to by ="


def unit(only: Branch, relations: Mapping[str, Relation]) -> tuple[str, ...]:
    """Columns of the first input: its rows that agree in them are taken away and added together.

    Where values are counted once, these are all rows of one value, which has to be the key of a parent. A parent that
    is named in the first input's own key takes its place, too: what changes of it then needs no join. None where
    what is counted once is anything else.
    """
    first = only.occurrences[0]
    own = relations[first.table].key
    counted = {one.aggregate.column for one in only.outputs if one.aggregate and one.aggregate.distinct}
    for equal in _parents(only, relations):
        mine = sorted(one.column for one in equal if one.alias == first.alias)
        if mine and (counted <= equal if counted else mine[0] in own):
            return (mine[0],)
    return () if counted else own


def _parents(only: Branch, relations: Mapping[str, Relation]) -> Iterator[set[Place]]:
    """Columns of one value in every row, one of which is the whole key of an input that is not the first."""
    tables = {one.alias: relations[one.table] for one in only.occurrences}
    parents = {Place(alias, table.key[0]) for alias, table in list(tables.items())[1:] if len(table.key) == 1}
    return (one for one in only.equal_columns(lambda at: tables[at.alias].columns[at.column]) if one & parents)


def _of_inputs(only: Branch, relations: Mapping[str, Relation]) -> Iterator[tuple[str, str]]:
    if len(only.occurrences) == 1:
        return
    if above := next((one.table for one in only.occurrences if one.table.startswith(SCHEMA)), None):
        yield f"it joins {above}, which is a model", "read one model, without a join"
    first = only.occurrences[0]
    if not relations[first.table].key:
        yield f"{first.table} has no key", ""


def _of_output(one: Output, groups: set[str]) -> Iterator[tuple[str, str]]:
    aggregate = one.aggregate
    if not one.aggregates:
        if one.term.text not in groups:
            yield f"{one.name} is worked out of what it groups by", "put it into GROUP BY"
    elif aggregate is None:
        yield f"{one.name} is more than an aggregate", "take the aggregate itself, and work it out in the report"
    elif aggregate.distinct and aggregate.function != "count":
        yield f"{one.name} adds up each value once", ""
    elif aggregate.function not in functions.ADDITIVE:
        advice = "take sum() and count() and divide in the report" if aggregate.function == "avg" else ""
        yield f"{aggregate.function}() can't be taken back", advice
