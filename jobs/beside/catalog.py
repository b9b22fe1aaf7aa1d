"""A lake's catalog asked directly: who writes, which snapshot is the newest, and the notes that all machines share."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import errors as refused
from psycopg.rows import dict_row

from app import errors, lakes, redaction, statements
from app.lakes import Lake
from jobs.sessions import Lease, OpenSessions

# The lock of the one writer; advisory locks are each database's own, and a lake has a database.
_KEY = 0x6E656170746964
_LOOK_AGAIN = 0.05
_ABSENT = (refused.UndefinedTable, refused.InvalidSchemaName)
Session = psycopg.Connection[dict[str, Any]]


@contextmanager
def translated() -> Iterator[None]:
    """psycopg's errors of a session at the catalog become ours."""
    try:
        yield
    except psycopg.OperationalError as error:
        raise lakes.away(str(error).strip().split("\n")[0]) from error
    except psycopg.Error as error:
        text = redaction.bare(str(error).strip().split("\n")[0])
        raise errors.TargetUnusable(f"the lake's catalog refused: {text}") from error


@dataclass(frozen=True)
class Catalog:
    """The catalog's database. A process that asks often gives `sessions`, a writer its `lease`."""

    lake: Lake
    sessions: OpenSessions | None = None
    lease: Lease = field(default_factory=Lease)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session there, in autocommit. Raises `errors.CatalogUnavailable`."""
        with translated():
            if self.lease.session is not None:
                yield self.lease.session
            elif self.sessions is not None:
                with self.sessions.catalog.lend(self._connect, _greet) as conn:
                    yield conn
            else:
                with self._connect() as conn:
                    yield conn

    def _connect(self) -> Session:
        conn = psycopg.connect(
            self.lake.conninfo, autocommit=True, row_factory=dict_row, prepare_threshold=None,
            application_name=f"neaptide lake {socket.gethostname()} {os.getpid()}",
        )  # fmt: skip
        conn.execute(statements.get("lake", "wait_a_minute").encode())
        return conn

    def row(self, name: str, given: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """The first row of a block of sql/sync/lake.sql; None where what it reads is not there."""
        with self.session() as conn:
            try:
                return conn.execute(statements.get("lake", name).encode(), given).fetchone()
            except _ABSENT:
                return None

    # Who writes

    @contextmanager
    def locked(self, *, wait: bool, timeout: float | None) -> Iterator[None]:
        """Hold the lock of the one writer. The server lets go of it when the session ends."""
        with self.session() as conn:
            self._acquire(conn, wait=wait, timeout=timeout)
            self.lease.session = conn
            try:
                yield
            finally:
                self.lease.session = None
                with suppress(psycopg.Error):
                    conn.execute(statements.get("lake", "give_back").encode(), {"key": _KEY})

    def _acquire(self, conn: Session, *, wait: bool, timeout: float | None) -> None:
        until = None if timeout is None else time.monotonic() + timeout
        while not self._take(conn):
            if not wait or (until is not None and time.monotonic() > until):
                raise errors.LockHeld(f"another run holds {self.lake.shown}{self.holder()}", hint="wait for it to end")
            time.sleep(_LOOK_AGAIN)

    def _take(self, conn: Session) -> bool:
        row = conn.execute(statements.get("lake", "take").encode(), {"key": _KEY}).fetchone()
        return row is not None and bool(row["taken"])

    def check_held(self) -> None:
        """Raise `errors.LockHeld` where the lock is not this session's any more."""
        row = None
        if self.lease.session is not None:
            with suppress(errors.NeaptideError):
                row = self.row("holder", {"key": _KEY})
        if row is None or not row["own"]:
            raise errors.LockHeld(f"the lock of {self.lake.shown} was lost: this run is given up")

    def holder(self) -> str:
        """Which other session holds the lock, in brackets; empty where it is free, or this one's."""
        row = self.row("holder", {"key": _KEY})
        if row is None or row["own"]:
            return ""
        return f" ({row['application'] or 'a session'}, process {row['pid']} of the catalog's server)"

    # What is there

    def version(self) -> int | None:
        """The newest snapshot of a whole run; None where no run was ever finished."""
        row = self.row("version")
        return None if row is None else row["version"]

    def check_empty(self) -> None:
        """Raise `errors.TargetUnusable` where a lake without a run holds tables; let it be where the config says."""
        row = self.row("tables_of_others")
        if row and row["names"]:
            message = f"{self.lake.shown} holds tables that are not Neaptide's: {row['names']}"
            raise errors.TargetUnusable(message, hint="give [target] url a database of its own")
        self.row("move_empty", {"data": self.lake.data.rstrip("/") + "/"})

    def size(self) -> int:
        """The bytes of all its files."""
        row = self.row("size")
        return int(row["bytes"]) if row else 0

    # Notes

    def read(self, name: str) -> str:
        """What was noted; empty where nothing was, or this role may not look."""
        try:
            row = self.row("read_note", {"name": name})
        except errors.TargetUnusable:
            return ""
        return "" if row is None else str(row["content"])

    def noted(self, what: str) -> list[str]:
        """The names of the notes of one kind: its own, and those with the name of a source behind it."""
        try:
            row = self.row("noted", {"name": what})
        except errors.TargetUnusable:
            return []
        return list(row["names"]) if row else []

    def write(self, name: str, content: str) -> None:
        """Note it."""
        self._noting("write_note", {"name": name, "content": content})

    def forget(self, name: str) -> None:
        """Note it no longer."""
        with self.session() as conn, suppress(*_ABSENT):
            conn.execute(statements.get("lake", "forget_note").encode(), {"name": name})

    def identity(self) -> str:
        """What names the lake on every machine."""
        row = self._noting("keep_note", {"name": "id", "content": secrets.token_hex(16)})
        assert row is not None
        return str(row["content"])

    def _noting(self, block: str, given: dict[str, Any]) -> dict[str, Any] | None:
        with self.session() as conn:
            try:
                return _first(conn.execute(statements.get("lake", block).encode(), given))
            except _ABSENT:
                # Two machines may make it at once.
                with suppress(refused.UniqueViolation, refused.DuplicateObject):
                    conn.execute(statements.get("lake", "create_notes").encode())
                return _first(conn.execute(statements.get("lake", block).encode(), given))


def _greet(conn: Session) -> None:
    conn.execute(statements.get("session", "alive").encode())


def _first(cursor: psycopg.Cursor[dict[str, Any]]) -> dict[str, Any] | None:
    return cursor.fetchone() if cursor.description else None
