"""A writer's session, lent to a run: what the writer's open transaction sees, the file is brought to.

The transaction is REPEATABLE READ, so it sees one snapshot and what it has written itself. It is read with the settings
of every session of a run, which it has only while it is read: the writer's own statements and triggers run with his.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import IsolationLevel, pq
from psycopg.rows import dict_row

from app import statements
from jobs import quoting
from jobs.source import settings as sessions
from jobs.source.connection import Connection, Source
from jobs.source.failures import translated

# What `Source.give_pads` leaves in the transaction.
_PADS = ("neaptide.mask_inner", "neaptide.mask_outer", "neaptide.nonce")


class Borrowed:
    """A driver's connection with no transaction open, and how the run wants to read."""

    def __init__(self, conn: psycopg.Connection[Any], source: Source) -> None:
        self.conn: Connection = conn
        self._source = source
        self._wanted: Mapping[str, str] = {}
        self._own: Mapping[str, str] = {}
        self._level, self._rows = conn.isolation_level, conn.row_factory

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        """Before the transaction: each statement by itself, with the run's settings."""
        self.conn.rollback()
        self.conn.autocommit = True
        self.conn.row_factory = dict_row
        with translated():
            names = {"names": list(self._source.settings())}
            known = [row["name"] for row in self.conn.execute(statements.get("session", "known"), names)]
            self._wanted = sessions.known(self._source.settings(), known)
            held = self.conn.execute(statements.get("session", "held"), {"names": list(self._wanted)}).fetchone()
            assert held is not None
            self._own = held["held"]
            self._set(self._wanted, local=False)
        try:
            yield self.conn
        finally:
            if not self.conn.closed:
                self._set(self._own, local=False)
                self._give_back()

    @contextmanager
    def begun(self) -> Iterator[None]:
        """A transaction without a snapshot yet, to be read at once; undone where the block ends while it is open."""
        self.conn.isolation_level = IsolationLevel.REPEATABLE_READ
        try:
            yield
        finally:
            if not self.conn.closed:
                if not self.conn.autocommit:
                    self.conn.rollback()
                self._give_back()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Within the transaction, for as long as it is read."""
        self.conn.row_factory = dict_row
        with translated():
            # SET takes no snapshot, which must not be older than the locks.
            self.conn.execute(sessions.statement(self._wanted, local=True).encode())
        try:
            yield self.conn
        finally:
            if self._is_open():
                self._set({**self._own, **dict.fromkeys(_PADS, "")}, local=True)
            self.conn.row_factory = self._rows

    def prepare(self, gid: str) -> None:
        """The first half of a commit. Raises psycopg's errors; then it is undone."""
        with translated():
            self.conn.execute(f"PREPARE TRANSACTION {quoting.literal(gid)}".encode())

    def finish(self, gid: str) -> None:
        """The second half."""
        self.conn.autocommit = True
        with translated():
            self.conn.execute(f"COMMIT PREPARED {quoting.literal(gid)}".encode())

    def _is_open(self) -> bool:
        return not self.conn.closed and self.conn.info.transaction_status == pq.TransactionStatus.INTRANS

    def _set(self, values: Mapping[str, str], *, local: bool) -> None:
        with translated():
            given = {"names": list(values), "values": list(values.values()), "local": local}
            self.conn.execute(statements.get("session", "give"), given)

    def _give_back(self) -> None:
        """As the writer had it."""
        self.conn.autocommit, self.conn.isolation_level, self.conn.row_factory = False, self._level, self._rows
