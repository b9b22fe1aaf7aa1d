"""The events as they come by, for whoever wants to see them: of the outbox, or of the stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from psycopg import sql

from app import statements
from jobs.broker import outbox
from jobs.broker.nats import NatsBroker
from jobs.broker.port import Event
from jobs.position import watermark
from jobs.position.snapshot import Snapshot
from jobs.position.watermark import Watermark
from jobs.source.connection import Connection

PAUSE = 0.1
Wait = Callable[[float], bool]


def of_outbox(conn: Connection, newest: int, wait: Wait) -> Iterator[Event]:
    """The newest ones that are there, then each that is committed, also late; `wait` says when to end."""
    last: Watermark | None = None
    while True:
        with conn.transaction():
            row: Any = conn.execute(statements.get("daemon", "transactions")).fetchone()
            since = watermark.recorded_since("xid", last) if last else sql.SQL("true")
            most = newest if last is None else None
            rows = conn.execute(outbox.query(since, most, newest_first=True)).fetchall()
        last = Watermark(Snapshot.parse(row["snapshot"], as_of=datetime.now(UTC)), None)
        yield from (outbox.event(one) for one in reversed(rows))
        if wait(PAUSE):
            return


def of_stream(broker: NatsBroker, newest: int, wait: Wait) -> Iterator[Event]:
    """The same of the stream; what is still in the outbox has not come by."""
    stream = broker.stream()
    at = max(stream.last - newest, stream.first - 1, 0)
    while True:
        batch = broker.read(at, newest)
        yield from (event for _, event in batch.messages if event is not None)
        at = batch.position
        if not batch.messages and wait(PAUSE):
            return
