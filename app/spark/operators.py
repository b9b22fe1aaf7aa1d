"""Operators: comparisons, conditions, CASE, CAST and subqueries, each as Spark has to compute it."""

from __future__ import annotations

from app.spark import forms
from app.spark.expressions import Expressions
from app.spark.forms import Typed
from app.spark.tree import Node

_COMPARISONS = {
    "COMPARE_EQUAL": "=",
    "COMPARE_NOTEQUAL": "<>",
    "COMPARE_LESSTHAN": "<",
    "COMPARE_GREATERTHAN": ">",
    "COMPARE_LESSTHANOREQUALTO": "<=",
    "COMPARE_GREATERTHANOREQUALTO": ">=",
    "COMPARE_NOT_DISTINCT_FROM": "<=>",
    "COMPARE_DISTINCT_FROM": "<=>",
}


def column(of: Expressions, node: Node) -> Typed:
    """A name, whose column Spark can hold."""
    meant = of.meant(node)
    if forms.spark(meant.type) is None or meant.type.endswith("[]"):
        raise of.refuse(node, f"the column {meant.name} of the type {meant.type}")
    return Typed(meant.sql, meant.type)


def comparison(of: Expressions, node: Node) -> Typed:
    """`=`, `<` and the like, with DuckDB's own word for NULLs that are equal."""
    left, right = of.compared(node["left"], node["right"], node)
    sign = _COMPARISONS.get(node["type"])
    if sign is None:
        raise of.refuse(node, f"a comparison of the kind {node['type']}")
    condition = f"({left} {sign} {right})"
    return Typed(f"(NOT {condition})" if node["type"] == "COMPARE_DISTINCT_FROM" else condition, "BOOLEAN")


def between(of: Expressions, node: Node) -> Typed:
    """Both bounds, each compared in a type of its own."""
    parts = [
        f"({' '.join((left, sign, right))})"
        for sign, bound in ((">=", "lower"), ("<=", "upper"))
        for left, right in [of.compared(node["input"], node[bound], node)]
    ]
    return Typed(f"({' AND '.join(parts)})", "BOOLEAN")


def conjunction(of: Expressions, node: Node) -> Typed:
    """AND and OR."""
    word = {"CONJUNCTION_AND": " AND ", "CONJUNCTION_OR": " OR "}[node["type"]]
    return Typed(f"({word.join(of.truth(one) for one in node['children'])})", "BOOLEAN")


def operator(of: Expressions, node: Node) -> Typed:
    """NOT, IS NULL, IN and COALESCE."""
    kind, children = node["type"], node["children"]
    if kind == "OPERATOR_NOT":
        return Typed(f"(NOT {of.truth(children[0])})", "BOOLEAN")
    if kind in ("OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL"):
        word = "IS NULL" if kind == "OPERATOR_IS_NULL" else "IS NOT NULL"
        return Typed(f"({of.sql(children[0])} {word})", "BOOLEAN")
    if kind in ("COMPARE_IN", "COMPARE_NOT_IN"):
        return _among(of, node, kind == "COMPARE_NOT_IN")
    if kind == "OPERATOR_COALESCE":
        common = of.type_of(node)
        return Typed(f"coalesce({', '.join(of.as_type(one, common, node) for one in children)})", common)
    raise of.refuse(node, f"an operator of the kind {kind}")


def _among(of: Expressions, node: Node, inverted: bool) -> Typed:
    one, *others = node["children"]
    if "DOUBLE" in [of.common(one, other) for other in others]:
        # Then DuckDB compares all of them as such.
        pairs = [(of.as_type(one, "DOUBLE", node), of.as_type(other, "DOUBLE", node)) for other in others]
    else:
        pairs = [of.compared(one, other, node) for other in others]
    condition = " OR ".join(f"({left} = {right})" for left, right in pairs)
    return Typed(f"(NOT ({condition}))" if inverted else f"({condition})", "BOOLEAN")


def case(of: Expressions, node: Node) -> Typed:
    """CASE, whose arms are all of one type."""
    kind = of.type_of(node)
    arms = "".join(
        f" WHEN {of.truth(arm['when_expr'])} THEN {of.as_type(arm['then_expr'], kind, node)}"
        for arm in node["case_checks"]
    )
    return Typed(f"CASE{arms} ELSE {of.as_type(node['else_expr'], kind, node)} END", kind)


def cast(of: Expressions, node: Node) -> Typed:
    """CAST. TRY_CAST is refused: it is NULL for other values."""
    kind, value = of.type_of(node), of.typed(node["child"])
    expression = None if node.get("try_cast") else forms.cast(value, kind)
    if expression is None:
        word = "TRY_CAST" if node.get("try_cast") else "CAST"
        raise of.refuse(node, f"{word} of {value.type} AS {kind}")
    return Typed(expression, kind)


def subquery(of: Expressions, node: Node) -> Typed:
    """EXISTS, IN and a query that gives one value."""
    kind = node["subquery_type"]
    outer = of.scope if kind != "SCALAR" else None
    sql, types = of.subquery(node["subquery"]["node"], outer)
    if kind in ("EXISTS", "NOT_EXISTS"):
        return Typed(f"({'NOT ' if kind == 'NOT_EXISTS' else ''}EXISTS ({sql}))", "BOOLEAN")
    if kind == "SCALAR" and len(types) == 1:
        return Typed(f"({sql})", types[0])
    if kind == "ANY" and node["comparison_type"] == "COMPARE_EQUAL" and len(types) == 1:
        return _in(of, node, sql, types[0])
    raise of.refuse(node, f"a subquery of the kind {kind}")


def _in(of: Expressions, node: Node, sql: str, kind: str) -> Typed:
    common = forms.wider(of.type_of(node["child"]), kind)
    if common != kind:
        raise of.refuse(node, f"{of.type_of(node['child'])} IN a query of {kind}", "cast one of them")
    return Typed(f"({of.as_type(node['child'], kind, node)} IN ({sql}))", "BOOLEAN")
