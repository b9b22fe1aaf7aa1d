"""A database of nothing but the columns that models may read, in which DuckDB finds out what a SELECT's parts are.

It is in memory, holds no rows, and reaches no file: to analyse a SELECT touches nothing, and every name in it means
what it will mean in the reporting file.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cached_property
from typing import Any

import duckdb

from jobs import quoting
from jobs.models.analysis import functions
from jobs.models.analysis.functions import Functions
from jobs.models.analysis.refusal import Refused
from jobs.models.analysis.shapes import Relation

# No schema of anybody's is called like this, so that none can be taken for the database.
_CATALOG = "neaptide scratch"
# Where a name without a schema is looked for.
_SEARCHED = ("main", "public")
# Where the histories of tables lie, unless the source has a schema of this name.
_HISTORIES = "history"
_OPTIONS: dict[str, Any] = {"threads": 1, "enable_external_access": False}


class Scratch:
    """The known tables and models, by `schema.name`; names are compared as DuckDB does."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self._known: dict[tuple[str, str], tuple[str, Relation]] = {}
        self._schemas: set[str] = set()

    def add(self, name: str, relation: Relation) -> None:
        """Make a table known, or known otherwise."""
        schema, table = quoting.split_name(name)
        if quoting.fold(schema) not in self._schemas:
            self.connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoting.identifier(schema)}")
            self._schemas.add(quoting.fold(schema))
            self._search()
        columns = ", ".join(f"{quoting.identifier(column)} {kind}" for column, kind in relation.columns.items())
        self.connection.execute(f"CREATE OR REPLACE TABLE {quoting.qualified(schema, table)} ({columns})")
        self._known[quoting.fold(schema), quoting.fold(table)] = name, relation

    def find(self, schema: str, table: str, at: int | None = None) -> str:
        """The known name of a table as a SELECT writes it. Raises `Refused` with the nearest."""
        for one in (schema,) if schema else _SEARCHED:
            if entry := self._known.get((quoting.fold(one), quoting.fold(table))):
                return entry[0]
        written = f"{schema}.{table}" if schema else table
        if quoting.fold(schema) == _HISTORIES:
            message = f"{written} is a history, which changes in other ways than a table: no model can read it"
            raise Refused(message, "ask it in a report or by `neaptide sql`", at)
        near = difflib.get_close_matches(written, [name for name, _ in self._known.values()], n=3, cutoff=0.5)
        advice = f"did you mean {' or '.join(near)}?" if near else "`neaptide tables` lists what there is"
        raise Refused(f"there is no table or model {written}", advice, at)

    def relation(self, name: str) -> Relation:
        """What is known of a table, by the name that `find` gave."""
        schema, table = quoting.split_name(name)
        return self._known[quoting.fold(schema), quoting.fold(table)][1]

    def has_column(self, name: str) -> bool:
        """Whether any table has a column of this folded name."""
        return any(name == quoting.fold(column) for _, one in self._known.values() for column in one.columns)

    def described(self, text: str) -> list[tuple[str, str]]:
        """Names and DuckDB types of what a SELECT gives. Raises `duckdb.Error`."""
        return [(row[0], row[1]) for row in self.connection.execute(f"DESCRIBE {text}").fetchall()]

    @cached_property
    def functions(self) -> Functions:
        """The functions that models may call."""
        return functions.known(self.connection)

    def _search(self) -> None:
        there = [schema for schema in _SEARCHED if schema == "main" or schema in self._schemas]
        path = ",".join(quoting.qualified(_CATALOG, schema) for schema in there)
        self.connection.execute(f"SET search_path = {quoting.literal(path)}")


@contextmanager
def opened(relations: Mapping[str, Relation] | None = None) -> Iterator[Scratch]:
    """A scratch database with these tables, by `schema.name` as `quoting.join_name` writes it."""
    with closing(duckdb.connect(":memory:", config=_OPTIONS)) as connection:
        catalog = quoting.identifier(_CATALOG)
        connection.execute(f"SET TimeZone = 'UTC'; ATTACH ':memory:' AS {catalog}; USE {catalog}; DETACH memory")
        scratch = Scratch(connection)
        for name, relation in (relations or {}).items():
            scratch.add(name, relation)
        yield scratch
