"""Asks, in one round trip for all tables, which of them have anything new since their watermarks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from psycopg import sql

from jobs import filters, watermark
from jobs.catalogue import Table
from jobs.plan import DELTA, FULL, Step
from jobs.snapshot import Snapshot
from jobs.source import Connection
from jobs.watermark import Watermark


@dataclass(frozen=True)
class News:
    """What a table may have: written rows, deleted keys, a TRUNCATE. True may be a false alarm, False never is."""

    rows: bool
    gone: bool
    truncated: bool

    def __bool__(self) -> bool:
        return self.rows or self.gone or self.truncated


QUIET, ALL = News(False, False, False), News(True, True, False)


def ask(conn: Connection, steps: Iterable[Step], now: Snapshot) -> dict[str, News]:
    """The news of each table by name, read in the snapshot. Tables that are no deltas are always news."""
    found = {step.table.name: ALL for step in steps}
    asked = [step for step in steps if step.action == DELTA]
    if asked:
        query = sql.SQL(" UNION ALL ").join([_question(place, step, now) for place, step in enumerate(asked)])
        for row in conn.execute(query):
            found[asked[row["place"]].table.name] = News(row["rows"], row["gone"], row["truncated"])
    return found


def told(steps: Iterable[Step], conn: Connection, now: Snapshot) -> list[Step]:
    """The steps with their tables' news; a table that was truncated is copied anew."""
    given = list(steps)
    found = ask(conn, given, now)
    return [
        replace(step, action=FULL, reason="truncated") if news.truncated else replace(step, news=news)
        for step, news in ((step, found[step.table.name]) for step in given)
    ]


def rows_of(step: Step, now: Snapshot) -> str:
    """PostgreSQL's condition for the rows that the step reads; `true` where that is all of the table."""
    stamp, kept = step.table.stamp, filters.kept(step.table)
    if step.action != DELTA or stamp is None:
        return kept or "true"
    return filters.both(watermark.changed_rows(stamp, step.mark, now).as_string(None), kept)


def _question(place: int, step: Step, now: Snapshot) -> sql.Composable:
    mark, table, stamp = step.mark, step.table, step.table.stamp
    assert stamp is not None
    # Newest first: what is new lies at the index's end, behind the rows of the margin that were read before. EXISTS
    # would not do: PostgreSQL leaves the order out of it.
    rows = sql.SQL("(SELECT true FROM {} WHERE {} ORDER BY {} DESC LIMIT 1) IS NOT NULL").format(
        sql.Identifier(table.schema, table.relation),
        watermark.changed_rows(stamp, mark, now),
        sql.Identifier(stamp.column),
    )
    gone, truncated = _deletions(table, mark)
    return sql.SQL("SELECT {} AS place, {} AS rows, {} AS gone, {} AS truncated").format(
        sql.Literal(place), rows, gone, truncated
    )


def _deletions(table: Table, mark: Watermark) -> tuple[sql.Composable, sql.Composable]:
    if table.spec.deletes != "tombstone":
        return sql.SQL("true" if table.spec.deletes == "compare" else "false"), sql.SQL("false")
    since = tombstones_since(table, mark)
    question = "EXISTS (SELECT FROM neaptide.tombstone WHERE {} AND key IS {} NULL)"
    return (
        sql.SQL(question).format(since, sql.SQL("NOT")),
        sql.SQL(question).format(since, sql.SQL("")),
    )


def tombstones_since(table: Table, mark: Watermark) -> sql.Composable:
    """The condition that picks a table's tombstones since the watermark."""
    return sql.SQL("relid = {} AND {}").format(sql.Literal(table.relid), watermark.recorded_since("xid", mark))
