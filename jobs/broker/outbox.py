"""PostgreSQL itself as the broker: the outbox, in which whoever writes rows has put the events already."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from psycopg import sql

from app import errors, statements
from jobs.broker.port import Batch, Event

Connection = psycopg.Connection[dict[str, Any]]


class OutboxBroker:
    """See `jobs.broker.port.Broker`. Its numbers are no order of commits: a run reads by its snapshot instead."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn

    def publish(self, batch: Sequence[Event]) -> None:
        """Write them; they are confirmed with the commit."""
        rows = [
            (
                one.id,
                one.name,
                one.aggregate,
                one.key,
                one.version,
                json.dumps(one.keys),
                json.dumps(one.payload),
                one.at,
            )
            for one in batch
        ]
        with self._conn.transaction(), self._conn.cursor() as cursor:
            cursor.executemany(statements.get("outbox", "publish"), rows)

    def read(self, after: int, limit: int) -> Batch:
        """Those that are visible now."""
        given = {"after": after, "limit": limit}
        rows = self._conn.execute(statements.get("outbox", "read"), given).fetchall()
        events = [(row["seq"], event(row)) for row in rows]
        return Batch(events, events[-1][0] if events else after)


def event(row: dict[str, Any]) -> Event:
    """A row of the outbox as an event."""
    return Event(
        row["seq"], str(row["id"]), int(row["xid"]), row["format"], row["name"], row["aggregate"], row["key"],
        row["version"], row["keys"], row["payload"], row["at"].isoformat(),
    )  # fmt: skip


def paged(conn: Connection, since: sql.Composable, names: Sequence[str]) -> Iterator[Event]:
    """The events of these names that the condition picks, by number, so many at a time."""
    last = 0
    while True:
        wanted = sql.SQL(_PAGED).format(since=since, last=sql.Literal(last), names=sql.Literal(list(names)))
        rows = conn.execute(query(wanted, _PAGE)).fetchall()
        yield from map(event, rows)
        if len(rows) < _PAGE:
            return
        last = rows[-1]["seq"]


_PAGE = 10_000
_PAGED = "{since} AND o.seq > {last} AND o.format = 1 AND o.name = ANY({names}::text[])"
_ROWS = """
SELECT
    o.seq, o.id, o.xid::text::numeric AS xid, o.format, o.name, o.aggregate, o.key, o.version, o.keys, o.payload, o.at
FROM neaptide.outbox AS o
WHERE {wanted}
ORDER BY o.seq {order}
LIMIT {most}
"""


def query(wanted: sql.Composable, most: int | None, *, newest_first: bool = False) -> sql.Composed:
    """The SELECT of events that this condition picks, at most so many of them; `event` reads its rows."""
    order = sql.SQL("DESC" if newest_first else "ASC")
    return sql.SQL(_ROWS).format(wanted=wanted, order=order, most=sql.Literal(most))


def check(conn: Connection) -> int:
    """The oid of the outbox. Raises `errors.NotTracked` where there is none, `errors.AccessDenied` where it is shut."""
    row = conn.execute(statements.get("outbox", "is_there")).fetchone()
    if row is None or not row["is_there"]:
        raise errors.NotTracked("there is no neaptide.outbox, which events are written to", hint="run `neaptide track`")
    if not row["readable"]:
        raise errors.AccessDenied(
            "the role may not read neaptide.outbox",
            hint="GRANT USAGE ON SCHEMA neaptide TO the reading role, and SELECT ON neaptide.outbox, neaptide.purge",
        )
    return int(row["relid"])
