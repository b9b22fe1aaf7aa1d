"""Which SQL may run for other people: one statement that reads what it was told it may, and nothing else.

DuckDB parses the text and hands its tree out (`json_serialize_sql`, which knows SELECT and what is a SELECT to DuckDB:
FROM, VALUES, TABLE, DESCRIBE, SHOW, SUMMARIZE). In it every kind of node, every function and every table has to be one
that is known to be harmless. The text that runs is the very text that was judged: what EXPLAIN explains passes by
itself before EXPLAIN is written in front of it. A PIVOT without a list of values makes two statements, whose tree
DuckDB keeps to itself, so it is judged with a list put in.
"""

from __future__ import annotations

import difflib
import itertools
import json
import string
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import duckdb

from app import errors, nearest, statements
from app.reporting import functions, tokens

_HINT = "the reporting file is for reading: give one SELECT, WITH, FROM, VALUES, DESCRIBE, SHOW, SUMMARIZE or EXPLAIN"
# A longer statement, more comments or a longer tree are refused: at each comment DuckDB looks through the rest of
# the statement, and here a tree takes ten times as much memory as its text.
_LONGEST, _MOST_COMMENTS, _LARGEST_TREE = 1_000_000, 500, 20_000_000
_EXPRESSIONS = """
    BETWEEN CASE CAST COLLATE COLUMN_REF COMPARISON CONJUNCTION CONSTANT DEFAULT FUNCTION LAMBDA LAMBDA_REF OPERATOR
    PARAMETER POSITIONAL_REFERENCE STAR SUBQUERY TYPE WINDOW
"""
_PARTS = """
    SELECT_NODE SET_OPERATION_NODE CTE_NODE RECURSIVE_CTE_NODE BASE_TABLE SUBQUERY JOIN TABLE_FUNCTION EXPRESSION_LIST
    EMPTY PIVOT SHOW_REF ORDER_MODIFIER LIMIT_MODIFIER LIMIT_PERCENT_MODIFIER DISTINCT_MODIFIER ORDER_DEFAULT ASCENDING
    DESCENDING
"""
_KNOWN_EXPRESSIONS, _KNOWN_PARTS = frozenset(_EXPRESSIONS.split()), frozenset(_PARTS.split())
_TYPE_INFO = "_TYPE_INFO"
# Of current_setting: they say nothing of anybody.
_SETTINGS = """
    allow_unsigned_extensions enable_external_access lock_configuration memory_limit threads timezone
"""
_KNOWN_SETTINGS = frozenset(_SETTINGS.split())
# Where DuckDB's own functions are, if a query says it: AT TIME ZONE calls main.timezone, for instance.
_OF_DUCKDB = frozenset(itertools.product(("", "system"), ("", "main", "pg_catalog")))
# SHOW TABLES and SHOW ALL TABLES, and DESCRIBE and SHOW alone, which mean the latter.
_LISTS = frozenset(('"tables"', "__show_tables_expanded"))
# Views of the catalogue: a common table expression can't take such a name, whatever it holds.
_SYSTEM = ("duckdb_", "pg_", "sqlite_", "pragma_")
# How a recursive expression with USING KEY names what it has so far.
_RECURRING = "recurring"
_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


class Reference(NamedTuple):
    """A table that a query names; its parts are in lower case, as DuckDB compares them, and may be empty."""

    catalog: str
    schema: str
    name: str

    def __str__(self) -> str:
        return ".".join(part for part in self if part)


class Scope(Protocol):
    """What a query may read. `lists`: whether it may ask for the list of all tables, and for a query's plan."""

    lists: bool

    def has(self, table: Reference) -> bool:
        """Whether the table is one of those that may be read."""

    def names(self) -> Collection[str]:
        """Those that may be read, to suggest one."""

    def macro(self, function: Reference) -> bool:
        """Whether a function in FROM is a macro of the file's that may be called."""


@dataclass(frozen=True)
class Checked:
    """A statement that may run: `text` has no semicolon. `plans`: it is an EXPLAIN; `lists`: it asks for all tables."""

    text: str
    tables: frozenset[Reference]
    plans: bool = False
    lists: bool = False
    macros: frozenset[Reference] = frozenset()


