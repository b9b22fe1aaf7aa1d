"""Where each table's changes come from, how far the file has them, and what stands in the way; PostgreSQL is asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from app import errors, statements
from jobs.job import Job
from jobs.record.state import Saved
from jobs.source import catalogue, position, readiness, slots
from jobs.source.connection import Connection, Source
from jobs.source.failures import translated
from jobs.status import loghold
from jobs.tables.table import Table
from jobs.targets.file import work


@dataclass(frozen=True)
class Fed:
    """One table: its feed, since when the file has all of it, and what stands in the way, with the next step.

    `source` is the name of one of several.
    """

    table: str
    feed: str
    as_of: datetime | None = None
    place: str = ""
    problem: str = ""
    hint: str = ""
    source: str = ""


@dataclass(frozen=True)
class Held:
    """A slot of Neaptide's in this database; `ours` where it is this target's. `held` is in bytes."""

    slot: str
    status: str
    active: bool
    held: int
    ours: bool
    source: str = ""


@dataclass(frozen=True)
class Feeds:
    """All of it."""

    tables: tuple[Fed, ...]
    slots: tuple[Held, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def is_bad(self) -> bool:
        """Whether something needs doing."""
        return bool(self.problems) or any(table.problem for table in self.tables)

    def as_dict(self) -> dict[str, Any]:
        """The shape of `--json`."""
        return asdict(self)


def read(job: Job) -> Feeds:
    """Look at both sides; nothing is changed. Of several sources one that is away leaves what the others say."""
    if not job.parts:
        return _read(job)
    feeds = [_of_part(part) for part in job.parts]
    left = [complaint for name in loghold.each(job).keys() - job.names for complaint in loghold.complaints(job)[name]]
    return Feeds(
        tuple(table for one in feeds for table in one.tables),
        tuple(held for one in feeds for held in one.slots),
        (*(problem for one in feeds for problem in one.problems), *left),
    )


def _of_part(part: Job) -> Feeds:
    try:
        feeds = _read(part)
    except errors.NeaptideError as error:
        failure = part.named(error)
        return Feeds((), problems=(f"{failure.message}\n  -> {failure.hint}" if failure.hint else failure.message,))
    return Feeds(
        tuple(replace(one, source=part.part) for one in feeds.tables),
        tuple(replace(one, source=part.part) for one in feeds.slots),
        tuple(f"{part.called}: {problem}" for problem in feeds.problems),
    )


def _read(job: Job) -> Feeds:
    saved = work.peek(job).tables
    with translated(), Source.of(job).connect(application="neaptide feed") as conn, conn.transaction():
        tables, troubles = looked(job, conn)
        held = () if position.identity(conn).standby else _held(job, conn)
    names = [table.name for table in tables]
    fed = [_fed(table, saved.get(table.name), troubles.get(table.name)) for table in tables]
    fed += [_unread(name, "", error) for name, error in troubles.items() if name not in names]
    problems = loghold.problems(loghold.read(job.files), followed=job.settings.reads_log)
    return Feeds(tuple(fed), held, (*problems, *_strangers(held)))


def looked(job: Job, conn: Connection) -> tuple[list[Table], dict[str, errors.NeaptideError]]:
    """The config's tables that are there, and what keeps each from being followed."""
    listing = catalogue.look(conn, job.settings)
    logged = [table for table in listing.tables if table.mode.from_log]
    problem = trouble(job, conn) if logged else None
    if logged and not problem:
        publication = slots.publication(conn, job.files.known_slot, logged)
        listing.tables = [publication.checked(table) for table in listing.tables]
    troubles = listing.failures | readiness.check_tracked(conn, listing.tables)
    return listing.tables, troubles | ({table.name: problem for table in logged} if problem else {})


def trouble(job: Job, conn: Connection) -> errors.NeaptideError | None:
    """Why the log can't be read for this target, with the next step."""
    if position.identity(conn).standby:
        return errors.NotTracked("the source is a hot standby, whose log is not read", hint="read from the primary")
    slot = slots.read(conn, job.files.known_slot)
    if slot.wal_level == "logical" and not job.files.known_slot:
        return errors.NotTracked("this target has no replication slot yet", hint="run `neaptide track`")
    role = may_replicate(job)
    if not role["may"]:
        return errors.AccessDenied(
            f"role {role['name']} may not replicate", hint="ALTER ROLE … REPLICATION for that role"
        )
    if slot.lost:
        return errors.NotTracked(
            f"the slot {slot.name} is lost: the server has forgotten what it was to hold",
            hint="run `neaptide feed resync`, or wait for the next run, which makes it anew and copies its tables",
        )
    return slot.problem()


def may_replicate(job: Job) -> dict[str, Any]:
    """Whether the log may be read, by the role that does so, and whether there is one to read."""
    with translated(), Source.of_owner(job).connect(application="neaptide feed") as conn:
        row = conn.execute(statements.get("wal", "may_replicate")).fetchone()
    assert row is not None
    return row


def feed_of(table: Table) -> str:
    """As the config names it."""
    if table.mode.from_log:
        return "wal"
    return "events" if table.from_events else "watermark"


def _fed(table: Table, saved: Saved | None, error: errors.NeaptideError | None) -> Fed:
    fed = _unread(table.name, feed_of(table), error)
    if saved is None:
        return fed
    watermark = saved.watermark
    place = watermark.log.split(" ")[0] if table.mode.from_log and watermark.log else watermark.snapshot.text
    return Fed(fed.table, fed.feed, watermark.snapshot.as_of, place, fed.problem, fed.hint)


def _unread(name: str, feed: str, error: errors.NeaptideError | None) -> Fed:
    return Fed(name, feed, problem=error.message if error else "", hint=(error.hint or "") if error else "")


def _held(job: Job, conn: Connection) -> tuple[Held, ...]:
    rows = conn.execute(statements.get("wal", "slots")).fetchall()
    ours, others = job.files.known_slot, job.known_slots
    rows = [row for row in rows if row["name"] == ours or row["name"] not in others]
    return tuple(Held(row["name"], row["status"], row["active"], row["held"] or 0, row["name"] == ours) for row in rows)


def _strangers(held: Iterable[Held]) -> list[str]:
    """What is held for targets that may be gone: nobody but their owner can know."""
    return [
        f"the slot {one.slot} is of another target and has no reader; {loghold.size(one.held)} of log are kept for it:"
        f" if that target is gone, SELECT pg_drop_replication_slot('{one.slot}')"
        for one in held
        if not (one.ours or one.active)
    ]
