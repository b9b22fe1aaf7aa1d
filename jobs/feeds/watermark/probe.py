"""Asks, in two round trips for all tables, which of them have anything new since their watermarks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from psycopg import sql

from jobs import quoting
from jobs.feeds.feed import ALL, News
from jobs.plan.steps import DELTA, Step
from jobs.position import watermark
from jobs.position.snapshot import Snapshot
from jobs.position.watermark import Stamp, Watermark
from jobs.source.connection import Connection
from jobs.tables import filters
from jobs.tables.table import Table


def ask(conn: Connection, steps: Iterable[Step], now: Snapshot) -> dict[str, News]:
    """The news of each table by name, read in the snapshot. Tables that are no deltas are always news."""
    news = {step.table.name: ALL for step in steps}
    asked = [step for step in steps if step.action == DELTA]
    if asked:
        deleted = _deleted(conn, [step for step in asked if step.table.deletes.recorded])
        written = _written(conn, asked, now)
        for step in asked:
            nothing = (step.table.deletes.compares, False)
            news[step.table.name] = News(step.table.name in written, *deleted.get(step.table.relid, nothing))
    return news


def _written(conn: Connection, steps: list[Step], now: Snapshot) -> set[str]:
    """The names of the tables to which rows were written.

    Where no transaction ended since a table's watermark it isn't asked: to find nothing, PostgreSQL looks at every row
    stamped within the margin (after a million of them 450 ms).
    """
    asked = [step for step in steps if step.since.standby or not now.same_as(step.since.snapshot)]
    if not asked:
        return set()
    return {asked[row["place"]].table.name for row in conn.execute(_questions(asked, now).encode()) if row["rows"]}


def rows_of(step: Step, now: Snapshot) -> str:
    """PostgreSQL's condition for the rows that the step reads; `true` where that is all of the table."""
    stamp, condition = step.table.stamp, filters.belongs(step.table)
    if step.action != DELTA or stamp is None:
        return condition or "true"
    return filters.both(watermark.changed_rows(stamp, step.since, now).as_string(None), condition)


def _questions(steps: list[Step], now: Snapshot) -> str:
    """One query that asks whether rows were written; most tables have the same watermark, so conditions are shared."""
    conditions: dict[tuple[Stamp, Watermark], str] = {}
    asked = []
    for place, step in enumerate(steps):
        stamp = step.table.stamp
        assert stamp is not None
        which = (stamp, step.since)
        if which not in conditions:
            conditions[which] = watermark.changed_rows(stamp, step.since, now).as_string(None)
        # Newest first: what is new lies at the index's end, behind the rows of the margin that were read before. EXISTS
        # would not do: PostgreSQL leaves the order out of it.
        newest = f"WHERE {conditions[which]} ORDER BY {quoting.identifier(stamp.column)} DESC LIMIT 1"
        asked.append(f"SELECT {place} AS place, (SELECT true FROM {step.table.rows_from} {newest}) IS NOT NULL AS rows")
    return " UNION ALL ".join(asked)


def _deleted(conn: Connection, steps: list[Step]) -> dict[int, tuple[bool, bool]]:
    """Whether rows were deleted, and whether all were by TRUNCATE, by the oids of the tables that have such news."""
    relids = defaultdict(list)
    for step in steps:
        relids[step.since].append(step.table.relid)
    queries = [
        sql.SQL(
            "SELECT relid, bool_or(key IS NOT NULL) AS gone, bool_or(key IS NULL) AS truncated"
            " FROM neaptide.tombstone WHERE relid = ANY({}::oid[]) AND {} GROUP BY relid"
        ).format(sql.Literal(tables), watermark.recorded_since("xid", since))
        for since, tables in relids.items()
    ]
    if not queries:
        return {}
    rows = conn.execute(sql.SQL(" UNION ALL ").join(queries))
    return {row["relid"]: (row["gone"], row["truncated"]) for row in rows}


def tombstones_since(table: Table, since: Watermark) -> sql.Composable:
    """The condition that picks a table's tombstones since the watermark."""
    return sql.SQL("relid = {} AND {}").format(sql.Literal(table.relid), watermark.recorded_since("xid", since))
