"""Aggregate functions, also over a window."""

from __future__ import annotations

from app.spark import forms
from app.spark.expressions import Expressions
from app.spark.forms import Typed
from app.spark.tree import Node

_TRUTHS = {"bool_and": "bool_and", "bool_or": "bool_or"}
_REASONS = {
    "avg": "avg, whose last digit is the machine's own,",
    "mean": "mean, whose last digit is the machine's own,",
    "quantile_cont": "quantile_cont, which Spark works out otherwise,",
    "median": "median, which Spark works out otherwise,",
    "first": "first, which is any row's value,",
    "any_value": "any_value, which is any row's value,",
    "arbitrary": "arbitrary, which is any row's value,",
    "string_agg": "string_agg, whose order Spark doesn't keep,",
    "list": "list, whose order Spark doesn't keep,",
    "array_agg": "array_agg, whose order Spark doesn't keep,",
}

_HINTS = dict.fromkeys(("avg", "mean"), "write sum(x) / count(x), which is the same on both")


def typed(of: Expressions, node: Node) -> Typed:
    """A call of an aggregate function."""
    call = called(of, node)
    condition = f" FILTER (WHERE {of.truth(node['filter'])})" if node.get("filter") else ""
    return Typed(_as(f"{call.sql}{condition}", call.type), call.type)


def called(of: Expressions, node: Node) -> Typed:
    """The call by itself, without what stands behind it, of a type that is then made DuckDB's."""
    name, given = node["function_name"], node["children"]
    if (node.get("order_bys") or {}).get("orders"):
        raise of.refuse(node, f"{name} with an ORDER BY of its own")
    kind = of.type_of({**node, "filter": None, "distinct": False, "class": "FUNCTION"} if "filter" in node else node)
    word = "DISTINCT " if node.get("distinct") else ""
    if name in ("count_star", "count") and not given:
        return Typed("count(*)", kind)
    if name == "count" and len(given) == 1:
        return Typed(f"count({word}{of.sql(given[0])})", kind)
    if name in ("min", "max") and len(given) == 1 and forms.spark(kind) and not kind.endswith("[]"):
        return Typed(f"{name}({of.sql(given[0])})", kind)
    if name in _TRUTHS and len(given) == 1:
        return Typed(f"{_TRUTHS[name]}({of.truth(given[0])})", kind)
    if name == "sum" and len(given) == 1:
        return Typed(f"sum({word}{_summand(of, node, given[0], kind)})", kind)
    raise of.refuse(node, _REASONS.get(name, f"the function {name}"), _HINTS.get(name))


def _summand(of: Expressions, node: Node, one: Node, kind: str) -> str:
    """A number with so many digits that Spark's sum of such has as many as DuckDB's."""
    of_type = of.type_of(one)
    if not forms.is_exact(of_type):
        hint = "numbers of this type add up to other last digits in another order: cast them to a DECIMAL"
        raise of.refuse(node, f"the sum of {of_type}", hint)
    digits, places = forms.size(of_type)
    return f"CAST({of.sql(one)} AS DECIMAL({max(28, digits + places)},{places}))"


def _as(sql: str, kind: str) -> str:
    return f"CAST({sql} AS {forms.spark(kind)})" if forms.is_exact(kind) else sql
