"""What is looked at on the server: settings, rights, room for sessions, clock, old transactions, slots, the tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from app import errors, statements
from jobs import quoting
from jobs.doctor import check
from jobs.doctor.check import Check
from jobs.init.choice import size
from jobs.job import Job
from jobs.source import position, readiness
from jobs.source.connection import Connection, Source
from jobs.source.failures import translated
from jobs.source.position import Identity
from jobs.source.settings import Session
from jobs.status import feeding
from jobs.tracking import install, purge

# Sessions of a daemon beside those of its runs: the one with its lock, and one that looks at the catalogue.
_BESIDE = 2
_OLDEST, _OFF = timedelta(hours=1), timedelta(minutes=1)
_MUCH = 2**30
# PostgreSQL refuses to write from about 2.1 thousand million on.
_XIDS = 1_500_000_000
_OLD_SERVER = 140000


def found(job: Job) -> Iterator[Check]:
    """All of it; where the server can't be reached, that and nothing else."""
    with Source.of(job).connect(application="neaptide doctor") as conn:
        identity = position.identity(conn)
        for name, look in (
            ("server", partial(_server, conn)), ("role", partial(_role, conn)),
            ("pooler", partial(_pooler, conn)), ("sessions", partial(_sessions, job, conn)),
            ("clock", partial(_clock, conn)), ("transactions", partial(_transactions, conn)),
            ("slots", partial(_slots, job, conn)),
            ("tables", partial(_tables, job, conn, identity)), ("tombstones", partial(_tombstones, job, conn)),
        ):  # fmt: skip
            yield from check.guarded(name, partial(_asked, conn, look))
    yield from check.guarded("track", partial(_tracked, job, identity))


def _asked(conn: Connection, look: Any) -> Iterator[Check]:
    """One look in a transaction of its own."""
    with translated(), conn.transaction():
        yield from look()


def _server(conn: Connection) -> Iterator[Check]:
    at = _one(conn, "server")
    sentence = f"PostgreSQL {at['version']}{', a hot standby' if at['standby'] else ''}"
    if at["number"] < _OLD_SERVER:
        yield check.fail("server", sentence, "Neaptide needs PostgreSQL 14 or later")
    else:
        yield check.ok("server", sentence)
    yield from (check.warn("server", message, hint) for bad, message, hint in _settings(at) if bad)


def _settings(at: dict[str, Any]) -> list[tuple[bool, str, str]]:
    """Which settings are bad, what of it, and what to do."""
    return [
        (not at["fsync"], "fsync is off: a crash may leave a database that is not what it was", "set fsync = on"),
        (not at["track_activities"], "track_activities is off: the floor stays where it is", "set it to on"),
        (at["ends_snapshots"], "old_snapshot_threshold ends long reads", "set old_snapshot_threshold = -1"),
        (at["encoding"] == "SQL_ASCII", "the encoding is SQL_ASCII: texts may be no UTF-8", 'see rules = "bytes"'),
        (
            at["standby"] and not at["hot_standby_feedback"],
            "hot_standby_feedback is off: the primary may end a run", "set hot_standby_feedback = on on the standby",
        ),
        (at["xid_age"] > _XIDS, f"the oldest transaction id is {at['xid_age']:,} behind", "let VACUUM FREEZE run"),
    ]  # fmt: skip


def _role(conn: Connection) -> Iterator[Check]:
    role = _one(conn, "role")
    if role["super"]:
        sentence = f"{role['name']} is a superuser: whatever owners of tables have put in its way runs with all rights"
        yield check.warn("role", sentence, "give the reading role no more than SELECT on the tables")
    elif not role["reads_all_stats"]:
        sentence = f"{role['name']} does not see when others' transactions began: the floor may stay where it is"
        yield check.warn("role", sentence, f"GRANT pg_read_all_stats TO {quoting.identifier(role['name'])}")
    else:
        yield check.ok("role", f"{role['name']}, who reads")


def _pooler(conn: Connection) -> Iterator[Check]:
    """What lies between: one that does transaction pooling is refused with the first connection."""
    between = isinstance(conn, Session) and conn.backend != conn.info.backend_pid
    yield check.ok("pooler", "one with session pooling, which will do" if between else "none lies between")


def _sessions(job: Job, conn: Connection) -> Iterator[Check]:
    """Whether a run and a daemon get theirs."""
    at, needed = _one(conn, "connections"), job.settings.source.max_connections + _BESIDE
    room = min(
        at[f"{what}_limit"] - at[f"{what}_used"] for what in ("role", "database", "server") if at[f"{what}_limit"] >= 0
    )
    sentence = f"room for {max(room, 0)} more, a run and a daemon take up to {needed}"
    if room < needed:
        yield check.warn(
            "sessions", sentence, "lower [source] max_connections, or raise the limit of the role or the server"
        )
    else:
        yield check.ok("sessions", sentence)


