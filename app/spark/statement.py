"""One statement while it is translated, and the queries in it as others see them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from app.spark.expressions import Expressions
from app.spark.names import Column, Scope
from app.spark.oracle import Oracle
from app.spark.refusals import Refusals
from app.spark.rules import RULES
from app.spark.tree import Node


class Tables(Protocol):
    """The tables that a statement may name."""

    def find(self, schema: str, name: str) -> tuple[str, list[tuple[str, str]]] | None:
        """The name of the view that Spark knows a table by, and names and types of its columns; None for none."""


@dataclass(frozen=True)
class Relation:
    """A query's SQL, whose columns are called k0, k1, …, and what they are."""

    sql: str
    columns: tuple[Column, ...]


def renamed(columns: Sequence[Column], names: Sequence[str]) -> tuple[Column, ...]:
    """The columns with these names for the first of them."""
    return tuple(
        replace(column, name=names[n].lower()) if n < len(names) else column for n, column in enumerate(columns)
    )


Query = Callable[["Statement", Node, Mapping[str, Relation], Scope | None], Relation]


class Statement:
    """One statement while it is translated. `query` is what its queries within one another are translated by."""

    def __init__(self, oracle: Oracle, refusals: Refusals, tables: Tables, query: Query) -> None:
        self.oracle, self.refusals, self.tables = oracle, refusals, tables
        self._query = query
        self._numbers = itertools.count()

    def fresh(self, letter: str) -> str:
        """A name that nothing else has."""
        return f"{letter}{next(self._numbers)}"

    def expressions(self, scope: Scope, known: Mapping[str, Relation]) -> Expressions:
        """The expressions of a SELECT with these names."""

        def subquery(node: Node, outer: Scope | None) -> tuple[str, list[str]]:
            relation = self.query(node, known, outer)
            return relation.sql, [column.type for column in relation.columns]

        return Expressions(self.oracle, self.refusals, scope, subquery, RULES)

    def constants(self) -> Expressions:
        """Expressions where no name means anything."""
        return self.expressions(Scope(), {})

    def query(self, node: Node, known: Mapping[str, Relation], outer: Scope | None) -> Relation:
        """A query within this one, which sees the names of `outer`. Raises `errors.NotOnSpark`."""
        return self._query(self, node, known, outer)
