"""The analysis of one model: what its SELECT is made of and which upkeep is exact for it.

Whatever isn't understood to the letter is no incremental kind: it is `whole` where it gives the same rows twice, and
an error where it need not.
"""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Sequence

import duckdb

from app import errors
from jobs import quoting
from jobs.models.analysis import functions, kinds, parts, repeatable, tree
from jobs.models.analysis.refusal import Refused, Whole, place
from jobs.models.analysis.scratch import Scratch
from jobs.models.analysis.shapes import Analysis
from jobs.models.analysis.tree import Node
from jobs.models.file import Model

_LINE = re.compile(r"^LINE (\d+): ", re.MULTILINE)
# What begins so lies hidden beside the columns of a model of sums.
_OURS = "neaptide_"
_CANDIDATES = re.compile(r"Candidate bindings: :? *(.+)")


def inputs(model: Model, scratch: Scratch) -> frozenset[str]:
    """What a model reads, as it writes it and folded, known or not. Raises `errors.ModelError`."""
    try:
        query = tree.parsed(scratch.connection, model.text)
        return frozenset(".".join(_written(node)) for node in _tables(query))
    except Refused as refused:
        raise _error(model, refused) from None


def analyse(model: Model, scratch: Scratch, *, catalog: str = "out") -> Analysis:
    """What the model's SELECT is made of; `text` of it finds its inputs in `catalog`.

    Raises `errors.ModelError` with file, line, reason and way out: for what need not give the same rows twice, is no
    SELECT, names what is not there, and for `require: incremental` where there is none.
    """
    try:
        analysis = _analysed(model, scratch, catalog)
    except Refused as refused:
        raise _error(model, refused) from None
    except duckdb.Error as error:
        # What DuckDB has against a part of it is told of this model, and costs no other.
        raise _error(model, _of_duckdb(model, error)) from error
    if model.require and analysis.kind == "whole":
        raise _error(model, Refused(f"it can't be kept incrementally: {analysis.reason}", analysis.advice))
    return analysis


def _analysed(model: Model, scratch: Scratch, catalog: str) -> Analysis:
    query = tree.parsed(scratch.connection, model.text)
    tables = _named(query, scratch)
    repeatable.check(query, scratch)
    columns = _columns(model, scratch)
    key = _key(model.key, list(columns))
    text = tree.query_text(scratch.connection, _placed(query, scratch, catalog))
    try:
        return _kept_by_key(query, scratch, text, columns, key, tables)
    except Whole as whole:
        _check_names(query)
        return Analysis("whole", text, columns, tables, key, whole.reason, whole.advice)


def _kept_by_key(
    query: Node, scratch: Scratch, text: str, columns: dict[str, str], key: tuple[str, ...], tables: tuple[str, ...]
) -> Analysis:
    branches = tuple(parts.branch(select, scratch, list(columns)) for select in parts.selects(query))
    grouped = kinds.is_grouped(branches)
    relations = {name: scratch.relation(name) for name in tables}
    reason, advice = kinds.obstacle(branches, relations) if grouped else ("", "")
    derived = kinds.derived_key(branches, list(columns))
    if grouped and not reason and set(key) <= set(derived):
        unit = kinds.unit(branches[0], relations)
        return Analysis("sums", text, columns, tables, derived, branches=branches, unit=unit)
    key = key or derived
    kinds.check_key(branches, key, columns)
    return Analysis("groups" if grouped else "rows", text, columns, tables, key, reason, advice, branches)


def _columns(model: Model, scratch: Scratch) -> dict[str, str]:
    try:
        described = scratch.described(model.text)
    except duckdb.Error as error:
        raise _of_duckdb(model, error) from error
    seen: set[str] = set()
    for name, kind in described:
        if quoting.fold(name) in seen:
            raise Refused(f"two columns are called {name}", "name one of them otherwise with AS")
        _check_kind(name, kind, scratch)
        if quoting.fold(name).startswith(_OURS):
            raise Refused(f"the column {name} is called like one of Neaptide's", "name it otherwise with AS")
        seen.add(quoting.fold(name))
    return dict(described)