def check(sql: str, connection: duckdb.DuckDBPyConnection, scope: Scope) -> Checked:
    """Judge one statement; the connection only lends its parser.

    Raises `errors.UsageError` where it is no single reading statement, `errors.QueryFailed` where it doesn't parse or
    names a function or a table that it may not.
    """
    text = tokens.without_end(_plain(sql))
    tree = _tree(text, connection)
    if "error" not in tree:
        return _judged(text, tree, scope)
    kind = _kind(text, connection)
    if kind == duckdb.StatementType.EXPLAIN and scope.lists:
        return _explained(text, connection, scope)
    if kind == duckdb.StatementType.SELECT:
        return _judged(text, _tree(tokens.with_pivot_values(text), connection), scope)
    raise errors.UsageError(f"a statement of type {kind.name} is not allowed here", hint=_HINT)


def fold(name: str) -> str:
    """What DuckDB goes by when it compares names."""
    return name.translate(_ASCII_LOWER)


def _plain(sql: str) -> str:
    """The text, where it is one that the parser reads to its end."""
    try:
        sql.encode()
    except UnicodeEncodeError:
        raise errors.UsageError("the statement is no valid UTF-8", hint=_HINT) from None
    if "\0" in sql:
        raise errors.UsageError("the statement holds a NUL, which would end it", hint=_HINT)
    if len(sql) > _LONGEST:
        raise errors.UsageError(f"the statement has {len(sql):,} characters, more than {_LONGEST:,}", hint=_HINT)
    if sql.count("/*") > _MOST_COMMENTS:
        raise errors.UsageError(f"the statement has more than {_MOST_COMMENTS} comments", hint="leave some out")
    return sql


