"""DuckDB, asked about single expressions: which type they have, and what constant ones are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import duckdb

from app import errors, statements
from app.spark import tree
from app.spark.tree import Node

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoload_known_extensions": False,
    "autoinstall_known_extensions": False,
    "threads": 1,
}
_NULL = ("NULL", '"NULL"')
_EPOCH = "DATE '1970-01-01'"
_PARTS = (
    "date_part('year', v) * 12 + date_part('month', v)",
    "date_part('day', v)",
    "date_part('hour', v) * 3600000000 + date_part('minute', v) * 60000000 + date_part('microsecond', v)",
)


class Oracle:
    """A DuckDB of its own, with no tables. Its clock's zone is UTC, as that of every reader of ours is."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(":memory:", config=_CONFIG)
        self._connection.execute(statements.get("spark", "in_utc"))
        self._connection.execute(statements.get("spark", "locked_in"))
        self._types: dict[str, str] = {}

    def __enter__(self) -> Oracle:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def parse(self, sql: str) -> Node:
        """The tree of one reading statement. Raises `errors.QueryFailed`."""
        (text,) = self._row(statements.get("spark", "parse"), [sql])
        parsed = json.loads(text)
        if parsed.get("error"):
            raise errors.QueryFailed(str(parsed.get("error_message")))
        node: Node = parsed["statements"][0]["node"]
        return node

    def expression(self, sql: str) -> Node:
        """The tree of an expression."""
        node: Node = self.parse(f"SELECT {sql}")["select_list"][0]
        return node

    def bound(self, statement: Node, params: Mapping[str, object] | Sequence[object]) -> Node:
        """The statement with its parameters as constants of the type that binding gives them."""
        given = params if isinstance(params, Mapping) else {str(n): one for n, one in enumerate(params, start=1)}
        constants = {name.lower(): self._constant(value) for name, value in given.items()}

        def change(node: Node) -> Node | None:
            if node["class"] != "PARAMETER":
                return None
            if str(node["identifier"]).lower() not in constants:
                raise errors.UsageError(f"a value for the parameter {node['identifier']} is missing")
            return tree.named(constants[str(node["identifier"]).lower()], str(node.get("alias", "")))

        bound: Node = tree.replaced(statement, change)
        return bound

    def _constant(self, value: object) -> Node:
        if value is None:
            return self.expression("NULL")
        kind, text = self._row(statements.get("spark", "bind"), [value])
        return self.expression(f"CAST({_literal(text)} AS {kind})")

    def type_of(self, node: Node, columns: Sequence[str] = ()) -> str:
        """The type of an expression over columns c0, c1, … of these types. Raises `errors.QueryFailed`."""
        sql = f"{self.text(node)} FROM ({self._source(columns)})"
        if sql not in self._types:
            kind = str(self._asked(f"DESCRIBE SELECT {sql}")[0][1])
            # As a column NULL is an INTEGER, as a value it has any type.
            untyped = kind == "INTEGER" and not columns and self._row(f"SELECT typeof({self.text(node)})")[0] in _NULL
            self._types[sql] = "NULL" if untyped else kind
        return "NULL" if self._types[sql] in _NULL else self._types[sql]

    def type_of_union(self, one: str, other: str) -> str:
        """The type of a column that rows of two queries make."""
        left, right = (f"SELECT {self._null(kind)} AS c" for kind in (one, other))
        both = {one, other}
        return "NULL" if both == {"NULL"} else str(self._asked(f"DESCRIBE {left} UNION ALL {right}")[0][1])

    def _source(self, columns: Sequence[str]) -> str:
        return "SELECT " + (", ".join(f"{self._null(kind)} AS c{n}" for n, kind in enumerate(columns)) or "1 AS c")

    @staticmethod
    def _null(kind: str) -> str:
        return "NULL" if kind == "NULL" else f"CAST(NULL AS {kind})"

    def value(self, node: Node) -> tuple[str, Any]:
        """A constant expression's type and value: times as numbers of microseconds, days as numbers of days."""
        sql = self.text(node)
        kind = self.type_of(node)
        (constant,) = self._row(f"SELECT {carried(kind).replace('{v}', f'({sql})')}")
        return kind, constant

    def interval(self, node: Node) -> tuple[int, int, int]:
        """The months, days and microseconds of a constant interval."""
        row = self._row(f"SELECT {', '.join(_PARTS)} FROM (SELECT {self.text(node)} AS v)")
        return (int(row[0]), int(row[1]), int(row[2]))

    def text(self, node: Node) -> str:
        """DuckDB's SQL for an expression."""
        bare = {**self._empty, "select_list": [tree.named(node, "")]}
        given = json.dumps({"error": False, "statements": [{"node": bare, "named_param_map": []}]})
        (text,) = self._row(statements.get("spark", "write_out"), [given])
        return str(text).removeprefix("SELECT ")

    def volatile(self, node: Node) -> str | None:
        """The function in it that may have another value for each row."""
        names = {one["function_name"] for one in tree.within(node) if "function_name" in one}
        return next(iter(sorted(names & self._volatile)), None)

    def zone_of_days(self, zone: str, first: int, last: int) -> list[int]:
        """How many seconds a zone is ahead of UTC at each midnight from one day to another, counted from 1970."""
        sql = statements.get("spark", "zone_of_days")
        return [int(row[0]) for row in self._asked(sql, [zone, first, last])]

    @cached_property
    def _volatile(self) -> frozenset[str]:
        return frozenset(row[0] for row in self._asked(statements.get("spark", "volatile_functions")))

    @cached_property
    def _aggregates(self) -> frozenset[str]:
        return frozenset(row[0] for row in self._asked(statements.get("spark", "aggregate_functions")))

    def is_aggregate(self, node: Node) -> bool:
        """Whether it is a call of an aggregate function."""
        return node["class"] == "FUNCTION" and node["function_name"] in self._aggregates

    @cached_property
    def _empty(self) -> Node:
        return self.parse(statements.get("spark", "smallest"))

    def _row(self, sql: str, given: Sequence[object] = ()) -> tuple[Any, ...]:
        return self._asked(sql, given)[0]

    def _asked(self, sql: str, given: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(sql, given).fetchall()
        except duckdb.Error as error:
            raise errors.QueryFailed(str(error)) from error


def carried(kind: str) -> str:
    """DuckDB's SQL for a value in the form in which it is handed on."""
    if kind == "DATE":
        return _finite_or(f"CAST({{v}} - {_EPOCH} AS INTEGER)", 2**31 - 1)
    if kind.startswith("TIMESTAMP"):
        return _finite_or("epoch_us({v})", 2**63 - 1)
    if re.fullmatch(r"DOUBLE|FLOAT|HUGEINT|UUID|DECIMAL\(.*\)", kind):
        return "CAST({v} AS VARCHAR)"
    return "{v}"


def _finite_or(value: str, infinite: int) -> str:
    """The number of a day or a moment; for infinity the one that DuckDB keeps it as."""
    ends = f"WHEN {{v}} > {_EPOCH} THEN {infinite} WHEN {{v}} < {_EPOCH} THEN -{infinite}"
    return f"CASE WHEN isfinite({{v}}) THEN {value} {ends} END"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
