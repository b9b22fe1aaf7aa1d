"""One connection of DuckDB: statements go in, rows come out, and its errors become ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

import duckdb

from app import statements
from jobs.engine.failures import translated


class Connection:
    """A connection of DuckDB."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def execute(self, query: str, given: dict[str, Any] | None = None) -> duckdb.DuckDBPyConnection:
        """Run one statement; driver errors become `errors.*`."""
        with translated():
            return self.connection.execute(query, given) if given else self.connection.execute(query)

    def rows(self, query: str, given: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """All rows as dicts."""
        cursor = self.execute(query, given)
        names = [item[0] for item in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def one(self, query: str) -> Any:
        """The first column of the only row."""
        row = self.execute(query).fetchone()
        assert row is not None
        return row[0]

    def block(self, name: str, given: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run a block of sql/sync/target.sql."""
        return self.rows(statements.get("target", name), given)

    @contextmanager
    def transaction(self, committing: AbstractContextManager[None] | None = None) -> Iterator[None]:
        """All or nothing; the commit is done inside `committing`."""
        self.execute("BEGIN")
        try:
            yield
        except BaseException:
            with suppress(duckdb.Error):
                self.connection.execute("ROLLBACK")
            raise
        with committing or nullcontext():
            self.execute("COMMIT")
