"""How a table's rows are read from PostgreSQL, and what its table in the file is called and made of."""

from __future__ import annotations

from collections.abc import Sequence

from jobs import quoting
from jobs.engine.session import DuckSession
from jobs.tables.table import Table
from jobs.types import column_plan
from jobs.types.wire import GUESTS, TABLES, Wire


def out(table: Table) -> str:
    """The table's name in the file."""
    return f"out.{table.file_quoted}"


def source_rows(table: Table, columns: Sequence[column_plan.ColumnPlan], where: str = "") -> Wire:
    """The table's rows as the file holds them, to be read from PostgreSQL. `where` is PostgreSQL's SQL."""
    fields = ", ".join(f"{plan.source_sql} AS {quoting.identifier(plan.name)}" for plan in columns)
    query = f"SELECT {fields} FROM {table.rows_from}" + (f" WHERE {where}" if where else "")
    return Wire(columns, query, GUESTS if table.runs_code else TABLES)


def create_table(session: DuckSession, table: Table, name: str = "") -> None:
    """An empty table of the planned columns, in place of any that is there. No keys, no indexes (design §3)."""
    columns = ", ".join(session.defined(plan.name, plan.duckdb_type, table.key) for plan in table.columns)
    place = name or out(table)
    session.execute(f"CREATE SCHEMA IF NOT EXISTS {place.partition('.')[0]}.{quoting.identifier(table.target[0])}")
    session.execute(f"DROP TABLE IF EXISTS {place}")
    session.execute(f"CREATE TABLE {place} ({columns})")


def exact(plan: column_plan.ColumnPlan, table: str) -> str:
    """The stored column of one side, in a form that is equal only for the same value."""
    name = quoting.identifier(plan.name)
    return plan.exact_sql.replace(name, f"{table}.{name}")
