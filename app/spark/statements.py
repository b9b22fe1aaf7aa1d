"""Whole statements: DuckDB's tree of a query becomes one of Spark's, in which every column has a number for a name.

What a name means is settled here, by DuckDB's rules, so that Spark has none to look up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app import errors
from app.spark import forms, selects
from app.spark.names import Column, Scope
from app.spark.oracle import Oracle
from app.spark.refusals import Refusals
from app.spark.statement import Relation, Statement, Tables, renamed
from app.spark.tree import Node

_SET_OPERATIONS = {"UNION": "UNION", "EXCEPT": "EXCEPT", "INTERSECT": "INTERSECT"}


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
        relation = query(Statement(oracle, refusals, tables, query), tree, {}, None)
    except RecursionError:
        raise errors.NotOnSpark("the statement is nested too deeply for Spark") from None
    return Translated(relation.sql, tuple(column.type for column in relation.columns), frozenset(refusals.zones))


def query(of: Statement, node: Node, known: Mapping[str, Relation], outer: Scope | None) -> Relation:
    """A SELECT, or several put together, with the expressions that stand in front of it."""
    known, heads = dict(known), []
    for one in (node.get("cte_map") or {}).get("map", []):
        name = of.fresh("c")
        relation = _named(of, one, known)
        heads.append(f"{name} AS ({relation.sql})")
        known[one["key"].lower()] = replace(relation, sql=name)
    body = _body(of, node, known, outer)
    return replace(body, sql=f"WITH {', '.join(heads)} {body.sql}") if heads else body


def _named(of: Statement, entry: dict[str, Any], known: Mapping[str, Relation]) -> Relation:
    inner = entry["value"]["query"]["node"]
    if inner["type"] == "RECURSIVE_CTE_NODE" or entry["value"].get("key_targets"):
        raise of.refusals.at(inner, "a recursive query")
    relation = query(of, inner, known, None)
    return replace(relation, columns=renamed(relation.columns, entry["value"].get("aliases") or []))


def _body(of: Statement, node: Node, known: Mapping[str, Relation], outer: Scope | None) -> Relation:
    if node["type"] == "SELECT_NODE":
        return selects.select(of, node, known, outer)
    if node["type"] == "SET_OPERATION_NODE":
        return _together(of, node, known)
    raise of.refusals.at(node, f"a query of the kind {node['type']}")


def _together(of: Statement, node: Node, known: Mapping[str, Relation]) -> Relation:
    left, right = (query(of, node[side], known, None) for side in ("left", "right"))
    word = _SET_OPERATIONS.get(node["setop_type"])
    if word is None or len(left.columns) != len(right.columns):
        raise of.refusals.at(node, f"{node['setop_type'].replace('_', ' ')} of these queries")
    kinds = [
        of.oracle.type_of_union(one.type, other.type) for one, other in zip(left.columns, right.columns, strict=True)
    ]
    sides = [_as_types(of, side, kinds) for side in (left, right)]
    columns = tuple(
        Column(column.name, f"k{n}", kind) for n, (column, kind) in enumerate(zip(left.columns, kinds, strict=True))
    )
    relation = Relation(f"{sides[0]} {word}{' ALL' if node.get('setop_all') else ''} {sides[1]}", columns)
    return selects.arranged(of, node, relation)


def _as_types(of: Statement, side: Relation, kinds: Sequence[str]) -> str:
    expressions = []
    for n, (column, kind) in enumerate(zip(side.columns, kinds, strict=True)):
        value = forms.coerced(forms.Typed(f"k{n}", column.type), kind)
        if value is None or forms.spark(kind) is None:
            raise of.refusals.at(None, f"{column.type} together with {kind} in one column", "cast one of them")
        expressions.append(f"{value} AS k{n}")
    return f"SELECT {', '.join(expressions)} FROM ({side.sql})"
