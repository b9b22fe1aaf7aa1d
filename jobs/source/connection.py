"""The PostgreSQL a run reads: one control connection, its floor, and the snapshot every reader joins."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import psycopg
from psycopg import conninfo
from psycopg.rows import dict_row

from app import config, errors, redaction, statements
from jobs.position import clock
from jobs.position.snapshot import Snapshot, position
from jobs.sessions import Keep
from jobs.source import logins, pulse
from jobs.source import settings as sessions
from jobs.source.settings import Session
from jobs.types import column_plan, masks

Connection = psycopg.Connection[dict[str, Any]]
_DISK_PATIENCE = 60.0
# How often the server's clock is asked for at most, and the seconds within which an answer is good.
_QUESTIONS, _PROMPT = 3, 0.5
# What PostgreSQL says when a session, a transaction or a wait in one took too long; the session is gone then.
_ENDED = ("25P03", "25P04", "57P05")


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


class Source:
    """One run's way to PostgreSQL. `url` may hold a password and `pads` are as good as a key; neither is ever shown."""

    def __init__(
        self,
        url: str,
        settings: config.Source,
        keep: Keep | None = None,
        longest: timedelta = timedelta(hours=2),
        pads: str = "",
    ) -> None:
        self._url = url
        self._settings = settings
        self._keep = keep
        self.pads = pads
        self._longest = longest

    @contextmanager
    def connect(self, *, application: str = "neaptide") -> Iterator[Connection]:
        """A read-only autocommit connection. Raises `errors.SourceUnavailable` or `errors.AccessDenied`."""
        with translated(), self._open(application) as conn:
            yield conn

    @contextmanager
    def meet(self, guard: Callable[[Connection], object] = lambda _: None) -> Iterator[tuple[Connection, Identity]]:
        """The connection of a run, perhaps a kept one, and which source it leads to.

        `guard` is given the connection before anything is asked. A kept one that died since the last run is found by
        the question, and replaced.
        """
        known: list[Identity] = []

        def ask(conn: Session) -> None:
            guard(conn)
            sessions.renew(conn, self.settings(), self._connector("neaptide"))
            known.append(identity(conn))

        with translated(), self._lent(ask) as conn:
            if not known:
                ask(conn)
            yield conn, known[0]

    def _lent(self, greet: Callable[[Session], object]) -> AbstractContextManager[Session]:
        if self._keep is None:
            return self._open("neaptide")
        return self._keep.source.lend(lambda: self._open("neaptide"), greet)

    def _open(self, application: str) -> Session:
        conn = self.open(application)
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        conn.read_only = True
        return conn

    def open(
        self, application: str, more: Mapping[str, str] | None = None, *, limit: float | None = None, **options: str
    ) -> Session:
        """A new autocommit connection with the settings of every session, and with `more`. Raises psycopg's errors.

        `options` are libpq's, and an answer may take `limit` seconds. Raises `errors.ConfigError` behind a pooler that
        gives no session.
        """
        connect = self._connector(application, **options)
        conn = connect()
        conn.limit = limit
        try:
            sessions.adopt(conn, {**self.settings(), **(more or {})}, connect)
        except BaseException:
            conn.close()
            raise
        return conn

    def give_pads(self, conn: Connection) -> None:
        """Give the open transaction what the masks are computed with, where its session reads for the run itself."""
        if self.pads:
            row = conn.execute(statements.get("masks", "nonce")).fetchone()
            assert row is not None
            conn.execute(statements.get("masks", "pads"), {"hidden": masks.hidden(self.pads, row["nonce"])})

    def answers(self, seconds: float) -> bool:
        """Whether the server says anything at all within so many seconds."""
        return pulse.answers(conninfo.make_conninfo(self._url, **self.options()), seconds)

    def _connector(self, application: str, **options: str) -> Callable[[], Session]:
        text = conninfo.make_conninfo(self._url, **{**self.options(application), **options})
        return partial(Session.connect, text, row_factory=dict_row, autocommit=True)

    def options(self, application: str = "neaptide") -> dict[str, str]:
        """What every connection of a run is made with beside the URL: its name, bounds, keepalives. No secret."""
        return {
            "application_name": f"{application} {os.getpid()}",
            "connect_timeout": str(max(2, int(self._settings.connect_timeout.total_seconds()))),
            "keepalives_idle": "30",
            "keepalives_interval": "10",
            "keepalives_count": "3",
            "tcp_user_timeout": "60000",
        }

    def settings(self) -> dict[str, str]:
        """What every session of a run has set, whatever its role has: bounds, and how values are spelled.

        Older servers don't know all of them.
        """
        return {
            "statement_timeout": _ms(self._settings.statement_timeout),
            "lock_timeout": _ms(self._settings.lock_timeout),
            # The control session waits in its transaction while others read, at most for as long as a run may last.
            "idle_in_transaction_session_timeout": _ms(self._longest + timedelta(minutes=1)),
            # Sessions that are kept wait for the next run, and [sync] deadline bounds a run.
            "idle_session_timeout": "0",
            "transaction_timeout": "0",
            # A role that row-level security hides rows from gets an error instead of a smaller copy.
            "row_security": "off",
            # A view that took a table's place is not read; where views are asked for, see `settings.let_views`.
            "restrict_nonsystem_relation_kind": "view",
            **column_plan.READER_SETTINGS,
        }

    def end_sessions(self) -> None:
        """Have the server end every session this process has for its runs, found by their name."""
        with self.connect(application="neaptide deadline") as conn:
            conn.execute(statements.get("source", "end_sessions"), {"name": f"neaptide {os.getpid()}"})

    def parts(self) -> dict[str, str]:
        """host, port, user, password and dbname as libpq sees them, for DuckDB's secret."""
        found = conninfo.conninfo_to_dict(self._url)
        return {key: str(value) for key, value in found.items() if value is not None}


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
    found = []
    for _ in range(_QUESTIONS):
        asked = clock.mark()
        server = one(conn, "clock")["clock"]
        found.append((server, clock.reading(server, asked)))
        if clock.took(found[-1][1]) < _PROMPT:
            return found[-1]
    return min(found, key=lambda one: clock.took(one[1]))


