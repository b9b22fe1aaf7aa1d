"""What each name in an expression means: DuckDB's own rule where it is plain, an error where there are two meanings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs import quoting
from jobs.models.analysis import functions, tree
from jobs.models.analysis.refusal import Refused, Whole, place
from jobs.models.analysis.scratch import Scratch
from jobs.models.analysis.shapes import Place, Term
from jobs.models.analysis.tree import Node

_FOLLOWED = frozenset(
    ["BETWEEN", "CASE", "CAST", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION", "OPERATOR"]
)
# They call a field like the column that it is made of.
_NAMING = frozenset(["struct_insert", "struct_pack", "struct_update", "union_value"])
_ALONE = "make it a model of its own and join it"


@dataclass(frozen=True)
class Input:
    """One occurrence of a table in FROM: `alias` is folded, `columns` are the table's by folded name."""

    alias: str
    table: str
    columns: Mapping[str, str]
    schema: str = ""


class Names:
    """The names that one SELECT knows: columns of its inputs, and items of its list.

    A column comes before an item of the same name. In GROUP BY and HAVING, where DuckDB takes now the one and now the
    other, such a name is refused.
    """

    def __init__(self, scratch: Scratch, inputs: Sequence[Input], items: Sequence[Node]) -> None:
        self._scratch = scratch
        self._inputs = {one.alias: one for one in inputs}
        self._items = {quoting.fold(item["alias"]): item for item in items if item["alias"]}

    def term(self, expression: Node, *, strict: bool = False) -> Term:
        """An expression as text with every name resolved. Raises `Whole` where it isn't followed, and `Refused`."""
        resolved = self.resolved(expression, strict=strict)
        refs = {node["column_names"][0] for node in tree.walk(resolved) if node.get("class") == "COLUMN_REF"}
        return Term(
            tree.expression_text(self._scratch.connection, resolved), frozenset(refs), _column(resolved),
            _equal(resolved),
        )  # fmt: skip

    def resolved(self, expression: Any, *, strict: bool = False, depth: int = 0) -> Any:
        """The expression with each column as input and column, and items of the list as what they stand for."""
        if isinstance(expression, list):
            return [self.resolved(one, strict=strict, depth=depth) for one in expression]
        if not isinstance(expression, dict):
            return expression
        kind = expression.get("class")
        if kind is not None and kind not in _FOLLOWED:
            raise Whole(_unfollowed(expression), _ALONE)
        if kind == "FUNCTION" and expression["function_name"].lower() == functions.UNNEST:
            raise Whole("unnest() makes rows of a value", _ALONE)
        if kind == "COLUMN_REF":
            return self._resolved_name(expression, strict, depth)
        fields = {key: self.resolved(value, strict=strict, depth=depth) for key, value in expression.items()}
        return _named_arguments(expression, fields) if kind == "FUNCTION" else fields

    def _resolved_name(self, node: Node, strict: bool, depth: int) -> Node:
        *before, name = node["column_names"]
        if before:
            return self._qualified(node, before, name)
        return self._single(node, name, strict, depth)

    def _qualified(self, node: Node, before: list[str], name: str) -> Node:
        owner = self._inputs.get(quoting.fold(before[-1]))
        if owner is None or not self._means(owner, before) or quoting.fold(name) not in owner.columns:
            raise Whole(f"{'.'.join((*before, name))} is not of the form input.column", "give the input an alias")
        return {**node, "alias": "", "column_names": [owner.alias, owner.columns[quoting.fold(name)]]}

    @staticmethod
    def _means(meant: Input, before: list[str]) -> bool:
        """A schema in front is that of an input without an alias."""
        return len(before) == 1 or (len(before) == 2 and quoting.fold(before[0]) == meant.schema)

    def _single(self, node: Node, name: str, strict: bool, depth: int) -> Node:
        folded = quoting.fold(name)
        holders = [one for one in self._inputs.values() if folded in one.columns]
        item = self._items.get(folded)
        if len(holders) > 1:
            inputs = " and ".join(one.alias for one in holders)
            raise Refused(f"{name} is a column of {inputs}", f"write {holders[0].alias}.{name}", place(node))
        if holders:
            column = {**node, "alias": "", "column_names": [holders[0].alias, holders[0].columns[folded]]}
            if strict and item is not None and depth == 0 and not self._is_same(item, column):
                advice = f"write {holders[0].alias}.{name}, or give the item another name"
                raise Refused(f"{name} is a column of {holders[0].alias} and an item of the list", advice, place(node))
            return column
        if item is None or depth > len(self._items):
            raise Refused(f"{name} is no column of an input", "name the input: input.column", place(node))
        resolved: Node = self.resolved({**item, "alias": ""}, depth=depth + 1)
        return resolved

    def _is_same(self, item: Node, column: Node) -> bool:
        resolved = self.resolved({**item, "alias": ""}, depth=1)
        return bool(resolved.get("column_names") == column["column_names"])


def _named_arguments(written: Node, resolved: Node) -> Node:
    """A call whose arguments keep their names: those of {'at': o.placed_at} are names of fields."""
    naming = written["function_name"].lower() in _NAMING
    children = [
        {**after, "alias": before["alias"] or (_own_name(after) if naming else "")}
        for before, after in zip(written["children"], resolved["children"], strict=True)
    ]
    return {**resolved, "children": children}


def _own_name(node: Node) -> str:
    return str(node["column_names"][-1]) if node["class"] == "COLUMN_REF" else ""


def _unfollowed(node: Node) -> str:
    return {
        "SUBQUERY": "a subquery",
        "WINDOW": f"{node.get('function_name')}() over a window",
        "LAMBDA": "a lambda",
    }.get(node["class"], f"an expression of the kind {node['class']}")


def _column(node: Node) -> Place | None:
    return Place(*node["column_names"]) if node["class"] == "COLUMN_REF" else None


def _equal(node: Node) -> tuple[Place, Place] | None:
    if node["class"] != "COMPARISON" or node["type"] != "COMPARE_EQUAL":
        return None
    left, right = _column(node["left"]), _column(node["right"])
    return (left, right) if left and right else None