def _tree(text: str, connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """The only statement's parsed form; with the key `error` where it doesn't parse or is no SELECT."""
    try:
        ((serialized,),) = connection.execute(statements.get("queries/session", "parse"), [text]).fetchall()
        if len(serialized) > _LARGEST_TREE:
            raise errors.QueryFailed("the statement has too many parts")
        answer = json.loads(serialized)
    except RecursionError:
        raise errors.QueryFailed("the statement is nested too deeply") from None
    except duckdb.Error as error:
        raise errors.QueryFailed(str(error)) from error
    if answer.get("error", True):
        return {"error": str(answer.get("error_message", ""))}
    tree: dict[str, Any] = _only(answer["statements"])
    return tree


def _only(statements: list[Any]) -> Any:
    if len(statements) != 1:
        count = "no statement" if not statements else f"{len(statements)} statements"
        raise errors.UsageError(f"one statement is expected, not {count}", hint=_HINT)
    return statements[0]


def _kind(text: str, connection: duckdb.DuckDBPyConnection) -> duckdb.StatementType:
    """What kind of statement it is that has no tree. A PIVOT's own additions have no text, unlike what is written."""
    try:
        statements = connection.extract_statements(text)
    except duckdb.Error as error:
        raise errors.QueryFailed(str(error)) from error
    written = [one for one in statements if one.query.strip()]
    added = {duckdb.StatementType.CREATE, duckdb.StatementType.TRANSACTION}
    kind: duckdb.StatementType = _only(written or [one for one in statements if one.type not in added]).type
    # PRAGMA is a SELECT to this list, but not to the parser.
    return duckdb.StatementType.PRAGMA if written and kind == duckdb.StatementType.SELECT else kind


def _explained(text: str, connection: duckdb.DuckDBPyConnection, scope: Scope) -> Checked:
    cut = tokens.explained(text)
    tree = _tree(cut[1], connection) if cut else {"error": ""}
    if cut is None or "error" in tree:
        raise errors.UsageError("only a reading statement can be explained here", hint=_HINT)
    passed = _judged(cut[1], tree, scope)
    return Checked(cut[0] + passed.text, passed.tables, plans=True, lists=passed.lists, macros=passed.macros)


def _judged(text: str, tree: dict[str, Any], scope: Scope) -> Checked:
    if "error" in tree:
        raise errors.UsageError("this PIVOT can't be judged", hint="list the values: ON status IN ('open', 'paid')")
    tables: set[Reference] = set()
    macros: set[Reference] = set()
    lists = False
    for node, known in _nodes(tree, macros, scope):
        _check_kind(node)
        if node.get("type") == "BASE_TABLE":
            tables |= _read(node, known, scope)
        if node.get("type") == "SHOW_REF" and not isinstance(node.get("query"), dict):
            _check_list(node, scope)
            lists = True
    return Checked(text, frozenset(tables), lists=lists, macros=frozenset(macros))


def _check_kind(node: dict[str, Any]) -> None:
    """Refuse what isn't known: a later DuckDB may have kinds of nodes that nobody has looked at."""
    kind, expression = node.get("type"), node.get("class")
    if expression is not None:
        if expression not in _KNOWN_EXPRESSIONS:
            raise errors.QueryFailed(f"an expression of the kind {expression} is not allowed here", hint=_HINT)
        if "function_name" in node and not _is_harmless_setting(node):
            _check_function(node, functions.ALLOWED)
    elif isinstance(kind, str) and kind not in _KNOWN_PARTS and not kind.endswith(_TYPE_INFO):
        raise errors.QueryFailed(f"a part of the kind {kind} is not allowed here", hint=_HINT)


def _check_function(node: dict[str, Any], allowed: frozenset[str]) -> None:
    name = fold(node["function_name"])
    if (fold(node["catalog"]), fold(node["schema"])) not in _OF_DUCKDB:
        raise errors.QueryFailed(f"the function {name} is not allowed here with a schema", hint=f"write {name}(…)")
    if name not in allowed or node.get("export_state"):
        near = difflib.get_close_matches(name, allowed, n=3, cutoff=0.75)
        hint = f"did you mean {' or '.join(near)}?" if near else _HINT
        raise errors.QueryFailed(f"the function {name} is not allowed here", hint=hint)


def _is_harmless_setting(node: dict[str, Any]) -> bool:
    """`current_setting` of one that is named outright."""
    if node["function_name"] != "current_setting" or node["schema"] or node["catalog"]:
        return False
    asked = [(one.get("value") or {}).get("value") for one in node["children"] if one["class"] == "CONSTANT"]
    return len(asked) == 1 and isinstance(asked[0], str) and fold(asked[0]) in _KNOWN_SETTINGS


def _check_list(node: dict[str, Any], scope: Scope) -> None:
    if not scope.lists or node.get("show_type") != "SHOW_UNQUALIFIED" or node.get("table_name") not in _LISTS:
        raise errors.QueryFailed("this SHOW is not allowed here", hint="SHOW ALL TABLES lists what a file holds")


def _read(node: dict[str, Any], known: frozenset[str], scope: Scope) -> set[Reference]:
    """The table that is read, or nothing where the query itself gives the name its meaning."""
    table = Reference(*(fold(str(node.get(f"{part}_name") or "")) for part in ("catalog", "schema", "table")))
    if table.name in known and not table.catalog and table.schema in ("", _RECURRING):
        if table.name.startswith(_SYSTEM):
            raise errors.QueryFailed(f"{table} can't be the name of a common table expression here")
        return set()
    if not scope.has(table):
        hint = nearest.hint(str(table), scope.names(), "`neaptide tables` lists what there is")
        raise errors.QueryFailed(f"a table {table} does not exist here", hint=hint)
    return {table}


def _nodes(
    tree: dict[str, Any], macros: set[Reference], scope: Scope
) -> Iterator[tuple[dict[str, Any], frozenset[str]]]:
    """Every node, with the common table expressions that are known where it stands; notes the macros on the way."""
    waiting: list[tuple[Any, frozenset[str]]] = [(tree, frozenset())]
    while waiting:
        node, known = waiting.pop()
        if isinstance(node, list):
            waiting += [(one, known) for one in node]
        elif isinstance(node, dict):
            yield node, known
            waiting.extend(_below(_called(node, macros, scope), known))


def _called(node: dict[str, Any], macros: set[Reference], scope: Scope) -> dict[str, Any]:
    """The node itself; of a function in FROM what stands below it, which are its arguments."""
    if node.get("type") != "TABLE_FUNCTION":
        return node
    function = node["function"]
    name = Reference(*(fold(str(function.get(part) or "")) for part in ("catalog", "schema", "function_name")))
    if scope.macro(name):
        macros.add(name)
    else:
        _check_function(function, functions.ROW_MAKERS)
    return {**node, "function": list(function.values())}


def _below(node: dict[str, Any], known: frozenset[str]) -> Iterator[tuple[Any, frozenset[str]]]:
    """What stands below a node. An expression knows those before it; a recursive one, in its second part, itself."""
    for expression in (node.get("cte_map") or {}).get("map", []):
        yield expression["value"], known
        known |= {fold(expression["key"])}
    for key, value in node.items():
        recurs = node.get("type") == "RECURSIVE_CTE_NODE" and key == "right"
        if isinstance(value, dict | list) and key != "cte_map":
            yield value, known | {fold(node["cte_name"])} if recurs else known
