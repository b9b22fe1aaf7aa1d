"""A query that PostgreSQL runs for its rows, and how DuckDB takes them over. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jobs import quoting
from jobs.types.column_plan import ColumnPlan

# DuckDB's two sessions: one for tables, which may know what masks are computed with, and one in which code of others
# runs, which never does.
TABLES, GUESTS = "pg", "guest"


@dataclass(frozen=True)
class Wire:
    """The columns of a table, as `query` gives them in PostgreSQL's SQL, in the session of that name."""

    columns: Sequence[ColumnPlan]
    query: str
    session: str = TABLES

    def rows(self, place: str) -> str:
        """A DuckDB SELECT of the rows as the file holds them, where the query's result is found in `place`."""
        taken = ", ".join(f"{plan.target_sql} AS {quoting.identifier(plan.name)}" for plan in self.columns)
        return f"SELECT {taken} FROM {place}"

    def joined(self) -> str:
        """The same, read by DuckDB's own PostgreSQL session."""
        return self.rows(f"postgres_query({quoting.literal(self.session)}, {quoting.literal(self.query)})")
