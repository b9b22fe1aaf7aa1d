"""Expressions: DuckDB's tree of one becomes Spark's SQL, with the type that DuckDB gives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app import errors
from app.spark import forms, tree
from app.spark.forms import Typed
from app.spark.names import Column, Scope
from app.spark.oracle import Oracle
from app.spark.refusals import Refusals
from app.spark.tree import Node

_ROWWISE = ("unnest", "unlist")
# What a subquery gives: Spark's SQL of it, and the types of its columns.
Subquery = Callable[[Node, Scope | None], tuple[str, list[str]]]
Rule = Callable[["Expressions", Node], Typed]


class Expressions:
    """The expressions of one SELECT, whose names `scope` knows. `rules` has one for each class of DuckDB's nodes."""

    def __init__(
        self, oracle: Oracle, refusals: Refusals, scope: Scope, subquery: Subquery, rules: Mapping[str, Rule]
    ) -> None:
        self.oracle, self.refusals, self.scope, self.subquery = oracle, refusals, scope, subquery
        self._rules = rules
        # Where a name that the SELECT gave is being looked into: it means nothing within itself.
        self._open: list[int] = []

    def typed(self, node: Node) -> Typed:
        """Spark's SQL for it. Raises `errors.NotOnSpark`."""
        if self.is_constant(node):
            return self._constant(node)
        rule = self._rules.get(node["class"])
        if rule is None:
            raise self.refuse(node, f"an expression of the kind {str(node['class']).lower()}")
        return rule(self, node)

    def refuse(self, node: Node, what: str, hint: str | None = None) -> errors.NotOnSpark:
        """The error for what has no rule."""
        return self.refusals.at(node, what, hint)

    def sql(self, node: Node) -> str:
        return self.typed(node).sql

    def as_type(self, node: Node, kind: str, within: Node | None = None) -> str:
        """An expression as a value of this type, which DuckDB makes of it by itself."""
        if self.is_constant(node):
            return self._constant(self._cast(node, kind)).sql
        value = self.typed(node)
        coerced = forms.coerced(value, kind)
        if coerced is None:
            raise self.refuse(within or node, f"{value.type} made {kind}")
        return coerced

    def type_of(self, node: Node) -> str:
        """DuckDB's type of an expression."""
        if node["class"] == "COLUMN_REF":
            return self.meant(node).type
        if node["class"] == "SUBQUERY":
            return self.typed(node).type
        kinds: list[str] = []

        def change(one: Node) -> Node | None:
            if self.is_constant(one):
                return None
            kinds.append(self.type_of(one))
            return tree.column(f"c{len(kinds) - 1}")

        shell = {key: tree.replaced(value, change) for key, value in node.items()}
        return self.oracle.type_of(shell, kinds)

    def is_constant(self, node: Node) -> bool:
        """Whether its value is known before any row is read."""
        return all(
            one["class"] not in ("COLUMN_REF", "SUBQUERY", "WINDOW", "STAR", "LAMBDA", "LAMBDA_REF", "DEFAULT")
            and not (one["class"] == "FUNCTION" and (one["function_name"] in _ROWWISE or self.oracle.is_aggregate(one)))
            for one in tree.within(node)
        )

    def known(self, node: Node) -> Node | None:
        """The constant that the expression comes to, if all columns in it are constant."""
        if any(one["class"] == "SUBQUERY" for one in tree.within(node)):
            return None

        def change(one: Node) -> Node | None:
            return self.meant(one).constant if one["class"] == "COLUMN_REF" else None

        folded: Node = tree.replaced(node, change)
        return folded if self.is_constant(folded) else None

    def _constant(self, node: Node) -> Typed:
        if (name := self.oracle.volatile(node)) is not None:
            raise self.refuse(node, f"the function {name}, which has another value for each row,")
        kind, value = self.oracle.value(node)
        literal = forms.constant(kind, value)
        if literal is None:
            raise self.refuse(node, f"a value of the type {kind}")
        return Typed(literal, kind)

    def _cast(self, node: Node, kind: str) -> Node:
        cast = self.oracle.expression(f"CAST(NULL AS {'INTEGER' if kind == 'NULL' else kind})")
        return {**cast, "child": node}

    def meant(self, node: Node) -> Column:
        """The column, or what the SELECT calls so itself. A name that may mean both, or several, is refused."""
        names = node["column_names"]
        scope: Scope | None = self.scope
        while scope is not None:
            columns = scope.columns(*names)
            if len(columns) > 1:
                raise self.refuse(node, f"the name {'.'.join(names)}, which several tables have")
            if columns:
                return columns[0]
            own = scope.own(*names)
            if own is not None and scope is self.scope and id(own) not in self._open:
                return self._looked_into(own, names[0])
            scope = scope.outer
        raise self.refuse(node, f"the name {'.'.join(names)}")

    def _looked_into(self, own: Node, name: str) -> Column:
        self._open.append(id(own))
        try:
            expression = self.typed(own)
            return Column(name, f"({expression.sql})", expression.type)
        finally:
            self._open.pop()

    def compared(self, one: Node, other: Node, within: Node) -> tuple[str, str]:
        """Two expressions as values of the type in which DuckDB compares them."""
        kind = self.common(one, other)
        if kind is None:
            message = f"{self.type_of(one)} compared with {self.type_of(other)}"
            raise self.refuse(within, message, "cast one of them, so that both have one type")
        return self.as_type(one, kind, within), self.as_type(other, kind, within)

    def common(self, one: Node, other: Node) -> str | None:
        kinds = self.type_of(one), self.type_of(other)
        for text, against, kind in ((one, kinds[0], kinds[1]), (other, kinds[1], kinds[0])):
            if against == "VARCHAR" and kind != "VARCHAR" and self.is_constant(text) and forms.spark(kind):
                return kind
        return forms.wider(*kinds)

    def truth(self, node: Node) -> str:
        """An expression as a condition."""
        if self.type_of(node) not in ("BOOLEAN", "NULL"):
            raise self.refuse(node, f"{self.type_of(node)} as a condition")
        return self.as_type(node, "BOOLEAN")

    def ordered(self, orders: Sequence[dict[str, Any]]) -> str:
        """What stands behind ORDER BY."""
        return ", ".join(self.sql(one["expression"]) + direction(one) for one in orders)


def direction(order: dict[str, Any]) -> str:
    """DuckDB puts NULL last, whichever way it sorts, unless it is told otherwise."""
    way = " DESC" if order["type"] == "DESCENDING" else " ASC"
    first = str(order["null_order"]).replace("_", " ").upper() == "NULLS FIRST"
    return way + (" NULLS FIRST" if first else " NULLS LAST")
