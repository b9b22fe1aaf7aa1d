"""What to read next and which watermark follows. Pure: no database, no clock.

The boundary rule (design §2), inclusive on both sides:

    stamp >= floor  AND  age(xmin) <= age(last snapshot's xmin)

- Ties: a row stamped exactly at the floor is read (`>=`), perhaps again; the upsert makes that harmless.
- Late commits: a transaction unfinished at the last snapshot has an id at or above that snapshot's xmin, so its rows
  pass the second test whenever they commit; and it began at or after the floor's moment, so they pass the first.
- Savepoints: a subtransaction's id is above its parent's. `pg_visible_in_snapshot(xmin, …)` would be wrong for them.
- NULL stamps never pass; the trigger lets none in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import sql

from jobs.position.snapshot import Snapshot

# A stamp without a zone was written in whatever zone the writer's session had: UTC-12 to UTC+14.
ZONE_SPREAD = timedelta(hours=14)
# A stamp type of less than microseconds rounds, at most by half of its coarsest step, a second.
ROUNDING = timedelta(seconds=1)


@dataclass(frozen=True)
class Watermark:
    """How far one table has been read: the snapshot, the floor on its stamps, and whether a standby gave it.

    `floor` is None while no floor is known to be safe: then only the second test picks the rows. `log` is of a table
    whose changes come from the log: a position below which the snapshot sees all, and what the log told of it then.
    """

    snapshot: Snapshot
    floor: datetime | None
    standby: bool = False
    log: str = ""


@dataclass(frozen=True)
class Stamp:
    """The column that says when (or in which transaction) a row was written."""

    column: str
    mode: str
    zoned: bool = True
    rounded: bool = False

    @property
    def by_xid(self) -> bool:
        """Whether it holds the id of the transaction that wrote the row, and no moment."""
        return self.mode == "xid"

    @property
    def unzoned(self) -> bool:
        """Whether it is a moment that says nothing of its zone."""
        return not (self.by_xid or self.zoned)


def next_floor(last: datetime | None, candidate: datetime, *, advances: bool) -> datetime | None:
    """The floor to save. While something hides its beginning it does not rise.

    It does sink: a clock that steps back within the margin, twice, would else have rows stamped below it.
    """
    if advances:
        return candidate
    return None if last is None else min(last, candidate)


def includes(since: Watermark, base: Watermark) -> bool:
    """Whether what is read since the one holds all that a file at the other lacks."""
    if since == base:
        return True
    lower = since.floor is None or (base.floor is not None and since.floor <= base.floor)
    return lower and base.snapshot.sees_all_of(since.snapshot)


def needs_reload(last: Watermark, now: Snapshot, *, by_clock: bool) -> bool:
    """True where neither test of the rule can be applied: `age` has wrapped and there is no floor."""
    return by_clock and last.floor is None and not now.age_is_safe(last.snapshot)


def clock_stepped_back(saved: datetime, clock: datetime, elapsed: timedelta | None, margin: timedelta) -> bool:
    """Whether the server's clock lies further back than the margin covers.

    `elapsed` is the time a clock that can't be set says has gone by since `saved`, where one is known.
    """
    expected = saved + (elapsed or timedelta())
    return clock < expected - margin


def changed_rows(stamp: Stamp, last: Watermark, now: Snapshot) -> sql.Composable:
    """The condition that picks the rows written since `last`, in PostgreSQL's SQL."""
    column = sql.Identifier(stamp.column)
    if stamp.by_xid:
        return _by_xid(column, last)
    tests = []
    if last.floor is not None:
        tests.append(sql.SQL("{} >= {}").format(column, _floor_literal(stamp, last.floor)))
    if now.age_is_safe(last.snapshot):
        tests.append(sql.SQL("age(xmin) <= age({}::xid)").format(sql.Literal(str(last.snapshot.xmin % 2**32))))
    return sql.SQL(" AND ").join(tests)


def recorded_since(column: str, last: Watermark) -> sql.Composable:
    """The condition on an xid8 column that holds the id of a whole transaction, never of a subtransaction.

    Each is read exactly once: at or above the last xmin, and not visible then. A standby's snapshot does not list
    what was running, so after one the second half is left out and some are read again.
    """
    return _by_xid(sql.Identifier(column), last)


def _by_xid(column: sql.Composable, last: Watermark) -> sql.Composable:
    lowest = sql.SQL("{} >= {}::xid8").format(column, sql.Literal(str(last.snapshot.xmin)))
    if last.standby:
        return lowest
    unseen = sql.SQL("NOT pg_visible_in_snapshot({}, {}::pg_snapshot)").format(column, sql.Literal(last.snapshot.text))
    return sql.SQL("{} AND {}").format(lowest, unseen)


def _floor_literal(stamp: Stamp, floor: datetime) -> sql.Composable:
    if stamp.rounded:
        floor -= ROUNDING
    if stamp.zoned:
        return sql.SQL("{}::timestamptz").format(sql.Literal(floor.isoformat()))
    lowest = (floor - ZONE_SPREAD).replace(tzinfo=None) - (floor.utcoffset() or timedelta())
    return sql.SQL("{}::timestamp").format(sql.Literal(lowest.isoformat()))
