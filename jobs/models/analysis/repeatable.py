"""Whether a SELECT gives the same rows each time that it is asked of the same rows: of every part of it, however deep.

A kind of node that isn't known is refused: a later DuckDB may have some that nobody has looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb

from jobs import quoting
from jobs.models.analysis import functions, tree, values
from jobs.models.analysis.refusal import Refused, place
from jobs.models.analysis.scratch import Scratch
from jobs.models.analysis.tree import Node

_KNOWN = """
    BETWEEN CASE CAST COLUMN_REF COMPARISON CONJUNCTION CONSTANT FUNCTION LAMBDA LAMBDA_REF OPERATOR
    POSITIONAL_REFERENCE STAR SUBQUERY TYPE WINDOW
"""
_EXPRESSIONS = frozenset(_KNOWN.split())
_QUERIES = frozenset(["SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"])
_SOURCES = frozenset(["BASE_TABLE", "JOIN", "SUBQUERY", "EMPTY", "EXPRESSION_LIST"])
_JOINS = frozenset(("REGULAR", "NATURAL", "CROSS"))
_STAYING = frozenset(["ORDER_MODIFIER", "DISTINCT_MODIFIER"])
_ALONE = "make it a model of its own, and join that"


@dataclass(frozen=True)
class Scope:
    """A query within the text, with the common table expressions that are known where it stands."""

    query: Node
    known: tuple[Node, ...]

    @property
    def names(self) -> frozenset[str]:
        """Of those expressions, as DuckDB compares them."""
        return frozenset(quoting.fold(one["key"]) for one in self.known)


def check(query: Node, scratch: Scratch) -> None:
    """Raise `Refused` with the reason and the place where the query need not give the same rows."""
    _check_stars(query)
    for node in sorted(tree.walk(query), key=lambda node: place(node) or 0):
        _check_node(node, scratch)
    for scope in scopes(query):
        _check_types(scope, scratch)


def scopes(query: Node) -> Iterator[Scope]:
    """Every query in the text, each with what it knows by name."""
    waiting: list[tuple[Any, tuple[Node, ...]]] = [(query, ())]
    while waiting:
        node, known = waiting.pop()
        if isinstance(node, list):
            waiting += [(one, known) for one in node]
        elif isinstance(node, dict):
            for entry in (node.get("cte_map") or {}).get("map", []):
                waiting.append((entry["value"], (*known, entry) if _recurs(entry) else known))
                known = (*known, entry)
            if "cte_map" in node:
                yield Scope(node, known)
            waiting += [(value, known) for key, value in node.items() if key != "cte_map"]


def _recurs(entry: Node) -> bool:
    return bool(entry["value"]["query"]["node"]["type"] == "RECURSIVE_CTE_NODE")


def _check_stars(query: Node) -> None:
    """Below EXISTS it doesn't matter which columns there are."""
    waiting: list[Any] = [query]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            if node.get("class") == "STAR":
                reason = "*: a new column of an input would change the model"
                raise Refused(reason, "name the columns", place(node))
            if node.get("class") == "SUBQUERY" and node["subquery_type"] == "EXISTS":
                continue
            waiting += node.values()


def _check_node(node: Node, scratch: Scratch) -> None:
    if node.get("sample"):
        raise Refused("a sample is a draw", "leave it out", place(node))
    if "class" in node:
        _check_expression(node, scratch)
    elif "cte_map" in node:
        _check_query(node)
    if "from_table" in node:
        _check_source(node["from_table"])


def _check_expression(node: Node, scratch: Scratch) -> None:
    kind, at = node["class"], place(node)
    if kind == "PARAMETER":
        raise Refused("a model takes no parameters", "leave them to the report that reads the model", at)
    if kind == "COLLATE":
        raise Refused("COLLATE: equal texts need not be the same", "write lower(…) or strip_accents(…)", at)
    if kind not in _EXPRESSIONS:
        raise Refused(f"an expression of the kind {kind} is not known to be repeatable", "", at)
    if "function_name" in node:
        functions.check(node, scratch.functions)
    if kind == "COLUMN_REF":
        _check_name(node, scratch)


def _check_name(node: Node, scratch: Scratch) -> None:
    names = [quoting.fold(name) for name in node["column_names"]]
    if len(names) == 1 and names[0] in functions.CLOCKS and not scratch.has_column(names[0]):
        raise Refused(f"{names[0]} gives another value each time", "leave it to a report", place(node))
    if "rowid" in names and not scratch.has_column("rowid"):
        raise Refused("rowid is no column: it changes with every run", "take the key", place(node))


def _check_query(node: Node) -> None:
    if node.get("type") not in _QUERIES:
        raise Refused(f"a query of the kind {node.get('type')} is not known to be repeatable")
    for modifier in node.get("modifiers", []):
        if modifier["type"].startswith("LIMIT"):
            advice = "put it into the report that reads the model"
            raise Refused("LIMIT: which rows come first may be a draw", advice, place(modifier.get("limit") or {}))
        if modifier["type"] not in _STAYING:
            raise Refused(f"a {modifier['type']} is not known to be repeatable")
        if modifier.get("distinct_on_targets"):
            raise Refused("DISTINCT ON: which row stays may be a draw", "take GROUP BY with max() or min()")
    if node.get("key_targets"):
        raise Refused("USING KEY depends on the order of the rows", _ALONE)


