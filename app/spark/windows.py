"""Window functions."""

from __future__ import annotations

from app.spark import aggregates, forms
from app.spark.expressions import Expressions
from app.spark.forms import Typed
from app.spark.tree import Node

_NUMBERS = ("row_number", "rank", "dense_rank", "percent_rank", "cume_dist")
_VALUES = ("first_value", "last_value")
_STEPS = ("lag", "lead")
_BOUNDS = {
    "UNBOUNDED_PRECEDING": ("", "UNBOUNDED PRECEDING"),
    "UNBOUNDED_FOLLOWING": ("", "UNBOUNDED FOLLOWING"),
    "CURRENT_ROW_RANGE": ("RANGE", "CURRENT ROW"),
    "CURRENT_ROW_ROWS": ("ROWS", "CURRENT ROW"),
    "EXPR_PRECEDING_ROWS": ("ROWS", "PRECEDING"),
    "EXPR_FOLLOWING_ROWS": ("ROWS", "FOLLOWING"),
}
_NOT_CARRIED = ("distinct", "ignore_nulls", "filter_expr", "arg_orders")
_LONGEST = 2**31 - 1


def typed(of: Expressions, node: Node) -> Typed:
    """A function over a window."""
    name = node["function_name"]
    if any(node.get(key) for key in _NOT_CARRIED) or node.get("exclude_clause", "NO_OTHER") != "NO_OTHER":
        what = f"{name} over a window with DISTINCT, FILTER, IGNORE NULLS, EXCLUDE or an ORDER BY of its own"
        raise of.refuse(node, what)
    call = _call(of, node)
    sql = f"{call.sql} OVER ({_over(of, node, name in _NUMBERS + _STEPS)})"
    return Typed(f"CAST({sql} AS {forms.spark(call.type)})", call.type)


def _call(of: Expressions, node: Node) -> Typed:
    name, given = node["function_name"], node["children"]
    bare = {**node, "filter_expr": None, "orders": [], "partitions": [], "start_expr": None, "end_expr": None,
            "start": "UNBOUNDED_PRECEDING", "end": "CURRENT_ROW_RANGE"}  # fmt: skip
    if node["type"] == "WINDOW_AGGREGATE":
        return aggregates.called(of, bare)
    kind = of.type_of(bare)
    if name in _NUMBERS and not given:
        return Typed(f"{name}()", kind)
    if name in _VALUES and len(given) == 1:
        return Typed(f"{name}({of.as_type(given[0], kind, node)})", kind)
    if name in _STEPS and len(given) == 1:
        return Typed(f"{name}({', '.join([of.as_type(given[0], kind, node), *_step(of, node, kind)])})", kind)
    raise of.refuse(node, f"the function {name} over a window")


def _step(of: Expressions, node: Node, kind: str) -> list[str]:
    """How many rows away, and what stands for a row that isn't there."""
    if node.get("offset_expr") is None:
        return []
    known = of.known(node["offset_expr"])
    if known is None or of.oracle.value(known)[1] is None:
        raise of.refuse(node, f"{node['function_name']} by a number of rows that is no constant")
    step = [str(int(of.oracle.value(known)[1]))]
    return step if node.get("default_expr") is None else [*step, of.as_type(node["default_expr"], kind, node)]


def _over(of: Expressions, node: Node, frameless: bool) -> str:
    name, parts = node["function_name"], []
    if node["partitions"]:
        parts.append(f"PARTITION BY {', '.join(of.sql(one) for one in node['partitions'])}")
    if node["orders"]:
        parts.append(f"ORDER BY {of.ordered(node['orders'])}")
    elif frameless or name in _VALUES or "ROWS" in node["start"] + node["end"]:
        # Which row is the first is left open in both; Spark wants it said.
        raise of.refuse(node, f"{name} without an ORDER BY, which takes rows as they come,")
    if not frameless:
        parts.append(_frame(of, node))
    return " ".join(part for part in parts if part)


def _frame(of: Expressions, node: Node) -> str:
    """The rows that count. Spark wants them to be constants; without an order they are all of the partition."""
    ends = [_BOUNDS.get(node[end]) for end in ("start", "end")]
    if None in ends:
        raise of.refuse(node, "a window's frame by a range of values or by groups")
    words = {end[0] for end in ends if end} - {""}
    if len(words) > 1:
        raise of.refuse(node, "a window's frame of rows and of values")
    unit = next(iter(words), "ROWS")
    if unit == "RANGE" and not node["orders"]:
        return ""
    bounds = [_bound(of, node, node[end], node.get(f"{end}_expr")) for end in ("start", "end")]
    return f"{unit} BETWEEN {bounds[0]} AND {bounds[1]}"


def _bound(of: Expressions, node: Node, kind: str, rows: Node | None) -> str:
    words = _BOUNDS[kind][1]
    if not kind.startswith("EXPR"):
        return words
    known = of.known(rows) if rows else None
    number = of.oracle.value(known)[1] if known else None
    if number is None or int(number) < 0:
        raise of.refuse(node, "a window's frame that isn't a constant number of rows")
    # No partition has as many rows as that, nor can Spark count so far.
    return f"UNBOUNDED {words}" if int(number) >= _LONGEST else f"{int(number)} {words}"
