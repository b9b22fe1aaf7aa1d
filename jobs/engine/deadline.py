"""Bounds a run: when its time is up, every session it has is ended, whatever it waits for."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import timedelta
from typing import Any, Self

import duckdb
import psycopg

from app import errors
from jobs.engine import sockets
from jobs.engine.session import DuckSession
from jobs.source.connection import Source

# How long the server may take to end the sessions itself before their sockets are shut down.
GRACE = 5.0


class Deadline:
    """A timer around a run. A run that it cuts short raises `errors.SourceTimeout`, whatever it was doing."""

    def __init__(self, limit: timedelta, source: Source) -> None:
        self._limit = limit
        self._source = source
        self._timer = threading.Timer(limit.total_seconds(), self._strike)
        self._timer.daemon = True
        self._sessions: list[DuckSession] = []
        self._peers: list[object] = []
        self._over = threading.Event()
        self.passed = False

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._over.set()
        self._timer.cancel()
        if self.passed and isinstance(error, errors.NeaptideError | psycopg.Error | duckdb.Error):
            raise errors.SourceTimeout(
                f"the run took longer than [sync] deadline = {self._limit} allows: {error}",
                hint="raise [sync] deadline, or find out what keeps PostgreSQL from answering",
            ) from error

    def guard(self, session: psycopg.Connection[Any] | DuckSession) -> None:
        """End this session too when the time is up."""
        if isinstance(session, DuckSession):
            self._sessions.append(session)
        else:
            self._peers.append(sockets.peer_of(session.fileno()))

    def _strike(self) -> None:
        """The server ends the sessions, so that it does no more work for nobody; if it can't be asked, we do."""
        self.passed = True
        for session in self._sessions:
            with suppress(duckdb.Error):
                session.connection.interrupt()
        threading.Thread(target=self._ask_server, daemon=True).start()
        # A source that stands still, or one of which the network lost track, answers nobody.
        while not self._over.wait(GRACE):
            for peer in self._peers:
                sockets.shut(peer)

    def _ask_server(self) -> None:
        with suppress(errors.NeaptideError):
            self._source.end_sessions()
