"""What a run knows of the source: connection, identity, floor and tables, all of it read in or before one snapshot."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from app import errors
from jobs import faults
from jobs.job import Job
from jobs.position.snapshot import Snapshot
from jobs.position.watermark import Watermark, next_floor
from jobs.source import catalogue, facts, locks, position, readiness
from jobs.source.catalogue import Listing, Relation
from jobs.source.connection import Connection, Source
from jobs.source.position import FloorReading, Identity
from jobs.source.spool import Spool
from jobs.tables import entries, patterns
from jobs.tables.origin import ORDINARY
from jobs.tables.table import Table

# How often the snapshot is taken again where tables come, go or are refreshed between the locks and it.
_ATTEMPTS = 4
# What LOCK takes: tables, partitioned ones, and views with all that lies below them.
_LOCKABLE = "rpv"


@dataclass
class SourceSession:
    """What a run knows of the source, all of it read in or before the one snapshot."""

    conn: Connection
    identity: Identity
    reading: FloorReading
    snapshot: Snapshot
    tables: list[Table]
    margin: timedelta
    failures: dict[str, errors.NeaptideError] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    taken: float = field(default_factory=time.monotonic)
    # What reads for all sessions where none may join the snapshot.
    spool: Spool | None = None
    # The source's clock beside this machine's, taken when the moment was: what is saved of it must be of one instant.
    clocks: dict[str, Any] = field(default_factory=dict)
    # Whether it is known already that a crash of the source can't undo what the snapshot shows.
    durable: bool = False

    def next_watermark(self, last: Watermark | None) -> Watermark:
        """The watermark a table has after this run."""
        floor = next_floor(
            last.floor if last else None, self.reading.candidate(self.margin), advances=self.reading.advances
        )
        return Watermark(self.snapshot, floor, self.identity.standby)

    def set_aside(self, failures: Mapping[str, errors.NeaptideError]) -> None:
        """Leave these tables as the file has them, each for its reason."""
        self.failures |= failures
        self.tables = [table for table in self.tables if table.name not in failures]

    def known(self) -> set[str]:
        """The run's tables, by their names in the file, ready or not."""
        return {*self.failures, *(table.name for table in self.tables)}

    def reasons(self) -> dict[str, str]:
        """Why tables were set aside, each in one line, by name."""
        return {
            name: f"{error.message} ({error.hint})" if error.hint else error.message
            for name, error in self.failures.items()
            if not isinstance(error, errors.Paused)
        }

    def paused(self) -> list[str]:
        """The tables that were set aside because an operator wants them as they are."""
        return [name for name, error in self.failures.items() if isinstance(error, errors.Paused)]

    def is_durable(self) -> bool:
        """Whether a crash of the source can't undo what the snapshot shows, without a wait."""
        return self.durable or position.is_durable(self.conn, self.snapshot)

    def wait_durable(self) -> None:
        """Wait until a crash of the source can't undo what the snapshot shows; before a file keeps any of it."""
        if self.durable:
            return
        position.wait_until_durable(self.conn, self.snapshot.wal_end, self.taken)


@contextmanager
def source_session(
    job: Job, wanted: tuple[str, ...] = (), guard: Callable[[Connection], object] = lambda _: None
) -> Iterator[SourceSession]:
    """Connect, read the floor, then open the snapshot that everything else is read in."""
    with Source.of(job).meet(guard) as (conn, identity):
        reading = position.read_floor(conn)
        faults.point("floor_read")
        with ExitStack() as stack:
            snapshot, listing = _seen(conn, job, stack, standby=identity.standby)
            listing = without_paused(job, listing)
            listing = select(listing, wanted)
            readiness.check_standby(identity, listing.tables)
            if identity.standby and not snapshot.guests:
                Source.of(job).give_pads(conn)
            yield SourceSession(
                conn, identity, reading, snapshot, listing.tables, job.settings.sync.margin, listing.failures,
                _warnings(reading, listing.tables), clocks=reading.clocks,
                spool=Spool(conn, job.files.link.parent) if identity.standby else None,
            )  # fmt: skip


def _seen(conn: Connection, job: Job, stack: ExitStack, *, standby: bool) -> tuple[Snapshot, Listing]:
    """The snapshot, open until `stack` is closed, and the tables in it; taken again where the schema moved meanwhile.

    Raises `errors.SchemaMoving` where it goes on moving.
    """
    for more in reversed(range(_ATTEMPTS)):
        with ExitStack() as attempt:
            try:
                seen = _looked(conn, job, attempt, standby=standby)
            except errors.SchemaMoving:
                if not more:
                    raise
            else:
                stack.enter_context(attempt.pop_all())
                return seen
    raise errors.SchemaMoving