def _check_source(node: Node) -> None:
    kind, at = node.get("type"), place(node)
    if kind == "TABLE_FUNCTION":
        name = node["function"]["function_name"]
        raise Refused(f"{name}() in FROM is no table", "a model reads tables and models", at)
    if kind not in _SOURCES:
        raise Refused(f"{kind} in FROM is not followed", "write it with joins and GROUP BY", at)
    if kind == "JOIN" and node["ref_type"] not in _JOINS:
        raise Refused(f"{node['ref_type']} JOIN: which rows come together may be a draw", "write ON with =", at)
    if kind == "JOIN":
        _check_source(node["left"])
        _check_source(node["right"])
    if kind == "BASE_TABLE" and (node["catalog_name"] or node["at_clause"]):
        raise Refused("a table is named with more than its schema", "write schema.table", at)


def _check_types(scope: Scope, scratch: Scratch) -> None:
    query = scope.query
    if _compares_rows(query):
        for name, kind in _described({**query, "modifiers": []}, scope, scratch):
            values.check_group(name, kind)
    if query["type"] == "SELECT_NODE":
        _check_parts(scope, scratch)


def _compares_rows(query: Node) -> bool:
    if any(one["type"] == "DISTINCT_MODIFIER" for one in query["modifiers"]):
        return True
    if query["type"] == "SET_OPERATION_NODE":
        return not (query["setop_type"] in ("UNION", "UNION_BY_NAME") and query["setop_all"])
    return query["type"] == "RECURSIVE_CTE_NODE" and not query["union_all"]


def _check_parts(scope: Scope, scratch: Scratch) -> None:
    calls, groups = list(_typed_calls(scope.query)), list(_groups(scope.query, scratch))
    parts = [call["children"][0] for call in calls] + groups
    if not parts:
        return
    kinds = _kinds(scope, parts, scratch)
    for call, kind in zip(calls, kinds, strict=False):
        name = call["function_name"].lower()
        (values.check_sum if name in ("sum", "avg") else values.check_extreme)(name, kind, place(call))
    for group, kind in zip(groups, kinds[len(calls) :], strict=True):
        values.check_group("a column of GROUP BY", kind, place(group))


def _typed_calls(query: Node) -> Iterator[Node]:
    """The calls of aggregates of this very query whose result depends on the type of their argument."""
    waiting: list[Any] = [query[part] for part in ("select_list", "having", "qualify")]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict) and node.get("class") != "SUBQUERY":
            if node.get("class") in ("FUNCTION", "WINDOW") and node["function_name"].lower() in (
                "sum", "avg", "min", "max",
            ):  # fmt: skip
                yield node
            waiting += node.values()


def _groups(query: Node, scratch: Scratch) -> Iterator[Node]:
    """What is grouped by; a number is the place of an item."""
    items = query["select_list"]
    if query["aggregate_handling"] == "FORCE_AGGREGATES":
        yield from (item for item in items if not aggregates(item, scratch))
    for group in query["group_expressions"]:
        number = group["value"]["value"] if group["class"] == "CONSTANT" else None
        yield items[number - 1] if isinstance(number, int) and 0 < number <= len(items) else group


def aggregates(expression: Node, scratch: Scratch) -> bool:
    """Whether an aggregate stands in an expression itself, below no subquery."""
    return any(functions.is_aggregate(node, scratch.functions) for node in tree.walk(expression))


def _kinds(scope: Scope, parts: list[Node], scratch: Scratch) -> list[str]:
    """The types of these parts of a query. Items with names come before them, for they may be named in them."""
    named = [
        item for item in scope.query["select_list"]
        if item["alias"] and not aggregates(item, scratch) and not _has_window(item)
    ]  # fmt: skip
    asked = [*named, *({**part, "alias": ""} for part in parts)]
    plain = {**tree.selecting(asked, scope.query["from_table"]), "cte_map": scope.query["cte_map"]}
    return [kind for _, kind in _described(plain, scope, scratch)][len(named) :]


def _has_window(expression: Node) -> bool:
    return any(node.get("class") == "WINDOW" for node in tree.walk(expression))


def _described(query: Node, scope: Scope, scratch: Scratch) -> list[tuple[str, str]]:
    known = {quoting.fold(entry["key"]): entry for entry in scope.known}
    alone = json.loads(json.dumps({**query, "cte_map": {"map": list(known.values())}}))
    try:
        return scratch.described(tree.query_text(scratch.connection, alone))
    except duckdb.Error as error:
        reason = f"the types in a subquery can't be told: {str(error).splitlines()[0]}"
        raise Refused(reason, _ALONE) from error