def _clock(conn: Connection) -> Iterator[Check]:
    """Both clocks at one instant; ages go by the server's, schedules and logs by this machine's."""
    before, theirs, after = datetime.now(UTC), position.one(conn, "clock")["clock"], datetime.now(UTC)
    apart = max(before - theirs, theirs - after, timedelta()).total_seconds()
    sentence = f"the server's and this machine's are {apart:.1f} s apart"
    if apart > _OFF.total_seconds():
        yield check.warn("clock", sentence, "have both kept right (chrony, systemd-timesyncd)")
    else:
        yield check.ok("clock", sentence)


def _transactions(conn: Connection) -> Iterator[Check]:
    """What holds the floor back."""
    pending, oldest = _one(conn, "pending"), _maybe(conn, "oldest_transaction")
    if pending["pending"]:
        sentence = f"{pending['pending']} prepared, the oldest for {_age(pending['seconds'])}: the floor waits for it"
        yield check.warn(
            "transactions", sentence, f"COMMIT PREPARED or ROLLBACK PREPARED {quoting.literal(pending['gid'])}"
        )
    if oldest and oldest["seconds"] > _OLDEST.total_seconds():
        who = f"process {oldest['pid']} of {oldest['role']} {oldest['application']}".strip()
        sentence = f"{who} has one open for {_age(oldest['seconds'])}: the floor and vacuum wait for it"
        yield check.warn(
            "transactions", sentence, f"find out what it does: SELECT pg_terminate_backend({oldest['pid']})"
        )
    elif not pending["pending"]:
        yield check.ok("transactions", "none is open for long")


def _slots(job: Job, conn: Connection) -> Iterator[Check]:
    """Log that the server keeps for readers who don't come."""
    ours, others = job.files.known_slot, job.known_slots
    rows = conn.execute(statements.get("doctor", "slots")).fetchall()
    rows = [row for row in rows if row["name"] == ours or row["name"] not in others]
    if not rows:
        yield check.ok("slots", "none without a reader")
    for row in rows:
        sentence = f"{row['name']} has no reader; {size(int(row['held'] or 0))} of log are kept for it"
        level = check.FAIL if (row["held"] or 0) > _MUCH else check.WARN
        hint = f"if nobody comes back: SELECT pg_drop_replication_slot('{row['name']}')"
        if row["name"] == ours:
            sentence, hint = f"{sentence}, until the next run of this target", "let the sync run, or `neaptide untrack`"
        yield Check("slots", level, sentence, hint)


def _tables(job: Job, conn: Connection, identity: Identity) -> Iterator[Check]:
    """Why tables of the config can't be copied, each by name."""
    tables, failures = feeding.looked(job, conn)
    for name, error in failures.items():
        yield check.fail("tables", f"{name}: {error.message}", error.hint)
    readiness.check_standby(identity, tables)
    count = len([table for table in tables if table.name not in failures])
    if count:
        yield check.ok("tables", f"{count} can be copied")


def _tombstones(job: Job, conn: Connection) -> Iterator[Check]:
    """How many deleted keys are kept, and whether anybody deletes the oldest."""
    row = purge.size(conn)
    if row is None or not readiness.tombstones_readable(conn):
        yield check.ok("tombstones", "there are none here")
        return
    oldest, retention = _maybe(conn, "oldest_tombstone"), job.settings.sync.tombstone_retention
    sentence = f"about {row['rows']:,} deleted keys, {size(row['bytes'])}"
    if oldest and oldest["seconds"] > (2 * retention + timedelta(hours=2)).total_seconds():
        sentence += f", the oldest for {_age(oldest['seconds'])} although [sync] tombstone_retention is {retention}"
        yield check.warn(
            "tombstones", sentence,
            hint="GRANT SELECT, DELETE ON neaptide.tombstone and SELECT, INSERT, UPDATE ON neaptide.purge to the role",
        )  # fmt: skip
    else:
        yield check.ok("tombstones", sentence)


def _tracked(job: Job, identity: Identity) -> Iterator[Check]:
    """Whether what `track` would install is there, as this version installs it."""
    if identity.standby:
        yield check.skipped("track", "that is seen on the primary")
        return
    try:
        missing = install.missing(job)
    except errors.NeaptideError as error:
        yield check.skipped("track", error.message)
        return
    if missing:
        message = f"{len(missing)} statements of `neaptide track` are missing, or of an older version"
        yield check.warn("track", message, "run `neaptide track`, or `neaptide track --print` for a DBA")
    else:
        yield check.ok("track", "everything is in place")


def _one(conn: Connection, name: str) -> dict[str, Any]:
    row = _maybe(conn, name)
    assert row is not None
    return row


def _maybe(conn: Connection, name: str) -> dict[str, Any] | None:
    return conn.execute(statements.get("doctor", name)).fetchone()


def _age(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