def _looked(conn: Connection, job: Job, stack: ExitStack, *, standby: bool) -> tuple[Snapshot, Listing]:
    listed = lockable(conn, job)
    stack.enter_context(conn.transaction())
    return looked(conn, job, stack, listed, alone=standby)


def lockable(conn: Connection, job: Job) -> list[str]:
    """The quoted tables and views that are to be locked before the snapshot is taken; asked in a transaction before."""
    return [relation.quoted for relation in catalogue.reachable(conn, job.settings) if relation.kind in _LOCKABLE]


def looked(conn: Connection, job: Job, stack: ExitStack, listed: list[str], *, alone: bool) -> tuple[Snapshot, Listing]:
    """First the locks, then the snapshot, then what it shows of the tables; `alone`, for this session only."""
    locked, held = locks.take(conn, listed)
    snapshot = stack.enter_context(position.snapshot(conn, locked, standby=alone))
    touched: list[str] = []

    def hold(relations: list[Relation]) -> dict[int, errors.NeaptideError]:
        """The tables that somebody else holds. Raises `errors.SchemaMoving` for one that came after the locks."""
        known = {*locked, *held}
        if any(relation.quoted not in known for relation in relations if relation.kind in ORDINARY):
            raise errors.SchemaMoving("a table was made at this moment")
        later = {one.relid: one.quoted for one in relations if one.kind not in ORDINARY}
        names, away = locks.lock_late(conn, {relid: name for relid, name in later.items() if name not in held})
        touched.extend(names)
        return {
            one.relid: locks.held_by(conn, one.relid, one.name)
            for one in relations
            if one.quoted in held or one.relid in away
        }

    listing = catalogue.look(conn, job.settings, hold, memory(job))
    guests = any(table.runs_code for table in listing.tables)
    if alone and guests:
        _set_hashed_aside(listing)
    return replace(snapshot, touched=tuple(touched), guests=guests), listing


def _set_hashed_aside(listing: Listing) -> None:
    """A standby's one session runs the code of views: it is not given what masks are computed with."""
    for table in list(listing.tables):
        if "hash" in table.spec.mask.values():
            listing.tables.remove(table)
            listing.failures[table.name] = errors.ConfigError(
                f'{table.source_name} is masked by "hash": a standby reads it in one session with views, whose owners'
                " could learn the key there",
                hint="leave the views to another config, or read from the primary",
            )


def memory(job: Job) -> facts.Memory | None:
    """What a process that runs often remembers of the catalogue."""
    if job.sessions is None:
        return None
    if job.sessions.catalogue is None:
        job.sessions.catalogue = facts.Memory()
    memory: facts.Memory = job.sessions.catalogue
    return memory


def without_paused(job: Job, listing: Listing) -> Listing:
    """Paused tables are left as they are, whatever else may be wrong with them."""
    paused = entries.paused(job)
    names = {one.name for one in listing.tables if one.spec.paused or paused & {one.name, one.source_name}}
    names |= paused & listing.failures.keys()
    if not names:
        return listing
    reasons = {name: errors.Paused(f"{name} is paused", hint=f"neaptide resume {name}") for name in names}
    return Listing([table for table in listing.tables if table.name not in names], {**listing.failures, **reasons})


def select(listing: Listing, wanted: tuple[str, ...]) -> Listing:
    """Those of `wanted`, by their names in the source or the file, or all.

    Raises `errors.ConfigError` for a name that isn't among them, and `errors.MissingTable` where the source has none.
    """
    if not (listing.tables or listing.failures):
        raise errors.MissingTable(
            "no table of the source is meant by the config's patterns",
            hint="correct the names of the [[tables]], or see what this role may see: neaptide init -o other.toml",
        )
    names = {table.name: {table.name, table.source_name} for table in listing.tables} | {
        n: {n} for n in listing.failures
    }
    unknown = sorted(set(wanted) - {name for both in names.values() for name in both})
    if unknown:
        raise patterns.unknown(unknown[0], names)
    if not wanted:
        return listing
    return Listing(
        [table for table in listing.tables if names[table.name] & {*wanted}],
        {name: error for name, error in listing.failures.items() if name in wanted},
    )


def _warnings(reading: FloorReading, tables: list[Table]) -> list[str]:
    warnings: list[str] = []
    if not any(table.mode.by_clock for table in tables):
        return warnings
    if reading.hidden:
        warnings.append(
            f"{reading.hidden} sessions of other roles hide when their transactions began: the floor stays where it is"
            " and each run reads more of the index; GRANT pg_read_all_stats TO the reading role"
        )
    if reading.silent:
        warnings.append(
            f"{reading.silent} sessions don't show when their transactions began, since track_activities is off for"
            " them: the floor stays where it is and each run reads more of the index; set track_activities = on for"
            " their roles"
        )
    if reading.prepared:
        warnings.append(
            f"{reading.prepared} prepared transactions are pending: the floor stays where it is until they are ended"
        )
    return warnings
