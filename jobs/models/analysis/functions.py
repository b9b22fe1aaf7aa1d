"""Which functions give the same value every time, and which aggregates do so whatever the order of the rows.

A name that isn't known to is refused. The list of those that compute something of nothing but their arguments is that
of the reports; of these a model takes what DuckDB says is consistent, and no macro that hides an aggregate or a clock.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from app import statements
from app.reporting import functions as harmless
from jobs.models.analysis.refusal import Refused, place
from jobs.models.analysis.tree import Node

REPEATABLE = frozenset(
    ["avg", "bit_and", "bit_or", "bit_xor", "bool_and", "bool_or", "count", "count_star", "max", "min", "sum"]
)
# What is added up can be taken away again.
ADDITIVE = frozenset(("count", "count_star", "sum"))
UNNEST = "unnest"
# A clock, an aggregate, rows of their own, or a setting.
_MACROS = """
    array_append array_pop_back array_pop_front array_prepend array_push_back array_push_front array_reverse
    array_to_string array_to_string_comma_default date_add days_in_month fdiv fmod list_append list_avg list_bool_and
    list_bool_or list_count list_max list_min list_prepend list_reverse list_sum map_contains_entry
    map_contains_value md5_number_lower md5_number_upper nullif round_even roundbankers split_part
"""
# Which of equal values they keep, and in which order, is nobody's promise.
_UNORDERED = frozenset(["array_distinct", "array_intersect", "list_distinct", "list_intersect", "version"])
_OURS = frozenset(("", "main", "pg_catalog"))
_CLOCKS = """
    current_catalog current_database current_date current_localtime current_localtimestamp current_query current_role
    current_schema current_time current_timestamp current_user localtime localtimestamp session_user user
"""
# Written without brackets they look like columns.
CLOCKS = frozenset(_CLOCKS.split())
_WINDOWS = frozenset(
    ("WINDOW_RANK", "WINDOW_RANK_DENSE", "WINDOW_PERCENT_RANK", "WINDOW_CUME_DIST", "WINDOW_AGGREGATE")
)
_PEERS = ("UNBOUNDED_FOLLOWING", "CURRENT_ROW_RANGE")


@dataclass(frozen=True)
class Functions:
    """Names of scalar functions that may be called, of all aggregates, and of what gives another value each time."""

    scalars: frozenset[str]
    aggregates: frozenset[str]
    moving: frozenset[str]


def known(connection: duckdb.DuckDBPyConnection) -> Functions:
    """Those of this DuckDB."""
    rows = connection.execute(statements.get("upkeep", "functions")).fetchall()
    consistent = {name for name, aggregates, same, _ in rows if same and not aggregates}
    return Functions(
        scalars=frozenset(consistent & harmless.ALLOWED | set(_MACROS.split()) | {UNNEST}) - _UNORDERED,
        aggregates=frozenset(name for name, aggregates, _, _ in rows if aggregates),
        moving=frozenset(name for name, _, _, moves in rows if moves) | {"ago", "current_setting", "getvariable"},
    )


def check(node: Node, allowed: Functions) -> None:
    """Raise `Refused` where a call need not give the same value every time."""
    name, at = node["function_name"].lower(), place(node)
    if node.get("schema", "").lower() not in _OURS or node.get("catalog", "").lower() not in ("", "system"):
        raise Refused(f"the function {name} is called with a schema", f"write {name}(…)", at)
    if node["class"] == "WINDOW":
        _check_window(node, name, at)
    elif name in allowed.moving or (name == "age" and len(node["children"]) == 1):
        raise Refused(f"{name}() gives another value each time", _advice(name), at)
    elif name in allowed.aggregates:
        _check_aggregate(node, name, at)
    elif name not in allowed.scalars:
        raise Refused(f"{name}() is not known to give the same value every time", "leave it to a report", at)


def is_aggregate(node: Node, allowed: Functions) -> bool:
    """Whether a node is a call of an aggregate."""
    return node.get("class") == "FUNCTION" and node["function_name"].lower() in allowed.aggregates


def _advice(name: str) -> str:
    return "write age(timestamp, timestamp)" if name == "age" else "leave it to the report that reads the model"


def _check_aggregate(node: Node, name: str, at: int | None) -> None:
    if name not in REPEATABLE:
        raise Refused(f"{name}() may depend on the order of the rows", _instead(name), at)
    if len(node["children"]) > 1:
        raise Refused(f"{name}() with more than one argument", "give it one", at)
    if node.get("export_state"):
        raise Refused(f"{name}() with EXPORT_STATE", "leave it out", at)


def _instead(name: str) -> str:
    if name in ("count_if", "countif"):
        return "write count(*) FILTER (WHERE …)"
    if name in ("any_value", "first", "last", "arbitrary"):
        return "take min() or max(), or put the column into GROUP BY"
    if name in ("arg_max", "arg_min", "argmax", "argmin", "max_by", "min_by"):
        return "two rows may share the extreme: take max() of a struct, as docs/models.md shows"
    return f"models take {', '.join(sorted(REPEATABLE - {'count_star'}))}; leave it to the report that reads the model"


def _check_window(node: Node, name: str, at: int | None) -> None:
    if node["type"] not in _WINDOWS:
        raise Refused(f"{name}(): rows that are equal in its order come in any order", "take rank()", at)
    if node["type"] != "WINDOW_AGGREGATE":
        return
    _check_aggregate(node, name, at)
    if node["start"] != "UNBOUNDED_PRECEDING" or node["end"] not in _PEERS or node["exclude_clause"] != "NO_OTHER":
        raise Refused(f"{name}() over a frame: rows that are equal in its order come in any order", "leave it out", at)
    if node["distinct"] or node["arg_orders"]:
        raise Refused(f"{name}() over a window with DISTINCT or ORDER BY inside", "leave it out", at)
