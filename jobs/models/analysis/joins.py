"""How the inputs of a SELECT hang together: FROM taken apart."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from jobs import quoting
from jobs.models.analysis import tree
from jobs.models.analysis.names import Input, Names
from jobs.models.analysis.refusal import Whole
from jobs.models.analysis.scratch import Scratch
from jobs.models.analysis.shapes import Occurrence, Term
from jobs.models.analysis.tree import Node

_ALONE = "make it a model of its own"


def inputs(source: Node, scratch: Scratch) -> list[tuple[Input, bool, list[Node]]]:
    """The inputs in their order: each with whether its row may be absent, and the parts of its condition."""
    joined = list(_inputs(source, scratch, optional=False, on=None))
    aliases = [one.alias for one, _, _ in joined]
    if twice := next((alias for alias in aliases if aliases.count(alias) > 1), None):
        raise Whole(f"two inputs are called {twice}", "give each an alias")
    return joined


def _inputs(
    node: Node, scratch: Scratch, *, optional: bool, on: Node | None
) -> Iterator[tuple[Input, bool, list[Node]]]:
    if node["type"] == "BASE_TABLE":
        yield _input(node, scratch), optional, tree.conjuncts(on)
        return
    if node["type"] != "JOIN":
        raise Whole("no table in FROM" if node["type"] == "EMPTY" else "a subquery in FROM", _ALONE)
    _check_join(node)
    yield from _inputs(node["left"], scratch, optional=optional, on=on)
    yield from _inputs(node["right"], scratch, optional=node["join_type"] == "LEFT", on=node["condition"])


def _check_join(node: Node) -> None:
    if node["ref_type"] == "NATURAL" or node["using_columns"]:
        raise Whole("NATURAL JOIN or USING", "write ON")
    if node["ref_type"] not in ("REGULAR", "CROSS") or node["join_type"] not in ("INNER", "LEFT"):
        raise Whole(f"{node['join_type']} JOIN", "take LEFT JOIN or JOIN where that says the same")
    if node["right"]["type"] != "BASE_TABLE":
        raise Whole("a subquery or a join in brackets in FROM", _ALONE)


def _input(node: Node, scratch: Scratch) -> Input:
    if node["column_name_alias"]:
        raise Whole("columns renamed in FROM", "rename them with AS in the list")
    table = scratch.find(node["schema_name"], node["table_name"])
    columns = {quoting.fold(name): name for name in scratch.relation(table).columns}
    schema = "" if node["alias"] else quoting.fold(quoting.split_name(table)[0])
    return Input(quoting.fold(node["alias"] or node["table_name"]), table, columns, schema)


def occurrences(joined: list[tuple[Input, bool, list[Node]]], names: Names) -> tuple[Occurrence, ...]:
    """The inputs with their conditions resolved. Raises `Whole` where affected rows could not be followed."""
    resolved = tuple(
        Occurrence(one.alias, one.table, optional, tuple(names.term(part) for part in on))
        for one, optional, on in joined
    )
    absent = {one.alias for one in resolved if one.optional}
    for one in resolved:
        for term in one.on:
            _check_condition(one, term, absent)
    return resolved


def _check_condition(one: Occurrence, term: Term, absent: Collection[str]) -> None:
    """A condition on a side that may be absent holds only for rows that are there if it is `=` between two columns."""
    others = sorted(alias for alias in term.refs if alias != one.alias and alias in absent)
    if not others:
        return
    if not one.optional:
        raise Whole(f"JOIN {one.alias} names {others[0]}, which may be absent", f"write LEFT JOIN {one.alias}")
    if term.equal is None:
        raise Whole(f"the condition of LEFT JOIN {one.alias} names {others[0]}, which may be absent, not by =")
