"""Whole statements: DuckDB's tree of a query becomes one of Spark's, in which every column has a number for a name.

What a name means is settled here, by DuckDB's rules, so that Spark has none to look up.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from app import errors
from app.spark import forms, selects
from app.spark.expressions import Expressions
from app.spark.names import Column, Scope
from app.spark.oracle import Oracle
from app.spark.refusals import Refusals
from app.spark.tree import Node

_SET_OPERATIONS = {"UNION": "UNION", "EXCEPT": "EXCEPT", "INTERSECT": "INTERSECT"}


class Tables(Protocol):
    """The tables that a statement may name."""

    def find(self, schema: str, name: str) -> tuple[str, list[tuple[str, str]]] | None:
        """The name of the view that Spark knows a table by, and names and types of its columns; None for none."""


@dataclass(frozen=True)
class Relation:
    """A query's SQL, whose columns are called k0, k1, …, and what they are."""

    sql: str
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Translated:
    """A statement for Spark: the DuckDB types of its columns, and the zones that it converts times to."""

    sql: str
    types: tuple[str, ...]
    zones: frozenset[str]


def translated(oracle: Oracle, sql: str, params: Mapping[str, object] | Sequence[object], tables: Tables) -> Translated:
    """The statement as Spark's. Raises `errors.NotOnSpark` for what has no rule, naming it and where it stands."""
    refusals = Refusals(sql)
    try:
        tree = oracle.bound(oracle.parse(sql), params)
        found = Statement(oracle, refusals, tables).query(tree, {}, None)
    except RecursionError:
        raise errors.NotOnSpark("the statement is nested too deeply for Spark") from None
    return Translated(found.sql, tuple(column.type for column in found.columns), frozenset(refusals.zones))


class Statement:
    """One statement while it is translated."""

    def __init__(self, oracle: Oracle, refusals: Refusals, tables: Tables) -> None:
        self.oracle, self.refusals, self.tables = oracle, refusals, tables
        self._numbers = itertools.count()

    def fresh(self, letter: str) -> str:
        """A name that nothing else has."""
        return f"{letter}{next(self._numbers)}"

    def expressions(self, scope: Scope, known: Mapping[str, Relation]) -> Expressions:
        """The expressions of a SELECT with these names."""

        def subquery(node: Node, outer: Scope | None) -> tuple[str, list[str]]:
            found = self.query(node, known, outer)
            return found.sql, [column.type for column in found.columns]

        return Expressions(self.oracle, self.refusals, scope, subquery)

    def query(self, node: Node, known: Mapping[str, Relation], outer: Scope | None) -> Relation:
        """A SELECT, or several put together, with the expressions that stand in front of it."""
        known, heads = dict(known), []
        for one in (node.get("cte_map") or {}).get("map", []):
            name = self.fresh("c")
            found = self._named(one, known)
            heads.append(f"{name} AS ({found.sql})")
            known[one["key"].lower()] = replace(found, sql=name)
        body = self._body(node, known, outer)
        return replace(body, sql=f"WITH {', '.join(heads)} {body.sql}") if heads else body

    def _named(self, entry: dict[str, Any], known: Mapping[str, Relation]) -> Relation:
        query = entry["value"]["query"]["node"]
        if query["type"] == "RECURSIVE_CTE_NODE" or entry["value"].get("key_targets"):
            raise self.refusals.at(query, "a recursive query")
        found = self.query(query, known, None)
        return replace(found, columns=renamed(found.columns, entry["value"].get("aliases") or []))

    def _body(self, node: Node, known: Mapping[str, Relation], outer: Scope | None) -> Relation:
        if node["type"] == "SELECT_NODE":
            return selects.select(self, node, known, outer)
        if node["type"] == "SET_OPERATION_NODE":
            return self._together(node, known)
        raise self.refusals.at(node, f"a query of the kind {node['type']}")

    def _together(self, node: Node, known: Mapping[str, Relation]) -> Relation:
        left, right = (self.query(node[side], known, None) for side in ("left", "right"))
        word = _SET_OPERATIONS.get(node["setop_type"])
        if word is None or len(left.columns) != len(right.columns):
            raise self.refusals.at(node, f"{node['setop_type'].replace('_', ' ')} of these queries")
        kinds = [
            self.oracle.type_of_union(one.type, other.type)
            for one, other in zip(left.columns, right.columns, strict=True)
        ]
        sides = [self._as_types(side, kinds) for side in (left, right)]
        columns = tuple(
            Column(column.name, f"k{n}", kind) for n, (column, kind) in enumerate(zip(left.columns, kinds, strict=True))
        )
        found = Relation(f"{sides[0]} {word}{' ALL' if node.get('setop_all') else ''} {sides[1]}", columns)
        return selects.arranged(self, node, found)

    def _as_types(self, side: Relation, kinds: Sequence[str]) -> str:
        made = []
        for n, (column, kind) in enumerate(zip(side.columns, kinds, strict=True)):
            value = forms.coerced(forms.Typed(f"k{n}", column.type), kind)
            if value is None or forms.spark(kind) is None:
                raise self.refusals.at(None, f"{column.type} together with {kind} in one column", "cast one of them")
            made.append(f"{value} AS k{n}")
        return f"SELECT {', '.join(made)} FROM ({side.sql})"


def renamed(columns: Sequence[Column], names: Sequence[str]) -> tuple[Column, ...]:
    """The columns with these names for the first of them."""
    return tuple(
        replace(column, name=names[n].lower()) if n < len(names) else column for n, column in enumerate(columns)
    )
