"""Hands events on from the outbox to the broker: published, confirmed, and only then deleted.

What is in the outbox has not been confirmed yet, so there is no position that a transaction which commits late could be
behind. A relay that dies after the confirmation publishes the same again: the broker knows an event by its id, and to
read a key twice does no harm.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog

from app import errors, statements
from jobs import faults
from jobs.backoff import Backoff, Reporter, until_reached
from jobs.broker import outbox
from jobs.broker.port import Broker, Event
from jobs.source.failures import translated

if TYPE_CHECKING:
    from jobs.source.connection import Connection, Source

BATCH = 500
PAUSE = 0.05
Wait = Callable[[float], bool]


def relay_once(conn: Connection, broker: Broker) -> int:
    """Hand on one batch; the number of events. Raises `errors.BrokerUnavailable`, and nothing is deleted then."""
    events = outbox.OutboxBroker(conn).read(0, BATCH).messages
    batch = [event for _, event in events if event is not None]
    if not batch:
        return 0
    broker.publish(batch)
    faults.point("relay_confirmed")
    _forget(conn, batch)
    faults.point("relay_deleted")
    return len(batch)


def drain(source: Source, broker: Broker) -> int:
    """Hand on what is there now; the number of events. Raises `errors.LockHeld` where another relay is at work."""
    with translated(), source.open("neaptide relay") as conn:
        outbox.check(conn)
        if not _takes_turn(conn):
            raise errors.LockHeld("another relay is at work", hint="wait for it: it hands on what there is")
        total = 0
        while count := relay_once(conn, broker):
            total += count
        return total


def relay(source: Source, broker: Broker, wait: Wait, counted: Callable[[int], None] = lambda _: None) -> None:
    """Hand on whatever comes, until `wait` says to end. One relay does it at a time; others stand by.

    A source or a broker that is away is waited for; that is told once, and then rarely, and its end.
    """
    reach = _Reach()
    while not wait(0):
        try:
            with translated(), source.open("neaptide relay") as conn:
                outbox.check(conn)
                _relaying(conn, broker, wait, counted, reach)
        except errors.NeaptideError as error:
            if wait(reach.failed(error)):
                return


def _relaying(conn: Connection, broker: Broker, wait: Wait, counted: Callable[[int], None], reach: _Reach) -> None:
    while not wait(0) and not _takes_turn(conn):
        wait(1.0)
    while not wait(0):
        count = relay_once(conn, broker)
        reach.worked()
        if count:
            counted(count)
        elif wait(PAUSE):
            break


class _Reach:
    """Whether both ends are there, told when that changes."""

    def __init__(self) -> None:
        self._backoff, self._told, self._log = Backoff(), Reporter(), structlog.get_logger()

    def failed(self, error: errors.NeaptideError) -> float:
        """One of them is away; how many seconds to leave it alone."""
        pause = until_reached(self._backoff, error).total_seconds()
        trouble = self._told.failed(error.message, datetime.now(UTC), time.monotonic())
        if trouble is not None:
            self._log.warning(
                f"events are not handed on, and stay in the outbox: {error.message}",
                action="relay_failed", hint=error.hint, failures=trouble.count, since=trouble.since.isoformat(),
                next_attempt_in=pause,
            )  # fmt: skip
        return pause

    def worked(self) -> None:
        """Both are there."""
        self._backoff.succeeded()
        over = self._told.succeeded()
        if over is not None:
            self._log.info(
                "events are handed on again", action="recovered", failures=over.count, since=over.since.isoformat(),
                was=over.message,
            )  # fmt: skip


def _takes_turn(conn: Connection) -> bool:
    row = conn.execute(statements.get("outbox", "take_relay")).fetchone()
    return bool(row and row["taken"])


def _forget(conn: Connection, batch: Sequence[Event]) -> None:
    """And note it, for those who read the outbox itself."""
    numbers: list[Any] = [event.seq for event in batch]
    with conn.transaction():
        conn.execute(statements.get("outbox", "delete"), {"numbers": numbers})
