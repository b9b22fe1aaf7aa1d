"""What the analysis hands on: a SELECT taken apart.

Names of inputs are `schema.name` as `quoting.join_name` writes them, spelled as in the file. Aliases are folded,
columns are spelled as their table spells them, and every text names its columns as `alias.column`, quoted where it has
to be: it can be put into a statement whose FROM gives the inputs the same aliases.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Kind = Literal["rows", "groups", "sums", "whole"]


class Place(NamedTuple):
    """A column of one occurrence of an input."""

    alias: str
    column: str


@dataclass(frozen=True)
class Relation:
    """A table or model that may be read: its columns with their DuckDB types, in order, and its key, if it has one."""

    columns: Mapping[str, str]
    key: tuple[str, ...] = ()


@dataclass(frozen=True)
class Term:
    """An expression. `column` where it is nothing but a column, `equal` where it is `column = column`."""

    text: str
    refs: frozenset[str] = frozenset()
    column: Place | None = None
    equal: tuple[Place, Place] | None = None


@dataclass(frozen=True)
class Occurrence:
    """One time that an input stands in FROM. `optional`: the right side of a LEFT JOIN, whose row may be absent.

    `on` are the parts of its join condition that AND ties together; none for the first input and for a CROSS JOIN.
    """

    alias: str
    table: str
    optional: bool = False
    on: tuple[Term, ...] = ()


@dataclass(frozen=True)
class Aggregate:
    """What an output is where it is one aggregate, in a cast at most: `argument` is empty for count(*).

    `column` where that is nothing but a column.
    """

    function: str
    argument: str = ""
    filter: str = ""
    distinct: bool = False
    column: Place | None = None


@dataclass(frozen=True)
class Output:
    """One item of the SELECT list, with its DuckDB type. `aggregates`: an aggregate stands somewhere in it."""

    name: str
    type: str
    term: Term
    aggregates: bool = False
    aggregate: Aggregate | None = None


@dataclass(frozen=True)
class Branch:
    """One SELECT, of several where UNION ALL ties them. `groups` is None where there are no groups.

    `where` are parts that AND ties together, over single rows; `having` is over groups, and empty where there is none.
    """

    occurrences: tuple[Occurrence, ...]
    outputs: tuple[Output, ...]
    where: tuple[Term, ...] = ()
    groups: tuple[Term, ...] | None = None
    having: str = ""
    distinct: bool = False

    def occurrence(self, alias: str) -> Occurrence:
        """The one of this alias."""
        return next(one for one in self.occurrences if one.alias == alias)

    @property
    def optional(self) -> frozenset[str]:
        """The aliases whose row may be absent."""
        return frozenset(one.alias for one in self.occurrences if one.optional)

    def equal_columns(self, kind: Callable[[Place], str]) -> list[set[Place]]:
        """Sets of columns that have one value in every row of it. `kind` gives types: '1' and '01' both equal 1."""
        sets: list[set[Place]] = []
        terms = [term for one in self.occurrences if not one.optional for term in one.on]
        for term in (*terms, *self.where):
            if term.equal and not term.refs & self.optional and len({kind(one) for one in term.equal}) == 1:
                met = [one for one in sets if one & set(term.equal)]
                sets = [one for one in sets if one not in met] + [set(term.equal).union(*met)]
        return sets


@dataclass(frozen=True)
class Analysis:
    """A model's SELECT. `branches` is empty for `whole`, one for `sums`, one or more for `rows` and `groups`.

    `reason` says why it is no cheaper kind, empty for `rows` and `sums`; `advice` what would make it one. `key` are
    names of outputs; the same place of each branch's outputs holds the expression of its branch. Empty for `sums`
    means the one group of a SELECT without GROUP BY, which is always there. `columns` are the model's with their DuckDB
    types. `text` is the whole SELECT with each input under the catalog that was asked for. `unit` of sums are columns
    of the first input: its rows that agree in these are taken away and added together.
    """

    kind: Kind
    text: str
    columns: Mapping[str, str]
    inputs: tuple[str, ...]
    key: tuple[str, ...] = ()
    reason: str = ""
    advice: str = ""
    branches: tuple[Branch, ...] = field(default=())
    unit: tuple[str, ...] = ()

    def key_terms(self, branch: Branch) -> dict[str, Term]:
        """The key's columns, each with its expression in this branch."""
        names = list(self.columns)
        return {name: branch.outputs[names.index(name)].term for name in self.key}
