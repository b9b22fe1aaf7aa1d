"""How far the source has come: which one it is, its clock and floor, the snapshot, and what of its log is durable."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app import errors, statements
from jobs.position import clock
from jobs.position.snapshot import Snapshot, position
from jobs.source import settings
from jobs.source.failures import translated
from jobs.source.settings import Connection

_DISK_PATIENCE = 60.0
# How often the server's clock is asked for at most, and the seconds within which an answer is good.
_QUESTIONS, _PROMPT = 3, 0.5


@dataclass(frozen=True)
class Identity:
    """Which source this is. A restored, cloned or failed-over one differs in at least one of the first three.

    `wal` is a position in its durable log, at or below everything that a snapshot taken later sees.
    """

    system_id: str
    timeline: int
    database_oid: int
    database: str
    standby: bool
    version: int
    wal: str


@dataclass(frozen=True)
class FloorReading:
    """What the floor is made of, read before the snapshot. Times are the server's.

    `hidden` sessions do not show this role when their transactions began, `silent` ones show it to nobody. `clocks` is
    `clock.reading` of the same moment.
    """

    clock: datetime
    oldest: datetime | None
    hidden: int
    prepared: int
    silent: int = 0
    clocks: dict[str, Any] = field(default_factory=dict)

    @property
    def advances(self) -> bool:
        """A prepared transaction, or one that does not show when it began, may stamp rows with any earlier time."""
        return not self.hidden and not self.silent and not self.prepared

    def candidate(self, margin: timedelta) -> datetime:
        """At or below the stamp of every row that a transaction unfinished now may still commit."""
        return min(self.clock, self.oldest or self.clock) - margin


def identity(conn: Connection) -> Identity:
    """Which cluster, timeline and database `conn` talks to."""
    return Identity(**one(conn, "identity"))


def read_floor(conn: Connection) -> FloorReading:
    """Read the clock, then the sessions, then the prepared transactions, each in a transaction of its own.

    The order is the rule of design §2: a transaction that begins after the clock was read stamps later than it;
    one that was running is among the sessions; one that was prepared in between is among the prepared.
    """
    server, clocks = _clocks(conn)
    sessions = one(conn, "sessions")
    pending = one(conn, "prepared")["pending"]
    return FloorReading(server, sessions["oldest"], sessions["hidden"], pending, sessions["silent"], clocks)


def _clocks(conn: Connection) -> tuple[datetime, dict[str, Any]]:
    """The server's clock, also beside this machine's; asked again where something held up the question or its answer.

    What a stall leaves unknown of the one clock against the other would hide as much of a step back.
    """
    answers = []
    for _ in range(_QUESTIONS):
        asked = clock.instant()
        server = one(conn, "clock")["clock"]
        answers.append((server, clock.reading(server, asked)))
        if clock.took(answers[-1][1]) < _PROMPT:
            return answers[-1]
    return min(answers, key=lambda one: clock.took(one[1]))


@contextmanager
def snapshot(conn: Connection, locked: Sequence[str] = (), *, standby: bool = False) -> Iterator[Snapshot]:
    """Take the snapshot of the transaction that is open on `conn`; but on a `standby`, other sessions may join it.

    The quoted tables `locked` are locked in it already, and whoever joins it has to lock them, too.
    """
    row = one(conn, "standby_snapshot" if standby else "snapshot")
    settings.check(conn, row["backend"])
    try:
        yield Snapshot.parse(
            row["snapshot"], as_of=row["as_of"], exported=row["exported"], wal=row["wal"], wal_end=row["wal_end"],
            locked=tuple(locked),
        )  # fmt: skip
    except errors.SourceUnavailable:
        # A reader whose session a standby ended knows only that it is gone; this one is told why.
        with translated():
            conn.execute(statements.get("session", "alive"))
        raise


def wait_until_durable(conn: Connection, wal_end: str, since: float) -> None:
    """Return once a crash of the server can't undo anything that a snapshot shows; `since` is when it was taken.

    A crash loses the log's end that is not on the disk: commits with synchronous_commit = off, and the ids of
    transactions that were rolled back, which are then given out a second time and would pass for ones already read.
    The WAL writer flushes both within three times its delay (PostgreSQL manual, "Asynchronous Commit"). What may
    stay behind on the last page belongs to transactions that still run, which the next run reads again.
    Raises `errors.SourceTimeout` where the disk holds it up for very much longer.
    """
    while wal_end:
        row = conn.execute(statements.get("source", "durable"), {"wal_end": wal_end}).fetchone()
        assert row is not None
        waited, longest = time.monotonic() - since, 3 * row["delay"] / 1000
        if row["done"] or (row["but_a_page"] and waited > longest):
            return
        if waited > longest + _DISK_PATIENCE:
            raise errors.SourceTimeout("the source does not get its log onto the disk", hint="look at its disk's load")
        time.sleep(0.01)


def is_durable(conn: Connection, seen: Snapshot) -> bool:
    """Whether a crash of the server can't undo anything that a snapshot shows, without a wait; a standby can't tell."""
    if not seen.wal_end:
        return False
    if position(seen.wal) >= position(seen.wal_end):
        return True
    row = conn.execute(statements.get("source", "durable"), {"wal_end": seen.wal_end}).fetchone()
    assert row is not None
    return bool(row["done"])


def one(conn: Connection, name: str) -> dict[str, Any]:
    """The only row of a block of sql/sync/source.sql."""
    row = conn.execute(statements.get("source", name)).fetchone()
    assert row is not None
    return row
