"""What of the reporting file other people's SQL may read: its tables, under their own names, and nothing more.

Their SQL runs in a session of an empty database of DuckDB's, in which every table that a query names is a view of the
file's table of that name. So nothing that somebody put into the file beside the tables is ever looked up: no macro that
is called like a function of DuckDB's, no type, no view. A view of the file is read as the query that it is, which is
judged like any other and made anew in that session.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import cached_property

import duckdb

from app import errors, statements
from app.reporting import guard, tokens
from app.reporting.guard import Reference

_CATALOG = "reporting"
_MAIN = "main"
# Where PostgreSQL looks for a name without a schema, so it is found here under such a name, too.
_PUBLIC = "public"
# DuckDB could not tell such a schema of the file from a database or a schema of its own.
_OWN = ("memory", "reporting", "system", "temp", "pg_catalog", "information_schema")
_DEEPEST = 20
# Where the read models are. One that is kept by adding and taking away is a view: behind it lies a table with columns
# that are none of the model's.
_MODELS = "models"
_TABLE, _VIEW = "table", "view"
_NEAPTIDE, _BEHIND = "neaptide", "sums of "
_ROWS, _COUNT = "neaptide_rows", "neaptide_n_"
# Where the histories are: views, and to each a macro that says what was valid when.
_HISTORY, _AT = "history", "_at"


class Exposure:
    """The tables and views of the file that is attached to this session as `reporting`; a `guard.Scope`.

    `known` is kind, schema and name of all of them, where the caller knows: of a lake, DuckDB takes long to list them.
    """

    lists = True

    def __init__(self, connection: duckdb.DuckDBPyConnection, known: list[tuple[str, str, str]] | None = None) -> None:
        self._connection, self._known = connection, known
        self._made: set[tuple[str, str]] = set()
        self._defined: set[tuple[str, str]] = set()

    def has(self, table: Reference) -> bool:
        """Whether the file has a table or a view of this name; by the name of the file itself only a table."""
        name = (table.schema or _MAIN, table.name)
        if _is_behind(*name):
            return False
        if table.catalog:
            return table.catalog == _CATALOG and name in self._tables
        qualified = name if table.schema else self._meant(*name)
        return table.schema not in _OWN and (qualified in self._tables or qualified in self._views)

    def names(self) -> Collection[str]:
        """All tables, as they are written in a query."""
        models = [name for name in self._views if name[0] in (_MODELS, _HISTORY)]
        there = (name for name in (*self._tables, *models) if not _is_behind(*name))
        return [".".join(map(_written, name)) for name in there]

    def readable(self) -> list[tuple[str, str]]:
        """Schema and name of every copied table, read model and history, as the file spells them, sorted."""
        return sorted(
            (schema, name) for kind, schema, name in self._listed
            if (schema in (_MODELS, _HISTORY) if kind == _VIEW else schema != _NEAPTIDE)
        )  # fmt: skip

    def stored(self, schema: str, name: str) -> tuple[str, str] | None:
        """The table of the file behind a name, with its schema; None where that is a view."""
        meant = self._meant(schema or _MAIN, name)
        if meant in self._tables:
            return meant
        behind = (_NEAPTIDE, _BEHIND + name)
        return behind if schema == _MODELS and behind in self._tables else None

    def macro(self, function: Reference) -> bool:
        """Whether it is the macro of a history."""
        table = (function.schema, function.name.removesuffix(_AT))
        return function[:2] == ("", _HISTORY) and function.name in self._macros and table in self._views

    def check(self, sql: str) -> guard.Checked:
        """Judge a statement, and make what it reads readable by the names in it."""
        return self._exposed(sql, 0)

    def _exposed(self, sql: str, depth: int) -> guard.Checked:
        checked = guard.check(sql, self._connection, self)
        if checked.lists:
            self._forget()
        self._make({(table.schema or _MAIN, table.name) for table in checked.tables if not table.catalog}, depth)
        for macro in checked.macros:
            self._define(macro.name, depth)
        return checked

    def _define(self, name: str, depth: int) -> None:
        """Make a macro callable: its query is judged like a view's."""
        if (_HISTORY, name) in self._defined:
            return
        parameters, query = self._macros[name]
        text = self._exposed(query, depth + 1).text
        given = ", ".join(map(_quoted, parameters))
        self._connection.execute(f"CREATE MACRO memory.{_HISTORY}.{_quoted(name)}({given}) AS TABLE {text}")
        self._defined.add((_HISTORY, name))

    def _make(self, names: Iterable[tuple[str, str]], depth: int) -> None:
        """Make these names readable, with one call: a view of two of them may have made one of them on its way."""
        wanted = {name: self._query(*name, depth) for name in names if name not in self._made}
        if not wanted:
            return
        schemas = sorted({f"CREATE SCHEMA IF NOT EXISTS memory.{_quoted(schema)}" for schema, _ in wanted})
        views = [
            f"CREATE VIEW IF NOT EXISTS memory.{_quoted(schema)}.{_quoted(name)} {query}"
            for (schema, name), query in wanted.items()
        ]
        self._connection.execute(";\n".join([*schemas, *views]))
        self._made |= wanted.keys()

    def _meant(self, schema: str, name: str) -> tuple[str, str]:
        """The name itself; one of `main` that isn't there is that of `public`."""
        there = (schema, name) in self._tables or (schema, name) in self._views
        return (_PUBLIC if schema == _MAIN and not there else schema, name)

    def _query(self, schema: str, name: str, depth: int) -> str:
        """What the name stands for: the file's table, or a view's own query."""
        schema, name = self._meant(schema, name)
        if (schema, name) in self._tables:
            return f"AS FROM {_CATALOG}.{_quoted(schema)}.{_quoted(name)}"
        if schema == _MODELS and (_NEAPTIDE, _BEHIND + name) in self._tables:
            return self._model(name)
        if depth > _DEEPEST:
            raise errors.QueryFailed(f"the view {schema}.{name} is nested too deeply")
        columns, query = tokens.of_view(self._texts[schema, name])
        listed = f"({', '.join(map(_quoted, columns))}) " if columns else ""
        return f"{listed}AS {self._exposed(query, depth + 1).text}"

    def _model(self, name: str) -> str:
        """A model's own columns, from the table behind it: what its view in the file says is not looked at."""
        behind = f"{_CATALOG}.{_NEAPTIDE}.{_quoted(_BEHIND + name)}"
        # A list of all columns of the file takes as long as many a report.
        columns = [str(column[0]) for column in self._connection.execute(f"FROM {behind} LIMIT 0").description or ()]
        hidden = {_ROWS, *(_COUNT + column for column in columns)}
        return f"AS FROM {behind} SELECT {', '.join(_quoted(column) for column in columns if column not in hidden)}"

    def _forget(self) -> None:
        """A list of all tables shows the file's, not these views of them."""
        for schema, name in self._made:
            self._connection.execute(f"DROP VIEW memory.{_quoted(schema)}.{_quoted(name)}")
        self._made.clear()

    @cached_property
    def _listed(self) -> list[tuple[str, str, str]]:
        """Kind, schema and name of all tables and views: asked once, since it takes as long as many a report."""
        if self._known is not None:
            return self._known
        return self._connection.execute(statements.get("queries/session", "names")).fetchall()

    @cached_property
    def _tables(self) -> frozenset[tuple[str, str]]:
        return self._of(_TABLE)

    @cached_property
    def _views(self) -> frozenset[tuple[str, str]]:
        return self._of(_VIEW)

    def _of(self, wanted: str) -> frozenset[tuple[str, str]]:
        return frozenset(
            (guard.fold(schema), guard.fold(name)) for kind, schema, name in self._listed if kind == wanted
        )

    @cached_property
    def _macros(self) -> dict[str, tuple[list[str], str]]:
        rows = self._connection.execute(statements.get("queries/session", "macros")).fetchall()
        return {guard.fold(name): (parameters, query) for name, parameters, query in rows}

    @cached_property
    def _texts(self) -> dict[tuple[str, str], str]:
        """The queries of the views, which DuckDB has to write out."""
        rows = self._connection.execute(statements.get("queries/session", "views")).fetchall()
        return {(guard.fold(schema), guard.fold(name)): sql for schema, name, sql in rows}


def _is_behind(schema: str, name: str) -> bool:
    return schema == _NEAPTIDE and name.startswith(_BEHIND)


def _written(name: str) -> str:
    """As a query has to have it."""
    return name if re.fullmatch("[a-z_][a-z0-9_]*", name) else _quoted(name)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