@contextmanager
def snapshot(conn: Connection, locked: Sequence[str] = (), *, standby: bool = False) -> Iterator[Snapshot]:
    """Take the snapshot of the transaction that is open on `conn`; but on a `standby`, other sessions may join it.

    The quoted tables `locked` are locked in it already, and whoever joins it has to lock them, too.
    """
    row = one(conn, "standby_snapshot" if standby else "snapshot")
    sessions.check(conn, row["backend"])
    try:
        yield Snapshot.parse(
            row["snapshot"], as_of=row["as_of"], exported=row["exported"], wal=row["wal"], wal_end=row["wal_end"],
            locked=tuple(locked),
        )  # fmt: skip
    except errors.SourceUnavailable:
        # A reader whose session a standby ended knows only that it is gone; this one is told why.
        with translated():
            conn.execute("SELECT 1")
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
    """The only row of a block of sql/source.sql."""
    row = conn.execute(statements.get("source", name)).fetchone()
    assert row is not None
    return row


@contextmanager
def translated() -> Iterator[None]:
    """Driver errors become ours, by what the reader can do about them; the driver's stays chained."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(error) from error


def translate(error: psycopg.Error) -> errors.NeaptideError:
    """The error of ours that says what can be done about a driver's error. libpq quotes a URL that it can't read."""
    text = redaction.bare(str(error).strip().split("\n")[0])
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        if "row-level security" in text:
            return errors.AccessDenied(
                f"PostgreSQL: {text}",
                hint="give the reading role BYPASSRLS, or leave the table out: a part is no copy",
            )
        return errors.AccessDenied(f"PostgreSQL: {text}", hint="grant the reading role SELECT on the table")
    if "conflict with recovery" in text or isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
        return _standby_error(text)
    if isinstance(error, psycopg.errors.QueryCanceled | psycopg.errors.LockNotAvailable):
        return errors.SourceTimeout(f"PostgreSQL: {text}", hint="raise [source] statement_timeout or lock_timeout")
    if error.sqlstate in _ENDED:
        return errors.SourceTimeout(f"PostgreSQL: {text}", hint="look at the timeouts of the role and the server")
    if isinstance(error, psycopg.OperationalError):
        return _connection_error(error, text)
    return errors.NeaptideError(f"PostgreSQL: {text}")


def _standby_error(text: str) -> errors.NeaptideError:
    if "conflict with recovery" in text:
        return errors.StandbyConflict(f"PostgreSQL: {text}", hint=errors.StandbyConflict.advice)
    return errors.NotTracked(f"PostgreSQL: {text}", hint="the source is a standby: run this on the primary")


def _connection_error(error: psycopg.OperationalError, text: str) -> errors.NeaptideError:
    everything = str(error)
    refused = logins.refused(everything, text)
    if refused:
        return refused
    if "query_wait_timeout" in everything:
        return errors.SourceUnavailable(
            "the pooler before PostgreSQL has no connection left",
            hint="raise its pool size (pgbouncer: default_pool_size): a run takes up to [source] max_connections of it",
        )
    if "database" in everything and "does not exist" in everything:
        return errors.AccessDenied(f"PostgreSQL: {text}", hint="check the database's name in [source] url")
    return errors.SourceUnavailable(f"PostgreSQL can't be reached: {text}", hint="check [source] url and the server")


def _ms(value: timedelta) -> str:
    return str(int(value.total_seconds() * 1000))
