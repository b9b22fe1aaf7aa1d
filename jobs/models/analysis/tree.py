"""The parsed form of a SELECT: DuckDB parses, and writes text of it again.

What it writes is read once more and has to come out the same: its writer is younger than its parser.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import duckdb

from jobs import quoting
from jobs.models.analysis.refusal import Refused

Node = dict[str, Any]
_PLACE = "query_location"
_ONE = "write one SELECT"


def parsed(connection: duckdb.DuckDBPyConnection, text: str) -> Node:
    """The query of a text that is one SELECT. Raises `Refused`."""
    tree = _serialized(connection, text)
    if tree["error"]:
        raise Refused(_message(tree), _ONE, _position(tree))
    if len(tree["statements"]) != 1:
        raise Refused(f"there are {len(tree['statements'])} statements", _ONE)
    node: Node = tree["statements"][0]["node"]
    return node


def query_text(connection: duckdb.DuckDBPyConnection, query: Node) -> str:
    """The text of a query. Raises `Refused` where DuckDB would read it otherwise than it was meant."""
    statement = {"error": False, "statements": [{"node": query, "named_param_map": []}]}
    try:
        # Written into the statement: for each value that is bound the client looks for four libraries to import.
        ((text,),) = connection.execute(
            f"SELECT json_deserialize_sql({quoting.literal(json.dumps(statement))}::JSON)"
        ).fetchall()
        again = parsed(connection, text)
    except duckdb.Error as error:
        raise Refused(f"DuckDB can't write the statement: {error}", "write it more simply") from error
    if bare(again) != bare(query):
        raise Refused("DuckDB writes the statement otherwise than it reads it", "write it more simply")
    return str(text).removesuffix(";")


def expression_text(connection: duckdb.DuckDBPyConnection, expression: Node) -> str:
    """The text of an expression, without its name."""
    return query_text(connection, selecting([{**expression, "alias": ""}])).removeprefix("SELECT ")


def selecting(expressions: list[Node], source: Node | None = None) -> Node:
    """A query for these expressions, of nothing or of what stands in `source`."""
    nothing = {"type": "EMPTY", "alias": "", "sample": None}
    return {
        "type": "SELECT_NODE", "modifiers": [], "cte_map": {"map": []}, "select_list": expressions,
        "from_table": source or nothing, "where_clause": None, "group_expressions": [], "group_sets": [],
        "aggregate_handling": "STANDARD_HANDLING", "having": None, "sample": None, "qualify": None,
    }  # fmt: skip


def walk(node: Any) -> Iterator[Node]:
    """Every node below this one, and it itself."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting += [value for value in one.values() if isinstance(value, dict | list)]
        elif isinstance(one, list):
            waiting += one


def bare(node: Any) -> Any:
    """The tree without the places in the text, to compare it."""
    if isinstance(node, list):
        return [bare(one) for one in node]
    if isinstance(node, dict):
        return {key: bare(value) for key, value in node.items() if key != _PLACE}
    return node


def conjuncts(condition: Node | None) -> list[Node]:
    """The parts that AND ties together."""
    if condition is None:
        return []
    if condition["class"] == "CONJUNCTION" and condition["type"] == "CONJUNCTION_AND":
        return [part for child in condition["children"] for part in conjuncts(child)]
    return [condition]


def _serialized(connection: duckdb.DuckDBPyConnection, text: str) -> Node:
    try:
        ((serialized,),) = connection.execute(f"SELECT json_serialize_sql({quoting.literal(text)}::VARCHAR)").fetchall()
        node: Node = json.loads(serialized)
    except RecursionError:
        raise Refused("the statement is nested too deeply", "make a part of it a model of its own") from None
    except duckdb.Error as error:
        raise Refused(str(error).splitlines()[0], _ONE) from error
    return node


def _message(node: Node) -> str:
    message = str(node.get("error_message", ""))
    return "the statement is no SELECT" if message.startswith("Only SELECT") else message


def _position(node: Node) -> int | None:
    position = str(node.get("position", ""))
    return int(position) if position.isdigit() else None
