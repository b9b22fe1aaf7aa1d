"""DuckDB's parse tree: what its nodes are called, and how one walks through them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

Node = dict[str, Any]

# No place in the text: the parser made the node up.
_NOWHERE = 2**63
_EXPRESSIONS = frozenset(
    (
        "BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "DEFAULT",
        "FUNCTION", "LAMBDA", "LAMBDA_REF", "OPERATOR", "PARAMETER", "POSITIONAL_REFERENCE", "STAR", "SUBQUERY", "TYPE",
        "WINDOW",
    )
)  # fmt: skip


def is_expression(value: object) -> bool:
    """Whether it is an expression, and neither a table nor a query."""
    return isinstance(value, dict) and value.get("class") in _EXPRESSIONS


def parts(node: object) -> Iterator[Node]:
    """The expressions right below this one; those within a subquery are not its own."""
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        if isinstance(value, dict) and is_expression(value):
            yield value
        elif isinstance(value, list) or (
            isinstance(value, dict) and "select_list" not in value and "node" not in value
        ):
            yield from parts(value)


def within(node: Node) -> Iterator[Node]:
    """The expression, and all that it is made of, without subqueries."""
    yield node
    for one in parts(node):
        yield from within(one)


def replaced(node: Any, change: Callable[[Node], Node | None]) -> Any:
    """A copy in which `change` has its say on each expression first; None leaves that one as it is."""
    if isinstance(node, list):
        return [replaced(one, change) for one in node]
    if not isinstance(node, dict):
        return node
    if is_expression(node) and (other := change(node)) is not None:
        return other
    return {key: replaced(value, change) for key, value in node.items()}


def column(*names: str) -> Node:
    """A reference to a column."""
    return {"class": "COLUMN_REF", "type": "COLUMN_REF", "alias": "", "query_location": _NOWHERE * 2 - 1,
            "column_names": list(names)}  # fmt: skip


def same(one: Node, other: Node) -> bool:
    """Whether two expressions are written alike, wherever they stand and whatever they are called."""
    return bool(_bare(one) == _bare(other))


def _bare(node: Any) -> Any:
    if isinstance(node, list):
        return [_bare(one) for one in node]
    if not isinstance(node, dict):
        return node
    bare = {key: _bare(value) for key, value in node.items() if key not in ("query_location", "alias")}
    if bare.get("class") == "COLUMN_REF":
        bare["column_names"] = [name.lower() for name in bare["column_names"]]
    return bare


def named(node: Node, alias: str) -> Node:
    """The same expression under another name."""
    return {**copy.deepcopy(node), "alias": alias}


def place(node: object) -> int | None:
    """Where in the statement's text the node is written, in bytes; None where it isn't."""
    location = node.get("query_location") if isinstance(node, dict) else None
    return location if isinstance(location, int) and location < _NOWHERE else None
