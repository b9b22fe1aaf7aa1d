"""A replication stream over libpq's COPY_BOTH, which psycopg hands out from 3.3 on: no other driver is needed.

PostgreSQL manual, "Streaming Replication Protocol". The server keeps its log from the position on that is confirmed
here; `received` is how far it has sent all that there is to send.
"""

from __future__ import annotations

import select
import struct
import time
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import pq

from app import errors
from jobs import quoting
from jobs.feeds.wal.pgoutput import Decoder, Transaction
from jobs.source.failures import translate

# 2000-01-01 in microseconds of Unix time, from which PostgreSQL counts.
_EPOCH = 946_684_800_000_000
# How often the server is told at least that somebody listens, in seconds: a sixth of the default wal_sender_timeout.
_HEARTBEAT = 10.0
# How long the server may take to begin.
_PATIENCE = 60.0
# From this version on it sends large transactions before they end.
_STREAMS = 140000


def text(position: int) -> str:
    """A position as PostgreSQL writes it."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


class Stream:
    """One slot's changes from `start` on. Not for several threads at once."""

    def __init__(self, conn: psycopg.Connection[Any], slot: str, start: int, decoder: Decoder) -> None:
        self.conn, self.decoder = conn, decoder
        self.received = self.confirmed = start
        self._pg = conn.pgconn
        self._reported_at = time.monotonic()
        streams = ", streaming 'on'" if conn.info.server_version >= _STREAMS else ""
        version = 2 if streams else 1
        self._begin(
            f"START_REPLICATION SLOT {quoting.identifier(slot)} LOGICAL {text(start)}"
            f" (proto_version '{version}', publication_names {quoting.literal(quoting.identifier(slot))}{streams})"
        )

    def fileno(self) -> int:
        """The socket, for select."""
        return self._pg.socket

    def take(self, handle: Callable[[Transaction], object]) -> None:
        """Hand on what has come, without a wait. Raises psycopg's errors where the stream ends."""
        self._pg.consume_input()
        while True:
            size, data = self._pg.get_copy_data(1)
            if size == 0:
                break
            if size < 0:
                self._ended()
            self._message(bytes(data), handle)
        if time.monotonic() - self._reported_at > _HEARTBEAT:
            self._report()

    def wait(self, seconds: float) -> bool:
        """Wait until something comes, at most so long; whether it did."""
        # Not select(2), which knows no descriptors beyond 1024.
        poll = select.poll()
        poll.register(self._pg.socket, select.POLLIN)
        return bool(poll.poll(max(0.0, seconds) * 1000))

    def ask(self) -> None:
        """Have the server say at once how far it is."""
        self._report(reply=True)

    def confirm(self, position: int) -> None:
        """Let the server forget its log before this."""
        if position > self.confirmed:
            self.confirmed = position
            self._report(confirming=True)

    def close(self) -> None:
        """End the session."""
        self.conn.close()

    def _begin(self, command: str) -> None:
        self._pg.send_query(command.encode())
        until = time.monotonic() + _PATIENCE
        while self._pg.flush() or self._pg.is_busy():
            if time.monotonic() > until:
                raise errors.SourceTimeout("PostgreSQL does not begin to send its log", hint="look at its load")
            self.wait(0.1)
            self._pg.consume_input()
        result = self._pg.get_result()
        if result is None or result.status != pq.ExecStatus.COPY_BOTH:
            raise _error(self._pg, result)

    def _ended(self) -> None:
        result = self._pg.get_result()
        if result is not None and result.status != pq.ExecStatus.FATAL_ERROR:
            raise psycopg.OperationalError("the server ended the stream of its log")
        raise _error(self._pg, result)

    def _message(self, data: bytes, handle: Callable[[Transaction], object]) -> None:
        if data[:1] == b"w":
            one = self.decoder.take(data[25:])
            if one is not None:
                handle(one)
                self.received = max(self.received, one.end)
        elif data[:1] == b"k":
            end, _at, asked = struct.unpack_from(">QqB", data, 1)
            # All that commits before it has been sent: a database in which nothing happens moves on, too.
            self.received = max(self.received, end)
            if asked:
                self._report()

    def _report(self, *, reply: bool = False, confirming: bool = False) -> None:
        """Say what was received. What is confirmed is said once only, and then taken back from the session.

        A server that shuts down waits until a session has confirmed all of its log, or for one that confirms nothing,
        until it has received all: the files need not be as far as that.
        """
        now = int(time.time() * 1e6) - _EPOCH
        for flushed in (self.confirmed, 0) if confirming else (0,):
            self._pg.put_copy_data(struct.pack(">cQQQqB", b"r", self.received, flushed, flushed, now, int(reply)))
        self._pg.flush()
        self._reported_at = time.monotonic()


def _error(connection: pq.abc.PGconn, result: pq.abc.PGresult | None) -> psycopg.Error:
    if result is not None and result.error_field(pq.DiagnosticField.SQLSTATE):
        return psycopg.errors.error_from_result(result)
    return psycopg.OperationalError(connection.error_message.decode(errors="replace").strip() or "the stream ended")


def translated(error: psycopg.Error) -> errors.NeaptideError:
    """The error of ours for one of the stream's."""
    return translate(error)
