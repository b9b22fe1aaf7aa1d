"""Counts the values that a run reads and stores as NULL, because their column's rule says so."""

from __future__ import annotations

from jobs.feeds.feed import Feed
from jobs.plan.steps import Step
from jobs.source.connection import Connection
from jobs.source.session import SourceSession
from jobs.tables.table import Table
from jobs.types import column_plan


def notes(feed: Feed, now: SourceSession, step: Step) -> tuple[str, ...]:
    """A sentence for each column with such values among the rows that the step reads, counted in the same snapshot.

    It costs one aggregate over those rows, and only where a column has the rule.
    """
    blurred = columns(step.table)
    if not blurred:
        return ()
    counts = _counts(now.conn, step.table.rows_from, blurred, feed.rows_of(step, now))
    return tuple(f"{_values(counts[plan.name])} of {plan.name} became NULL" for plan in blurred if counts[plan.name])


def columns(table: Table) -> list[column_plan.ColumnPlan]:
    """The columns that have the rule and a type with such values."""
    return [plan for plan in table.columns if plan.rule == "null" and plan.lossy_sql]


def _counts(conn: Connection, table: str, plans: list[column_plan.ColumnPlan], where: str) -> dict[str, int]:
    fields = ", ".join(f"count(*) FILTER (WHERE {plan.lossy_sql}) AS n{n}" for n, plan in enumerate(plans))
    row = conn.execute(f"SELECT {fields} FROM {table} WHERE {where}".encode()).fetchone()
    assert row is not None
    return {plan.name: row[f"n{n}"] for n, plan in enumerate(plans)}


def _values(count: int) -> str:
    return "1 value" if count == 1 else f"{count:,} values"