def _check_kind(name: str, kind: str, scratch: Scratch) -> None:
    """A table has a column of this type: a row without names, say, is of none that can be written down."""
    if kind in ('"NULL"', "NULL"):
        raise Refused(f"the column {name} has no type", f"write CAST(NULL AS …) AS {name}")
    if "STRUCT" not in kind:
        return
    try:
        scratch.described(f"SELECT CAST(NULL AS {kind})")
    except duckdb.Error:
        advice = "name its parts, as in {'a': …, 'b': …}, or give each a column"
        raise Refused(f"the column {name} is a {kind}, which no table can hold", advice) from None


def _of_duckdb(model: Model, error: duckdb.Error) -> Refused:
    """DuckDB's error with the place that it names: the text is the model's own."""
    text = str(error)
    reason = re.sub(r"^\w+( \w+)? Error: ", "", text.splitlines()[0])
    line = _LINE.search(text)
    at = len("\n".join(model.text.splitlines()[: int(line[1]) - 1]).encode()) + 1 if line and line[1] != "1" else 0
    near = _CANDIDATES.search(text) or re.search(r"(Did you mean .+)", text)
    return Refused(reason, f"did you mean {near[1].removeprefix('Did you mean ').rstrip('?')}?" if near else "", at)


def _key(named: Sequence[str], columns: Sequence[str]) -> tuple[str, ...]:
    """The head's key, spelled as the columns are."""
    spelled = {quoting.fold(column): column for column in columns}
    for name in named:
        if quoting.fold(name) not in spelled:
            near = difflib.get_close_matches(name, columns, n=3, cutoff=0.5)
            advice = f"did you mean {' or '.join(near)}?" if near else f"its columns are {', '.join(columns)}"
            raise Refused(f"key: it has no column {name}", advice)
    return tuple(dict.fromkeys(spelled[quoting.fold(name)] for name in named))


def _check_names(query: Node) -> None:
    """Below a subquery it is not known what a name means that could be a clock, or a place in the file."""
    for node in tree.walk(query):
        if node.get("class") != "COLUMN_REF":
            continue
        names = [quoting.fold(name) for name in node["column_names"]]
        if "rowid" in names or (len(names) == 1 and names[0] in functions.CLOCKS):
            raise Refused(f"{names[-1]} may be no column", f"write input.{names[-1]}", place(node))


def _tables(query: Node) -> list[Node]:
    """The nodes that name a table or model, and no common table expression."""
    tables: dict[int, tuple[Node, frozenset[str]]] = {}
    for scope in repeatable.scopes(query):
        for node in _sources(scope.query):
            tables.setdefault(id(node), (node, scope.names))
    return [
        node for node, names in tables.values()
        if node["schema_name"] or quoting.fold(node["table_name"]) not in names
    ]  # fmt: skip


def _sources(query: Node) -> list[Node]:
    """The tables of this very query's FROM."""
    waiting, sources = [query.get("from_table")], []
    while waiting:
        node = waiting.pop()
        if node and node["type"] == "BASE_TABLE":
            sources.append(node)
        elif node and node["type"] == "JOIN":
            waiting += [node["left"], node["right"]]
    return sources


def _written(node: Node) -> tuple[str, ...]:
    names = (node["schema_name"], node["table_name"])
    return tuple(quoting.fold(name) for name in names if name)


def _named(query: Node, scratch: Scratch) -> tuple[str, ...]:
    """The inputs by their known names."""
    names = {scratch.find(node["schema_name"], node["table_name"], place(node)) for node in _tables(query)}
    return tuple(sorted(names))


def _placed(query: Node, scratch: Scratch, catalog: str) -> Node:
    """The query with each input in this catalog."""
    placed = copy.deepcopy(query)
    for node in _tables(placed):
        schema, table = quoting.split_name(scratch.find(node["schema_name"], node["table_name"]))
        node.update(catalog_name=catalog, schema_name=schema, table_name=table)
    return placed


def _error(model: Model, refused: Refused) -> errors.ModelError:
    return errors.ModelError(f"{model.at(refused.at)}: {refused.reason}", hint=refused.advice or None)
