"""One SELECT: its list, conditions and groups, and in which order its rows come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.spark import forms, sources, tree
from app.spark.expressions import Expressions, direction
from app.spark.names import Column, Scope, Source
from app.spark.statement import Relation, Statement
from app.spark.tree import Node

_UNNEST = ("unnest", "unlist")
_MOST_ROWS = 2**31 - 1


@dataclass
class _Item:
    """One entry of the SELECT list: its name, its expression, and how Spark has it."""

    name: str
    node: Node
    typed: forms.Typed = field(default_factory=lambda: forms.Typed("", ""))
    constant: Node | None = None


def select(of: Statement, node: Node, known: Mapping[str, Relation], outer: Scope | None) -> Relation:
    """A SELECT. Raises `errors.NotOnSpark`."""
    if node.get("sample") or len(node["group_sets"]) > 1:
        raise of.refusals.at(node, "a sample, or GROUPING SETS, ROLLUP or CUBE,")
    read = None if node["from_table"]["type"] == "EMPTY" else sources.read(of, node["from_table"], known, outer)
    scope = Scope(list(read.sources) if read else [], outer=outer)
    items = _items(of, node, scope)
    scope.given = {item.name: item.node for item in items if item.node.get("alias")}
    names = of.expressions(scope, known)
    unnested = _translate(names, items)
    hidden = _Hidden(names, items)
    keys = [hidden.key(order) for order in _orders(node)]
    condition = hidden.add(names.truth(node["qualify"])) if node.get("qualify") else None
    listed = [f"{item.typed.sql} AS k{n}" for n, item in enumerate(items)] + hidden.listed
    sql = f"SELECT {', '.join(listed)}" + (f" FROM {read.sql}" if read else "") + _clauses(of, names, node, items)
    columns = tuple(Column(item.name, f"k{n}", item.typed.type, item.constant) for n, item in enumerate(items))
    if unnested is not None:
        sql, columns = _exploded(of, node, sql, items, unnested, bool(hidden.listed))
    if condition:
        sql = f"SELECT * FROM ({sql}) WHERE {condition}"
    return arranged(of, node, Relation(sql, columns), keys, hidden=bool(hidden.listed))


def _items(of: Statement, node: Node, scope: Scope) -> list[_Item]:
    items: list[_Item] = []
    for one in node["select_list"]:
        if one["class"] == "STAR":
            items += _starred(of, one, scope)
        else:
            items.append(_Item(_name(one).lower(), one))
    return items


def _name(node: Node) -> str:
    if node.get("alias"):
        return str(node["alias"])
    if node["class"] == "COLUMN_REF":
        return str(node["column_names"][-1])
    if node["class"] == "CAST":
        return _name(node["child"])
    # It has a name in DuckDB, which nobody writes.
    return ""


def _starred(of: Statement, star: Node, scope: Scope) -> list[_Item]:
    """The columns that a star stands for. Each is named by its own table, since others may have one of that name."""
    unsupported = ("columns", "expr", "replace_list", "rename_list", "qualified_exclude_list")
    if any(star.get(key) for key in unsupported):
        raise of.refusals.at(star, "a star with COLUMNS, REPLACE or RENAME")
    table, left_out = star["relation_name"].lower(), {str(name).lower() for name in star["exclude_list"]}
    items = [
        _Item(column.name, _direct(source, column))
        for source in scope.sources
        if not table or source.called(table)
        for column in source.columns
        if column.name not in left_out and not (not table and column.name in source.merged)
    ]
    if not items:
        raise of.refusals.at(star, f"the star {table}.*")
    return items


def _direct(source: Source, column: Column) -> Node:
    """A reference to this very column."""
    before = [source.schema, source.alias] if source.schema else [source.alias]
    return tree.column(*before, column.name)


def _translate(names: Expressions, items: Sequence[_Item]) -> int | None:
    """Give each item its SQL; which of them makes several rows of one."""
    unnested = [n for n, item in enumerate(items) if _lists(item.node)]
    if len(unnested) > 1 or (unnested and len(_lists(items[unnested[0]].node)) > 1):
        raise names.refuse(items[unnested[0]].node, "more than one unnest in a SELECT list")
    for n, item in enumerate(items):
        node = _lists(item.node)[0]["children"][0] if n in unnested else item.node
        item.typed = names.typed(node)
        item.constant = None if n in unnested else names.known(item.node)
    return unnested[0] if unnested else None


def _lists(node: Node) -> list[Node]:
    return [one for one in tree.within(node) if one["class"] == "FUNCTION" and one["function_name"] in _UNNEST]


class _Hidden:
    """Expressions that are worked out beside the list, because rows are sorted or left out by them."""

    def __init__(self, names: Expressions, items: Sequence[_Item]) -> None:
        self._names, self._items = names, items
        self.listed: list[str] = []

    def add(self, sql: str) -> str:
        name = f"h{len(self.listed)}"
        self.listed.append(f"{sql} AS {name}")
        return name

    def key(self, order: dict[str, Any]) -> str:
        """What ORDER BY goes by: a column of the list where it means one, else a column beside it."""
        node = order["expression"]
        place = _placed(node, self._items)
        return (f"k{place}" if place is not None else self.add(self._names.sql(node))) + direction(order)


def _placed(node: Node, items: Sequence[_Item]) -> int | None:
    """Which item an expression of ORDER BY means: by its number, by its name, or by being the same."""
    value = node.get("value") or {}
    if node["class"] == "CONSTANT" and isinstance(value.get("value"), int) and value["type"]["id"] == "INTEGER":
        return int(value["value"]) - 1
    if node["class"] == "COLUMN_REF" and len(node["column_names"]) == 1:
        name = node["column_names"][0].lower()
        number = next((n for n, item in enumerate(items) if item.name == name), None)
        if number is not None:
            return number
    return next((n for n, item in enumerate(items) if tree.same(item.node, node)), None)


def _orders(node: Node) -> list[dict[str, Any]]:
    orders = [order for one in node["modifiers"] if one["type"] == "ORDER_MODIFIER" for order in one["orders"]]
    # ORDER BY ALL is settled where the columns are known.
    return [] if any(order["expression"]["class"] == "STAR" for order in orders) else orders


def _clauses(of: Statement, names: Expressions, node: Node, items: Sequence[_Item]) -> str:
    clauses = f" WHERE {names.truth(node['where_clause'])}" if node.get("where_clause") else ""
    if groups := _groups(of, names, node, items):
        clauses += f" GROUP BY {', '.join(dict.fromkeys(groups))}"
    if having := node.get("having"):
        _refuse_doubtful(names, having)
        clauses += f" HAVING {names.truth(having)}"
    return clauses


def _groups(of: Statement, names: Expressions, node: Node, items: Sequence[_Item]) -> list[str]:
    if node["aggregate_handling"] == "FORCE_AGGREGATES":
        alone = [item for item in items if not any(map(of.oracle.is_aggregate, tree.within(item.node)))]
        return [item.typed.sql for item in alone if not names.is_constant(item.node)]
    return [_group(names, one, items) for one in node["group_expressions"]]


def _group(names: Expressions, node: Node, items: Sequence[_Item]) -> str:
    if node["class"] == "CONSTANT" and isinstance((node.get("value") or {}).get("value"), int):
        return items[int(node["value"]["value"]) - 1].typed.sql
    return names.sql(node)


def _refuse_doubtful(names: Expressions, having: Node) -> None:
    """A name in HAVING may be a column's and the list's; which one is meant depends on what is grouped."""

    def look(node: Node) -> None:
        if names.oracle.is_aggregate(node):
            return
        if node["class"] == "COLUMN_REF":
            own = names.scope.own(*node["column_names"])
            if own is not None and names.scope.columns(*node["column_names"]) and own["class"] != "COLUMN_REF":
                raise names.refuse(
                    node, f"the name {node['column_names'][0]}, a column's and the list's,", "rename one"
                )
        for one in tree.parts(node):
            look(one)

    look(having)


def _exploded(
    of: Statement, node: Node, sql: str, items: Sequence[_Item], place: int, hidden: bool
) -> tuple[str, tuple[Column, ...]]:
    """The query around one that has a list in the place of an unnest: a row for each of the list."""
    if hidden:
        raise of.refusals.at(node["select_list"][0], "unnest in a SELECT that sorts or chooses by something else")
    inner, item = of.fresh("s"), items[place]
    kind = item.typed.type.removesuffix("[]")
    (call,) = _lists(item.node)
    around = tree.replaced(item.node, lambda one: tree.column("unnested") if one is call else None)
    names = of.expressions(Scope([Source("", (Column("unnested", f"x{inner}.u", kind),))]), {})
    typed = [names.typed(around) if n == place else forms.Typed(f"{inner}.k{n}", one.typed.type)
             for n, one in enumerate(items)]  # fmt: skip
    listed = ", ".join(f"{one.sql} AS k{n}" for n, one in enumerate(typed))
    text = f"SELECT {listed} FROM ({sql}) AS {inner} LATERAL VIEW explode({inner}.k{place}) x{inner} AS u"
    columns = tuple(
        Column(one.name, f"k{n}", typed[n].type, None if n == place else one.constant) for n, one in enumerate(items)
    )
    return text, columns


def arranged(
    of: Statement, node: Node, relation: Relation, keys: Sequence[str] | None = None, *, hidden: bool = False
) -> Relation:
    """The rows without duplicates, in order, and no more than asked for, where the query says so."""
    listed = ", ".join(f"k{n}" for n in range(len(relation.columns)))
    sql = relation.sql
    kinds = [one["type"] for one in node["modifiers"]]
    for modifier in node["modifiers"]:
        if modifier["type"] == "DISTINCT_MODIFIER":
            if hidden or modifier.get("distinct_on_targets"):
                raise of.refusals.at(node["select_list"][0], "DISTINCT ON, or DISTINCT sorted by something else,")
            sql = f"SELECT DISTINCT {listed} FROM ({sql})"
    keys = _keys(of, node, relation, keys)
    limit = "".join(_limit(of, one) for one in node["modifiers"] if one["type"].startswith("LIMIT"))
    if limit and not keys and limit != " LIMIT 0":
        first = (node.get("select_list") or [None])[0]
        raise of.refusals.at(first, "LIMIT without an ORDER BY, which takes rows as they come,", "say which come first")
    if keys or limit or hidden or "DISTINCT_MODIFIER" in kinds:
        order = f" ORDER BY {', '.join(keys)}" if keys else ""
        sql = f"SELECT {listed} FROM ({sql}){order}{limit}"
    return Relation(sql, relation.columns)


def _keys(of: Statement, node: Node, relation: Relation, keys: Sequence[str] | None) -> list[str]:
    orders = [order for one in node["modifiers"] if one["type"] == "ORDER_MODIFIER" for order in one["orders"]]
    if any(order["expression"]["class"] == "STAR" for order in orders):
        return [f"k{n}{direction(orders[0])}" for n in range(len(relation.columns))]
    if keys is not None:
        return list(keys)
    items = [_Item(column.name, tree.column("")) for column in relation.columns]
    places = [_placed(order["expression"], items) for order in orders]
    if None in places:
        raise of.refusals.at(orders[0]["expression"], "ORDER BY of a UNION by anything but its columns")
    return [f"k{place}{direction(order)}" for place, order in zip(places, orders, strict=True)]


def _limit(of: Statement, modifier: dict[str, Any]) -> str:
    if modifier["type"] != "LIMIT_MODIFIER":
        raise of.refusals.at(modifier.get("limit"), "a LIMIT in percent")
    clauses = ""
    for word in ("limit", "offset"):
        node = modifier.get(word)
        if node is None:
            continue
        names = of.constants()
        if not names.is_constant(node):
            raise of.refusals.at(node, f"{word.upper()} that is no constant")
        number = of.oracle.value(node)[1]
        if number is not None and int(number) < _MOST_ROWS:
            clauses += f" {word.upper()} {int(number)}"
    return clauses
