"""FROM: tables, subqueries, lists of values, and how they are joined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from app.spark import forms
from app.spark.names import Column, Scope, Source
from app.spark.statement import Relation, Statement, renamed
from app.spark.tree import Node

_JOINS = {
    "INNER": "JOIN",
    "LEFT": "LEFT JOIN",
    "RIGHT": "RIGHT JOIN",
    "FULL": "FULL JOIN",
    "OUTER": "FULL JOIN",
    "SEMI": "LEFT SEMI JOIN",
    "ANTI": "LEFT ANTI JOIN",
}
# Whose rows may have partners that are missing: then a column that was constant isn't.
_LEFT_MAY_MISS, _RIGHT_MAY_MISS = ("RIGHT", "FULL", "OUTER"), ("LEFT", "FULL", "OUTER")


@dataclass(frozen=True)
class From:
    """What stands behind FROM, and the tables in it."""

    sql: str
    sources: tuple[Source, ...]


def read(of: Statement, node: Node, known: Mapping[str, Relation], outer: Scope | None) -> From:
    """A part of FROM. Raises `errors.NotOnSpark`."""
    if node.get("sample"):
        raise of.refusals.at(node, "a sample, which is other rows each time,")
    if node["type"] == "BASE_TABLE":
        return _table(of, node, known)
    if node["type"] == "SUBQUERY":
        return _aliased(of, node, of.query(node["subquery"]["node"], known, None), node.get("alias") or "")
    if node["type"] == "EXPRESSION_LIST":
        return _values(of, node)
    if node["type"] == "JOIN":
        return _joined(of, node, known, outer)
    raise of.refusals.at(node, f"{_KINDS.get(node['type'], node['type'])} in FROM")


_KINDS = {"PIVOT": "PIVOT", "TABLE_FUNCTION": "a function", "SHOW_REF": "DESCRIBE, SHOW or SUMMARIZE"}


def _table(of: Statement, node: Node, known: Mapping[str, Relation]) -> From:
    schema, name = node["schema_name"].lower(), node["table_name"].lower()
    if not schema and name in known:
        return _aliased(of, node, known[name], node.get("alias") or name, as_it_is=True)
    table = None if node.get("at_clause") else of.tables.find(schema, name)
    if table is None:
        raise of.refusals.at(node, f"the table {'.'.join(part for part in (schema, name) if part)}")
    view, columns = table
    spark_columns = tuple(Column(column.lower(), f"k{n}", kind) for n, (column, kind) in enumerate(columns))
    return _aliased(of, node, Relation(view, spark_columns), node.get("alias") or name, as_it_is=True, schema=schema)


def _aliased(
    of: Statement, node: Node, relation: Relation, alias: str, *, as_it_is: bool = False, schema: str = ""
) -> From:
    """A relation under a name of its own; `as_it_is`: its SQL is a name already."""
    name = of.fresh("s")
    columns = renamed(relation.columns, node.get("column_name_alias") or [])
    source = Source(
        alias.lower(),
        tuple(replace(column, sql=f"{name}.k{n}") for n, column in enumerate(columns)),
        "" if node.get("alias") else schema,
    )
    return From(f"{relation.sql if as_it_is else f'({relation.sql})'} AS {name}", (source,))


def _values(of: Statement, node: Node) -> From:
    """VALUES, which are constants."""
    names = of.constants()
    rows = node["values"]
    kinds = ["NULL"] * len(rows[0])
    for row in rows:
        kinds = [of.oracle.type_of_union(kind, names.type_of(one)) for kind, one in zip(kinds, row, strict=True)]
    texts = [", ".join(names.as_type(one, kind) for one, kind in zip(row, kinds, strict=True)) for row in rows]
    listed = ", ".join(f"k{n}" for n in range(len(kinds)))
    columns = tuple(Column(f"col{n}", f"k{n}", kind) for n, kind in enumerate(kinds))
    sql = f"SELECT * FROM VALUES {', '.join(f'({row})' for row in texts)} AS v({listed})"
    return _aliased(of, node, Relation(sql, columns), node.get("alias") or "")


def _joined(of: Statement, node: Node, known: Mapping[str, Relation], outer: Scope | None) -> From:
    left, right = read(of, node["left"], known, outer), read(of, node["right"], known, outer)
    if node["ref_type"] not in ("REGULAR", "CROSS") or node["join_type"] not in _JOINS:
        raise of.refusals.at(node, f"a join of the kind {node['ref_type']} {node['join_type']}")
    using = [str(name).lower() for name in node.get("using_columns") or []]
    condition = _condition(of, node, left, right, using, known, outer)
    rights = () if node["join_type"] in ("SEMI", "ANTI") else right.sources
    lefts = _missing(left.sources) if node["join_type"] in _LEFT_MAY_MISS else left.sources
    rights = _missing(rights) if node["join_type"] in _RIGHT_MAY_MISS else rights
    rights = tuple(replace(source, merged=source.merged | frozenset(using)) for source in rights)
    word = "CROSS JOIN" if node["ref_type"] == "CROSS" else _JOINS[node["join_type"]]
    side = right.sql if len(right.sources) == 1 else f"({right.sql})"
    return From(f"{left.sql} {word} {side}{condition}", (*lefts, *rights))


def _missing(sources: tuple[Source, ...]) -> tuple[Source, ...]:
    return tuple(
        replace(source, columns=tuple(replace(column, constant=None) for column in source.columns))
        for source in sources
    )


def _condition(
    of: Statement,
    node: Node,
    left: From,
    right: From,
    using: list[str],
    known: Mapping[str, Relation],
    outer: Scope | None,
) -> str:
    if using:
        return f" ON {' AND '.join(_merged(of, node, left, right, name) for name in using)}"
    if not node.get("condition"):
        return ""
    names = of.expressions(Scope([*left.sources, *right.sources], outer=outer), known)
    return f" ON {names.truth(node['condition'])}"


def _merged(of: Statement, node: Node, left: From, right: From, name: str) -> str:
    """The condition that USING means for a column, which the left side's then stands for."""
    sides = [Scope(list(side.sources)).columns(name) for side in (left, right)]
    if node["join_type"] not in ("INNER", "LEFT", "SEMI", "ANTI") or any(len(columns) != 1 for columns in sides):
        raise of.refusals.at(node, f"USING ({name}) in this join", "write it with ON")
    (one,), (other,) = sides
    kind = forms.wider(one.type, other.type)
    values = [kind and forms.coerced(forms.Typed(column.sql, column.type), kind) for column in (one, other)]
    if None in values:
        raise of.refusals.at(node, f"{one.type} compared with {other.type}", "cast one of them")
    return f"{values[0]} = {values[1]}"
