"""Opens the log for a run: what its tables lack, the slot, and the stream, read until the run's snapshot is reached."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg

from app import errors, redaction, statements
from jobs.beside import identity
from jobs.feeds.wal.feed import WalFeed
from jobs.feeds.wal.reader import LogReader
from jobs.feeds.wal.stream import text
from jobs.job import Job
from jobs.position.snapshot import position
from jobs.source import slots
from jobs.source.connection import Source
from jobs.source.failures import translate
from jobs.source.session import SourceSession
from jobs.source.slots import Slot
from jobs.tables.commits import COMMITS
from jobs.tables.published import Publication

# What ends a session and says nothing of the log: no connection, no room for one, somebody's wish.
_AWAY = ("08", "53", "57")
# How often the stream may end at one position before the slot is made anew.
_TRIES = 2
# A slot waits for the transactions that are running, and while it is made anew no other table is brought up to date.
_MAKING = {"statement_timeout": "30000", "lock_timeout": "0"}
# How often a slot that is read is looked at for what it holds of the log, in seconds.
_LOOK = 1.0
# What refuses a login that is to replicate, in any version's spelling.
_NO_SENDER = "startwalsender"
Guard = Callable[[psycopg.Connection[Any]], object]


def opened(job: Job, now: SourceSession, guard: Guard) -> WalFeed | None:
    """The feed, caught up with the snapshot; None where no table needs it, or none can have it.

    Tables that it can't tell of are set aside, each with the reason. Raises `errors.SchemaMoving` where the slot was
    made anew, which takes a new snapshot.
    """
    tables = [table for table in now.tables if table.mode.from_log]
    if not tables:
        if job.settings.reads_log and now.paused():
            # Nobody reads the slot of tables that are paused, all of them, and the server holds its log for them.
            slot = slots.read(now.conn, job.files.slot)
            _note(job, slot, anew=_is_to_be_made(job, slot))
        return None
    try:
        publication = _published(job, now)
        if all(table.lack for table in now.tables if table.mode.from_log):
            _slot(job, now)
            return None
        return _followed(job, now, publication, guard) or _caught_up(job, now, _slot(job, now), publication, guard)
    except errors.SchemaMoving:
        raise
    except errors.NeaptideError as error:
        now.set_aside({table.name: error for table in tables})
        return None


def check(job: Job, now: SourceSession) -> tuple[Slot, Publication]:
    """The slot and the publication; what tables lack is said of each. Raises `errors.NotTracked` for want of a slot."""
    publication, slot = _published(job, now), slots.read(now.conn, job.files.slot)
    _check(slot)
    return slot, publication


def _published(job: Job, now: SourceSession) -> Publication:
    tables = [table for table in now.tables if table.mode.from_log]
    publication = slots.publication(now.conn, job.files.slot, tables)
    now.warnings += _keyless(now, publication)
    now.tables = [publication.checked(table) for table in now.tables]
    return publication


def _slot(job: Job, now: SourceSession) -> Slot:
    """The slot, made anew where it can't be read any more, and a note of it beside the file."""
    slot = slots.read(now.conn, job.files.slot)
    anew = _is_to_be_made(job, slot)
    _note(job, slot, anew=anew)
    if anew:
        _renew(job, slot)
    _check(slot)
    return slot


def _keyless(now: SourceSession, publication: Publication) -> list[str]:
    return [
        f"{table.source_name} has no key any more and is still published, so PostgreSQL refuses to update it:"
        " run `neaptide track`"
        for table in now.tables
        if not table.source_key and table.relid in publication.versions
    ]


def _check(slot: Slot) -> None:
    problem = slot.problem()
    if problem:
        raise problem


def _followed(job: Job, now: SourceSession, publication: Publication, guard: Guard) -> WalFeed | None:
    """With the reader that is kept; None where its connection is gone, or its slot is to be looked at again.

    While a slot is read nobody can drop it, and who reads one that is lost is told so.
    """
    known = _open_reader(job)
    if known is None or time.monotonic() - known.looked > _LOOK:
        return None
    return _with_reader(job, known, now, publication, guard)


def _with_reader(
    job: Job, known: LogReader, now: SourceSession, publication: Publication, guard: Guard
) -> WalFeed | None:
    with suppress(psycopg.Error, OSError):
        return _reached(job, known, now, publication, guard)
    known.close()
    return None


def _caught_up(job: Job, now: SourceSession, slot: Slot, publication: Publication, guard: Guard) -> WalFeed:
    """With the reader that is kept, or with a new one where that one's connection is gone."""
    known = _open_reader(job)
    if known is not None:
        known.looked = time.monotonic()
        feed = _with_reader(job, known, now, publication, guard)
        if feed is not None:
            return feed
    try:
        start = slot.confirmed
        reader = LogReader(Source.of_owner(job), slot.name, start, lambda: _let_go(job, slot), job.files.link.parent)
        if job.sessions is not None:
            job.sessions.log = reader
        return _reached(job, reader, now, publication, guard)
    except psycopg.Error as error:
        raise _explained(job, slot, error) from error


def _open_reader(job: Job) -> LogReader | None:
    """The reader of an earlier run of this process."""
    reader: LogReader | None = job.sessions.log if job.sessions is not None else None
    if reader is None or reader.broken or reader.slot != job.files.slot:
        return None
    return reader


