"""Replication slots and publications, as PostgreSQL shows them; making and dropping a slot."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from app import errors, redaction, statements
from jobs import quoting
from jobs.position.snapshot import position
from jobs.tables.published import Publication
from jobs.tables.table import Table

# From this version on a standby may take a slot over with all else.
_FAILOVER = 170000
# From this version on a message can be flushed without a commit.
_FLUSHES = 170000
# How long whoever reads from a slot may take to end.
_PATIENCE = 10.0
LOST = ("lost",)
# What is said of a slot that isn't there, where others have a state.
GONE = "gone"
Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Slot:
    """A slot, and the settings that bear on it. `held` are the bytes of log that are kept for it.

    `safe` are the bytes that may be written until it is lost; None where there is no bound.
    """

    name: str
    there: bool
    ours: bool
    confirmed: int
    status: str
    active: bool
    held: int
    safe: int | None
    wal_level: str
    keep: str

    @property
    def lost(self) -> bool:
        """Whether the server has forgotten what it was to hold."""
        return self.there and self.status in LOST

    def problem(self) -> errors.NotTracked | None:
        """Why nothing can be read from it, with the next step."""
        if self.wal_level != "logical":
            return level_error(self.wal_level)
        if not self.there:
            return errors.NotTracked(
                f"the replication slot {self.name} of this target is not there", hint="run `neaptide track`"
            )
        if not self.ours:
            return errors.NotTracked(
                f"the replication slot {self.name} is of another kind or database",
                hint="drop it, then run `neaptide track`",
            )
        return None


def level_error(level: str) -> errors.NotTracked:
    """The error for a server whose log does not tell which rows changed."""
    return errors.NotTracked(
        f'feed = "wal" needs wal_level = logical, and the server has {level}',
        hint='ALTER SYSTEM SET wal_level = logical, and restart the server; or set feed = "watermark"',
    )


def read(conn: Connection, name: str) -> Slot:
    """The slot of this name, there or not."""
    row = conn.execute(statements.get("wal", "slot"), {"name": name}).fetchone()
    assert row is not None
    return Slot(
        name, row["there"], bool(row["ours"]), position(row["confirmed"] or ""), row["status"], row["active"],
        row["held"] or 0, row["safe"], row["wal_level"], row["keep"],
    )  # fmt: skip


def publication(conn: Connection, name: str, tables: Sequence[Table]) -> Publication:
    """The publication of this name, as far as these tables go."""
    with conn.pipeline():
        members = conn.execute(statements.get("wal", "members"), {"name": name})
        parts = conn.execute(statements.get("wal", "parts"), {"relids": [table.relid for table in tables]})
    return Publication.of(name, members.fetchall(), parts)


def making(name: str, version: int) -> str:
    """The statement that makes a slot, which waits for all transactions that are running; not within a transaction."""
    more = ", false, false, true" if version >= _FAILOVER else ""
    return f"SELECT pg_catalog.pg_create_logical_replication_slot({quoting.literal(name)}, 'pgoutput'{more})"


def pushing(version: int) -> str:
    """The statement after which the log is on the disk as far as it was written before."""
    if version >= _FLUSHES:
        return statements.get("wal", "flush")
    return statements.get("wal", "flush_by_commit")


def make(conn: Connection, name: str) -> None:
    """Make the slot. Raises `errors.AccessDenied` where the role may not, `errors.NotTracked` where no more fit."""
    try:
        conn.execute(making(name, conn.info.server_version).encode())
    except psycopg.errors.InsufficientPrivilege as error:
        raise denied(error) from error
    except psycopg.errors.ConfigurationLimitExceeded as error:
        raise errors.NotTracked(
            f"PostgreSQL: {_line(error)}", hint="raise max_replication_slots, and restart the server"
        ) from error


def denied(error: psycopg.Error) -> errors.AccessDenied:
    """The error for a role that may not replicate."""
    return errors.AccessDenied(f"PostgreSQL: {_line(error)}", hint="ALTER ROLE … REPLICATION for the role of the sync")


def drop(conn: Connection, name: str) -> None:
    """Drop the slot if it is there; whoever reads from it for Neaptide is ended first."""
    until = time.monotonic() + _PATIENCE
    while True:
        conn.execute(statements.get("wal", "let_go"), {"name": name})
        try:
            conn.execute(statements.get("wal", "drop_slot"), {"name": name})
        except psycopg.errors.ObjectInUse as error:
            if time.monotonic() > until:
                raise errors.SourceTimeout(
                    f"the slot {name} is in use: {_line(error)}", hint="end that first"
                ) from error
            time.sleep(0.05)
        except psycopg.errors.UndefinedObject:
            # Somebody else was at it at the same moment.
            return
        else:
            return


def take_over(conn: Connection, name: str) -> bool:
    """End another process of Neaptide's that reads from the slot; False where it is somebody else's.

    Raises `errors.SourceTimeout` where it doesn't end.
    """
    until = time.monotonic() + _PATIENCE
    while True:
        row = conn.execute(statements.get("wal", "reader"), {"name": name}).fetchone()
        if row is None:
            return True
        if not (row["own"] and row["application"].startswith("neaptide ")):
            return False
        if time.monotonic() > until:
            raise errors.SourceTimeout(f"process {row['pid']} does not let go of the slot {name}", hint="end it")
        conn.execute(statements.get("wal", "let_go"), {"name": name})
        time.sleep(0.02)


def _line(error: psycopg.Error) -> str:
    return redaction.bare(str(error).strip().split("\n")[0])