def _reached(job: Job, reader: LogReader, now: SourceSession, publication: Publication, guard: Guard) -> WalFeed:
    guard(reader.session)
    reader.want(
        {relid: table.source_key for table in now.tables if table.mode.from_log for relid in publication.holders(table)}
    )
    reader.keep(
        {
            relid: {info.name: info.name not in table.spec.mask for info in table.copied}
            for table in now.tables
            if table.mode.from_log and table.spec.history == COMMITS
            for relid in publication.holders(table)
        }
    )
    end = position(now.snapshot.wal_end)
    reader.catch_up(end, _Goal(job, now).lower)
    # The server sends only what is on its disk.
    now.durable = reader.received >= end
    return WalFeed(reader, publication, reader.reach(now.snapshot))


class _Goal:
    """What is waited for: only what is on the disk is sent, and others may have written on the last page long ago."""

    def __init__(self, job: Job, now: SourceSession) -> None:
        self._job, self._now, self._pushed = job, now, False

    def lower(self, goal: int) -> int:
        """What is left to wait for: no commit lies on the last page once the WAL writer has had its time."""
        row = self._now.conn.execute(statements.get("source", "durable"), {"wal_end": text(goal)}).fetchone()
        assert row is not None
        if row["done"] or not row["but_a_page"]:
            return goal
        if time.monotonic() - self._now.taken > 3 * row["delay"] / 1000:
            flushed = self._now.conn.execute(statements.get("wal", "flushed")).fetchone()
            assert flushed is not None
            return min(goal, position(flushed["position"]))
        self._push()
        return goal

    def _push(self) -> None:
        """Have the server write its log to the disk: for a transaction that is left open it would take its time."""
        if self._pushed:
            return
        self._pushed = True
        with suppress(psycopg.Error, errors.NeaptideError), Source.of_owner(self._job).open("neaptide log") as conn:
            conn.execute(slots.pushing(conn.info.server_version).encode())


def _let_go(job: Job, slot: Slot) -> bool:
    with Source.of_owner(job).open("neaptide slot") as conn:
        return slots.take_over(conn, slot.name)


def _renew(job: Job, slot: Slot) -> None:
    """Make the slot anew. Raises `errors.SchemaMoving`: what was seen is older than the new slot."""
    try:
        with Source.of_owner(job).open("neaptide slot", _MAKING) as conn:
            slots.drop(conn, slot.name)
            slots.make(conn, slot.name)
    except psycopg.errors.QueryCanceled as error:
        raise errors.SourceTimeout(
            f"the replication slot {slot.name} can't be made anew while transactions go on for so long",
            hint="end them, or wait for them: the next run tries again",
        ) from error
    except psycopg.Error as error:
        raise translate(error) from error
    raise errors.SchemaMoving(f"the replication slot {slot.name} was made anew")


def _fails(job: Job, slot: Slot) -> bool:
    """Whether the stream has ended with an error at this position again and again."""
    return _times(job.files.read(identity.slot_note(job.files.part)), slot) >= _TRIES


def _is_to_be_made(job: Job, slot: Slot) -> bool:
    """Whether a slot of ours can't be read any more, or was dropped by a run that could not make it anew."""
    if slot.wal_level != "logical":
        return False
    if slot.there:
        return slot.ours and (slot.lost or _fails(job, slot))
    noted = job.files.read(identity.slot_note(job.files.part))
    return noted.get("anew") is True and noted.get("slot") == slot.name


def _explained(job: Job, slot: Slot, error: psycopg.Error) -> errors.NeaptideError:
    """The error to show; one that the log itself is to blame for is noted beside the file."""
    if isinstance(error, psycopg.errors.InsufficientPrivilege) or _NO_SENDER in str(error).lower().replace(" ", ""):
        return slots.denied(error)
    if isinstance(error, psycopg.errors.ObjectInUse):
        return errors.NotTracked(
            f"the replication slot {slot.name} is read by somebody else: {redaction.bare(str(error).strip())}",
            hint="end that session",
        )
    if error.sqlstate is None or error.sqlstate.startswith(_AWAY):
        return translate(error)
    _note(job, slot, failed=True)
    line = redaction.bare(str(error).strip().split("\n")[0])
    return errors.SourceUnavailable(
        f"the log can't be read: {line}", hint="if it fails again, the slot is made anew and its tables are copied"
    )


def _times(noted: dict[str, Any], slot: Slot) -> int:
    """How often the stream has ended with an error at the position that is confirmed."""
    times = noted.get("times") if noted.get("failed") == text(slot.confirmed) else 0
    return times if isinstance(times, int) else 0


def _note(job: Job, slot: Slot, *, failed: bool = False, anew: bool = False) -> None:
    """Leave beside the file what `status` says of the slot, whether it fails, and whether it is to be made anew.

    Who can't write there can't sync either, and is told so elsewhere.
    """
    times = _times(job.files.read(identity.slot_note(job.files.part)), slot) + failed
    content = {"slot": slot.name, "held": slot.held, "safe": slot.safe, "status": slot.status or slots.GONE}
    content |= {"anew": True} if anew else {}
    content |= {"failed": text(slot.confirmed), "times": times} if times else {}
    with suppress(OSError, errors.NeaptideError):
        job.files.note(identity.slot_note(job.files.part), content)
